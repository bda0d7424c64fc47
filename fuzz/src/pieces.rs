//! An input that states how it is split.

use std::borrow::Cow;

/// The input has one byte (bit 0: `native` or not; bits 1 to 4: the number of splits; bit 5: whether to seal), a byte
/// for each split (the distance from the previous one), then the bytes.
pub(crate) struct Pieces<'a> {
    pub(crate) is_native: bool,
    cuts: &'a [u8],
    bytes: Cow<'a, [u8]>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn of(input: &'a [u8]) -> Option<Self> {
        let (head, rest) = input.split_first()?;
        let (cuts, bytes) = rest.split_at_checked(usize::from(head >> 1 & 15))?;
        let bytes = if head & 32 == 0 { bytes.into() } else { sealed(bytes).into() };
        Some(Self { is_native: head & 1 == 1, cuts, bytes })
    }

    /// Returns all the bytes.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes in pieces of these lengths, and the rest. Some pieces may be empty.
    pub(crate) fn cut(&self) -> Vec<&[u8]> {
        let mut bytes = self.whole();
        let mut pieces = Vec::new();
        for length in self.cuts {
            let (piece, rest) = bytes.split_at(usize::from(*length).min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces.push(bytes);
        pieces
    }
}

/// Returns the bytes with a correct checksum in every whole `native` frame, because no mutation would ever produce one.
pub(crate) fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    let mut rest = &mut sealed[..];
    while let Some(length) = rest.first_chunk::<4>() {
        let end = (u32::from_be_bytes(*length) as usize).saturating_add(4);
        if end < 10 || end > rest.len() {
            break;
        }
        let (frame, behind) = rest.split_at_mut(end);
        let checksum = crc32fast::hash(&frame[8..]);
        frame[4..8].copy_from_slice(&checksum.to_be_bytes());
        rest = behind;
    }
    sealed
}
