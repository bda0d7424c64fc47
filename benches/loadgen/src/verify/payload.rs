//! Payloads that prove themselves: who sent them, which one it is, when it was due, and every byte.
//!
//! ```text
//! 0     4           6         8          16             24      32
//! | run | publisher | channel | sequence | intended, ns | check | filler …
//! ```
//! Little-endian. `sequence` counts per publisher and channel, from 0. `check` is a function of the three
//! words before it that is bijective in each of them, so a change within one word never passes. The
//! filler is a fixed random text that starts at another position for each sequence: a payload put together
//! from two others does not pass.

/// The bytes before the filler, and so the least payload.
pub(crate) const HEADER_LEN: usize = 32;

/// The channel index of a probe, which proves that a connection is established and is not counted.
pub(crate) const PROBE: u16 = u16::MAX;

/// The number of positions at which the filler can start.
const ROTATIONS: usize = 64;

/// The fields of a payload's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) publisher: u16,
    pub(crate) channel: u16,
    pub(crate) sequence: u64,
    pub(crate) intended_ns: u64,
}

/// The result of reading a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The payload is of this run. If it is not `intact`, the length or the filler is wrong.
    Ours { header: Header, intact: bool },
    /// The payload is of another run, or of no load generator: it does not begin with this run's number.
    Foreign,
    /// The payload is of this run, but its header is corrupt, so the message cannot be identified.
    Unreadable,
}

/// Returns the channel that a payload names, without verifying it.
#[inline]
pub(crate) fn channel_of(payload: &[u8]) -> Option<u16> {
    payload.get(6..8)?.try_into().ok().map(u16::from_le_bytes)
}

/// Writes and reads the payloads of one run.
#[derive(Debug)]
pub(crate) struct Stamp {
    run: u32,
    payload_len: usize,
    text: Box<[u8]>,
}

impl Stamp {
    /// # Panics
    /// If the payload is shorter than [`HEADER_LEN`]. Settings are checked before.
    pub(crate) fn new(run: u32, payload_len: usize) -> Self {
        let filler_len = payload_len.checked_sub(HEADER_LEN).expect("a payload holds its header");
        let text = (0..filler_len + ROTATIONS).map(text_byte).collect();
        Self { run, payload_len, text }
    }

    /// Appends the payload with this header.
    pub(crate) fn write(&self, header: Header, out: &mut Vec<u8>) {
        let identity = u64::from(self.run) | u64::from(header.publisher) << 32 | u64::from(header.channel) << 48;
        for word in [identity, header.sequence, header.intended_ns] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&check(identity, header.sequence, header.intended_ns).to_le_bytes());
        out.extend_from_slice(self.filler(header));
    }

    #[inline]
    pub(crate) fn read(&self, payload: &[u8]) -> Reading {
        let Some((head, filler)) = payload.split_first_chunk::<HEADER_LEN>() else { return self.not_sound(payload) };
        let [identity, sequence, intended_ns, announced] = words(head);
        if check(identity, sequence, intended_ns) != announced {
            return self.not_sound(payload);
        }
        let [run, places] = halves(identity);
        if run != self.run {
            return Reading::Foreign;
        }
        let [publisher, channel] = quarters(places);
        let header = Header { publisher, channel, sequence, intended_ns };
        Reading::Ours { header, intact: filler == self.filler(header) }
    }

    /// Classifies a payload without a sound header. If the run's number itself was altered, the message is found
    /// missing.
    #[cold]
    fn not_sound(&self, payload: &[u8]) -> Reading {
        if payload.starts_with(&self.run.to_le_bytes()) { Reading::Unreadable } else { Reading::Foreign }
    }

    #[inline]
    fn filler(&self, header: Header) -> &[u8] {
        let start = (header.sequence ^ u64::from(header.publisher)).to_le_bytes()[0] as usize % ROTATIONS;
        &self.text[start..start + self.payload_len - HEADER_LEN]
    }
}

