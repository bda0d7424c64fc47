//! The messages to publish: those of the flags, or the lines of standard input.

use anyhow::bail;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;

/// The most bytes of standard input read at once.
const CHUNK: usize = 64 * 1024;

/// Messages in their order. [`advance`](Self::advance) removes the first once it was published.
pub(super) enum Input {
    Flags(VecDeque<String>),
    Lines(Lines),
}

impl Input {
    /// Creates an input of these messages, or of the lines of standard input if there are none.
    pub(super) fn new(messages: &[String]) -> Self {
        if messages.is_empty() { Self::Lines(Lines::new()) } else { Self::Flags(messages.iter().cloned().collect()) }
    }

    /// Returns the first message, if it has been read.
    ///
    /// # Errors
    /// A line that has more bytes than `limit`, even if its end was not read yet.
    pub(super) fn first(&mut self, limit: u32) -> anyhow::Result<Option<&[u8]>> {
        match self {
            Self::Flags(messages) => Ok(messages.front().map(String::as_bytes)),
            Self::Lines(lines) => lines.first(limit),
        }
    }

    /// Returns true if no whole message has been read and more input may come.
    pub(super) fn is_short(&mut self) -> bool {
        match self {
            Self::Flags(_) => false,
            Self::Lines(lines) => !lines.ended && lines.end_of_first().is_none(),
        }
    }

    /// Removes the first message.
    pub(super) fn advance(&mut self) {
        match self {
            Self::Flags(messages) => drop(messages.pop_front()),
            Self::Lines(lines) => lines.advance(),
        }
    }

    /// Returns the number of the first message as a line of standard input.
    pub(super) fn line_number(&self) -> Option<u64> {
        match self {
            Self::Flags(_) => None,
            Self::Lines(lines) => Some(lines.number),
        }
    }

    /// Returns true if no message is left and none will come.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Flags(messages) => messages.is_empty(),
            Self::Lines(lines) => lines.ended && lines.held_bytes() == 0,
        }
    }

    /// Returns true if more input may come and fewer than `limit` bytes are held.
    pub(super) fn has_room(&self, limit: usize) -> bool {
        match self {
            Self::Flags(_) => false,
            Self::Lines(lines) => !lines.ended && lines.held_bytes() < limit,
        }
    }

    /// Reads once from standard input, if the messages come from there.
    ///
    /// # Errors
    /// Standard input cannot be read.
    pub(super) fn read(&mut self, stdin: impl AsFd) -> io::Result<()> {
        match self {
            Self::Flags(_) => Ok(()),
            Self::Lines(lines) => lines.read(stdin),
        }
    }

    /// Drops the messages that have been read, and reads no more.
    pub(super) fn end(&mut self) {
        *self = Self::Flags(VecDeque::new());
    }
}

/// Lines without their line feeds; the last may lack one.
pub(super) struct Lines {
    /// Bytes that were read. The first line begins at `start`.
    bytes: Vec<u8>,
    start: usize,
    /// Between `start` and here is no line feed.
    searched: usize,
    /// The number of the first line, counted from 1.
    number: u64,
    ended: bool,
    chunk: Box<[u8]>,
}

impl Lines {
    fn new() -> Self {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Self { bytes: Vec::new(), start: 0, searched: 0, number: 1, ended: false, chunk }
    }

    fn held_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Returns the end of the first line, if the whole line has been read.
    fn end_of_first(&mut self) -> Option<usize> {
        let found = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        self.searched = found.map_or(self.bytes.len(), |offset| self.searched + offset);
        let is_last = self.ended && self.held_bytes() > 0;
        (found.is_some() || is_last).then_some(self.searched)
    }

    fn first(&mut self, limit: u32) -> anyhow::Result<Option<&[u8]>> {
        let end = self.end_of_first();
        let line = &self.bytes[self.start..end.unwrap_or(self.bytes.len())];
        if line.len() > limit as usize {
            bail!("line {} has more bytes than the server's limit of {limit}", self.number);
        }
        Ok(end.map(|_| line))
    }

    fn advance(&mut self) {
        if let Some(end) = self.end_of_first() {
            self.start = self.bytes.len().min(end + 1);
            self.searched = self.start;
            self.number += 1;
        }
    }

    fn read(&mut self, stdin: impl AsFd) -> io::Result<()> {
        match rustix::io::read(stdin, &mut self.chunk[..]) {
            Ok(0) => self.ended = true,
            Ok(len) => self.push(len),
            // Another process that shares standard input may have made it non-blocking.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Appends `len` bytes of the chunk, and drops the lines that were removed.
    fn push(&mut self, len: usize) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(&self.chunk[..len]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Returns an input that has read these parts, one at a time.
    fn lines(parts: &[&[u8]]) -> Input {
        let mut input = Input::new(&[]);
        read(&mut input, parts);
        input
    }

    fn read(input: &mut Input, parts: &[&[u8]]) {
        for part in parts {
            let (reader, mut writer) = io::pipe().expect("a pipe");
            writer.write_all(part).expect("room in the pipe");
            input.read(&reader).expect("readable");
        }
    }

    fn end(input: &mut Input) {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(writer);
        input.read(&reader).expect("readable");
    }

    /// Removes and returns the messages that have been read.
    fn taken(input: &mut Input) -> Vec<String> {
        let mut taken = Vec::new();
        while let Some(message) = input.first(100).expect("no long line") {
            taken.push(String::from_utf8(message.to_vec()).expect("UTF-8"));
            input.advance();
        }
        taken
    }

    #[test]
    fn lines_are_put_together_and_the_last_may_lack_its_line_feed() {
        let mut input = lines(&[b"one\n\ntw", b"o\nthree"]);
        assert_eq!(taken(&mut input), ["one", "", "two"]);
        assert!(input.is_short());
        read(&mut input, &[b" and more"]);
        assert_eq!(taken(&mut input), [""; 0]);
        end(&mut input);
        assert!(!input.is_over());
        assert_eq!(input.line_number(), Some(4));
        assert_eq!(taken(&mut input), ["three and more"]);
        assert!(input.is_over());
    }

    #[test]
    fn a_line_feed_at_the_end_begins_no_line() {
        let mut input = lines(&[b"one\n"]);
        end(&mut input);
        assert_eq!(taken(&mut input), ["one"]);
        assert!(input.is_over());
    }

    #[test]
    fn lines_that_are_held_take_the_room_until_they_are_taken() {
        let mut input = lines(&[b"12345\n", b"7890\n"]);
        assert!(input.has_room(12) && !input.has_room(11));
        input.advance();
        assert!(input.has_room(6) && !input.has_room(5));
        end(&mut input);
        assert!(!input.has_room(6), "there is nothing to read");
    }

    #[test]
    fn a_line_over_the_limit_is_named_before_its_end_is_read() {
        let mut input = lines(&[b"1234\n12345"]);
        assert_eq!(input.first(4).expect("just long enough"), Some(&b"1234"[..]));
        input.advance();
        let error = input.first(4).expect_err("a long line").to_string();
        assert_eq!(error, "line 2 has more bytes than the server's limit of 4");
        assert_eq!(input.first(5).expect("another server"), None);
    }

    #[test]
    fn messages_of_flags_are_no_lines() {
        let mut input = Input::new(&["two\nlines".into(), String::new()]);
        assert!(!input.is_short() && !input.has_room(usize::MAX));
        assert_eq!(taken(&mut input), ["two\nlines", ""]);
        assert!(input.is_over());
    }
}