/// Returns a byte of the filler: the finaliser of splitmix64 over the position, so that this function alone defines
/// every byte.
fn text_byte(position: usize) -> u8 {
    let mut word = (position as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word.to_le_bytes()[7]
}

/// Computes the check of a header. Each word times an odd number is a bijection of it, and so is the exclusive or with
/// the results of the others. The three products do not wait for each other.
#[inline]
fn check(identity: u64, sequence: u64, intended_ns: u64) -> u64 {
    let identity = (identity ^ 0xA076_1D64_78BD_642F).wrapping_mul(0xE703_7ED1_A0B4_28DB);
    let sequence = sequence.wrapping_mul(0x8EBC_6AF0_9C88_C6E3);
    identity ^ sequence.rotate_left(21) ^ intended_ns.wrapping_mul(0x5899_65CC_7537_4CC3).rotate_left(43)
}

#[inline]
fn words(head: &[u8; HEADER_LEN]) -> [u64; 4] {
    let (chunks, _) = head.as_chunks::<8>();
    std::array::from_fn(|index| u64::from_le_bytes(chunks[index]))
}

#[inline]
fn halves(word: u64) -> [u32; 2] {
    let bytes = word.to_le_bytes();
    let (halves, _) = bytes.as_chunks::<4>();
    [u32::from_le_bytes(halves[0]), u32::from_le_bytes(halves[1])]
}

#[inline]
fn quarters(half: u32) -> [u16; 2] {
    let bytes = half.to_le_bytes();
    let (quarters, _) = bytes.as_chunks::<2>();
    [u16::from_le_bytes(quarters[0]), u16::from_le_bytes(quarters[1])]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { publisher: 7, channel: 3, sequence: 12_345, intended_ns: 9_876_543_210 };

    fn written(payload_len: usize) -> (Stamp, Vec<u8>) {
        let stamp = Stamp::new(0xDEAD_BEEF, payload_len);
        let mut payload = Vec::new();
        stamp.write(HEADER, &mut payload);
        (stamp, payload)
    }

    #[test]
    fn what_is_written_is_read() {
        for payload_len in [32, 33, 64, 1000] {
            let (stamp, payload) = written(payload_len);
            assert_eq!(payload.len(), payload_len);
            assert_eq!(stamp.read(&payload), Reading::Ours { header: HEADER, intact: true });
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (stamp, payload) = written(100);
        for bit in 0..payload.len() * 8 {
            let mut altered = payload.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            match stamp.read(&altered) {
                Reading::Ours { intact, .. } => assert!(!intact && bit >= HEADER_LEN * 8, "bit {bit}"),
                Reading::Unreadable => assert!((32..HEADER_LEN * 8).contains(&bit), "bit {bit}"),
                Reading::Foreign => assert!(bit < 32, "bit {bit} is not of the run's number"),
            }
        }
    }

    #[test]
    fn the_channel_can_be_told_without_reading() {
        let (_, payload) = written(32);
        assert_eq!(channel_of(&payload), Some(HEADER.channel));
        assert_eq!(channel_of(&payload[..7]), None);
    }

    #[test]
    fn another_length_is_noticed() {
        let (stamp, mut payload) = written(64);
        payload.push(0);
        assert_eq!(stamp.read(&payload), Reading::Ours { header: HEADER, intact: false });
        assert_eq!(stamp.read(&payload[..63]), Reading::Ours { header: HEADER, intact: false });
        assert_eq!(stamp.read(&payload[..31]), Reading::Unreadable);
        assert_eq!(stamp.read(&[]), Reading::Foreign);
        assert_eq!(stamp.read(b"a stranger's words, of any length"), Reading::Foreign);
    }

    #[test]
    fn another_run_is_foreign() {
        let (_, payload) = written(64);
        assert_eq!(Stamp::new(1, 64).read(&payload), Reading::Foreign);
    }
}
