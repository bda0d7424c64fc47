//! The log: a bounded, contiguous run of encoded messages of one channel in one encoding.

use std::collections::VecDeque;

/// The bytes of index that each message costs; they count towards [`Log::size`].
const INDEX_BYTES: usize = size_of::<usize>();

/// Encoded messages, numbered from 0 for the life of the log. The oldest are dropped; the numbers go on.
///
/// The bytes of any range of messages are contiguous, so one send carries them.
#[derive(Debug, Default)]
pub struct Log {
    bytes: Vec<u8>,
    /// The end of each message, counted in bytes from a position before all of them.
    ends: VecDeque<usize>,
    /// The position at which `bytes` begins, counted likewise.
    origin: usize,
    /// Bytes at the front of `bytes` that belong to dropped messages.
    dropped: usize,
    /// The number of the oldest message.
    first: u64,
}

impl Log {
    /// Returns the number of the oldest message that is kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Returns the number that the next message will have.
    pub fn head(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    /// Returns true if no message is kept.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the memory that the kept messages account for: their bytes, and 8 bytes a message for the index.
    pub fn size(&self) -> usize {
        self.bytes.len() - self.dropped + self.ends.len() * INDEX_BYTES
    }

    /// Appends one message, which `write` appends to the buffer.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push_back(self.origin + self.bytes.len());
    }

    /// Appends messages that were encoded elsewhere. `lengths` are their lengths, in order.
    pub fn append_batch(&mut self, bytes: &[u8], lengths: &[u32]) {
        let mut end = self.origin + self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.ends.extend(lengths.iter().map(|length| {
            end += *length as usize;
            end
        }));
        debug_assert_eq!(end, self.origin + self.bytes.len(), "the lengths add up to the batch");
    }

    /// Returns the bytes of the messages `from..to`.
    ///
    /// # Panics
    /// If some of them are not kept.
    pub fn slice(&self, from: u64, to: u64) -> &[u8] {
        &self.bytes[self.offset(from)..self.offset(to)]
    }

    /// Returns the length of each of the messages `from..to`, in bytes.
    ///
    /// # Panics
    /// If some of them are not kept.
    pub fn lengths(&self, from: u64, to: u64) -> impl ExactSizeIterator<Item = u32> {
        let mut begin = self.offset(from) + self.origin;
        let (from, to) = (self.index(from), self.index(to));
        self.ends.range(from..to).map(move |end| {
            let length = end - std::mem::replace(&mut begin, *end);
            u32::try_from(length).expect("a message below 4 GiB")
        })
    }

    /// Returns the position at which a send of the messages from `from` on stopped after `taken` bytes: the first
    /// message of which nothing was taken, and the bytes before it that were not taken.
    ///
    /// # Panics
    /// If some of the messages up to that position are not kept.
    pub fn cut(&self, from: u64, taken: usize) -> (u64, &[u8]) {
        let stopped = self.offset(from) + taken;
        let position = stopped + self.origin;
        let message =
            if taken == 0 { from } else { self.first + self.ends.partition_point(|end| *end < position) as u64 + 1 };
        (message, &self.bytes[stopped..self.offset(message)])
    }

    /// Drops all messages before `message`, or all that are kept.
    pub fn drop_before(&mut self, message: u64) {
        let message = message.clamp(self.first, self.head());
        let offset = self.offset(message);
        self.ends.drain(..self.index(message));
        self.first = message;
        if self.ends.is_empty() {
            self.bytes.clear();
            self.dropped = 0;
        } else if offset > self.bytes.len() / 2 {
            // Moving at most half of the buffer is amortised: as much was appended since the last move.
            self.bytes.drain(..offset);
            self.origin += offset;
            self.dropped = 0;
        } else {
            self.dropped = offset;
        }
    }

    /// Returns the oldest message that can be kept so that the size is at most `size`.
    pub fn oldest_within(&self, size: usize) -> u64 {
        let excess = self.size().saturating_sub(size);
        if excess == 0 {
            return self.first;
        }
        let begin = self.origin + self.dropped;
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            let freed = self.ends[middle] - begin + (middle + 1) * INDEX_BYTES;
            if freed < excess { low = middle + 1 } else { high = middle }
        }
        self.first + (low as u64 + 1).min(self.ends.len() as u64)
    }

    /// Takes the empty buffers out for another log to use.
    ///
    /// # Panics
    /// If the log is not empty.
    pub(crate) fn take_buffers(&mut self) -> Buffers {
        assert!(self.is_empty(), "only an empty log gives up its buffers");
        Buffers { bytes: std::mem::take(&mut self.bytes), ends: std::mem::take(&mut self.ends) }
    }

    /// Gives buffers to a log that has none.
    pub(crate) fn give_buffers(&mut self, buffers: Buffers) {
        debug_assert!(self.is_empty() && buffers.bytes.is_empty() && buffers.ends.is_empty());
        self.bytes = buffers.bytes;
        self.ends = buffers.ends;
    }

    /// Returns true if the log holds memory for messages.
    pub(crate) fn has_buffers(&self) -> bool {
        self.bytes.capacity() > 0
    }

    fn index(&self, message: u64) -> usize {
        usize::try_from(message.checked_sub(self.first).expect("a message that is kept")).expect("an index")
    }

    /// Returns the offset in `bytes` at which a message begins; for the head, that is the end of `bytes`.
    fn offset(&self, message: u64) -> usize {
        match self.index(message) {
            0 => self.dropped,
            index => self.ends[index - 1] - self.origin,
        }
    }
}

/// The memory of an empty log.
#[derive(Debug)]
pub(crate) struct Buffers {
    bytes: Vec<u8>,
    ends: VecDeque<usize>,
}

/// Buffers of empty logs, so that an idle channel holds none and a busy one allocates none.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    free: Vec<Buffers>,
}

impl BufferPool {
    /// The most buffers that are kept.
    const MAX_FREE: usize = 64;
    /// The capacity in bytes of the largest buffer that is kept.
    const MAX_BYTES: usize = 1024 * 1024;

    /// Gives an empty log a free buffer, if there is one, so that appending needs no new allocation.
    pub(crate) fn lend(&mut self, log: &mut Log) {
        if log.is_empty()
            && !log.has_buffers()
            && let Some(buffers) = self.free.pop()
        {
            log.give_buffers(buffers);
        }
    }

    /// Takes back the buffers of an empty log.
    pub(crate) fn reclaim(&mut self, log: &mut Log) {
        let buffers = log.take_buffers();
        if self.free.len() < Self::MAX_FREE && (1..=Self::MAX_BYTES).contains(&buffers.bytes.capacity()) {
            self.free.push(buffers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(messages: &[&str]) -> Log {
        let mut log = Log::default();
        for message in messages {
            log.append(|out| out.extend_from_slice(message.as_bytes()));
        }
        log
    }

    #[test]
    fn a_cut_names_the_next_untouched_message() {
        let log = log(&["aaa", "bb", "c"]);
        assert_eq!(log.cut(0, 0), (0, &b""[..]));
        assert_eq!(log.cut(0, 1), (1, &b"aa"[..]));
        assert_eq!(log.cut(0, 3), (1, &b""[..]));
        assert_eq!(log.cut(0, 4), (2, &b"b"[..]));
        assert_eq!(log.cut(1, 1), (2, &b"b"[..]));
        assert_eq!(log.cut(1, 2), (2, &b""[..]));
    }

    #[test]
    fn numbers_go_on_when_messages_are_dropped() {
        let mut log = log(&["aaa", "bb", "c"]);
        log.drop_before(1);
        assert_eq!((log.first(), log.head(), log.slice(1, 3)), (1, 3, &b"bbc"[..]));
        assert_eq!(log.lengths(1, 3).collect::<Vec<_>>(), [2, 1]);
        log.drop_before(3);
        assert!(log.is_empty());
        log.append(|out| out.extend_from_slice(b"dd"));
        assert_eq!((log.first(), log.head(), log.slice(3, 4)), (3, 4, &b"dd"[..]));
    }

    #[test]
    fn the_oldest_within_a_size_leaves_no_more_than_that_size() {
        let mut log = log(&["aaaa", "bbbb", "cccc"]);
        assert_eq!(log.size(), 36);
        assert_eq!(log.oldest_within(36), 0);
        assert_eq!(log.oldest_within(35), 1);
        assert_eq!(log.oldest_within(24), 1);
        assert_eq!(log.oldest_within(23), 2);
        assert_eq!(log.oldest_within(0), 3);
        log.drop_before(1);
        assert_eq!(log.size(), 24);
        assert_eq!(log.oldest_within(12), 2);
    }
    #[test]
    fn memory_is_moved_when_more_than_half_of_it_was_dropped() {
        let mut log = log(&["aa", "bb", "cc", "dd"]);
        log.drop_before(2);
        assert_eq!((log.dropped, log.bytes.len()), (4, 8), "a half is not worth a move");
        log.drop_before(3);
        assert_eq!((log.dropped, log.bytes.len()), (0, 2));
        log.append(|out| out.extend_from_slice(b"ee"));
        assert_eq!((log.slice(3, 5), log.size()), (&b"ddee"[..], 20));
    }

    #[test]
    fn an_empty_log_without_buffers_is_lent_some() {
        let mut pool = BufferPool::default();
        let mut idle = log(&["aaa"]);
        idle.drop_before(1);
        assert!(idle.has_buffers());
        let bytes = idle.bytes.as_ptr();
        pool.reclaim(&mut idle);
        assert!(!idle.has_buffers() && pool.free.len() == 1);

        let mut busy = log(&["bbb"]);
        pool.lend(&mut busy);
        let mut emptied = log(&["ccc"]);
        emptied.drop_before(1);
        pool.lend(&mut emptied);
        // A message without bytes needs no memory, but it is still a message.
        let mut of_nothing = log(&[""]);
        pool.lend(&mut of_nothing);
        assert_eq!((pool.free.len(), of_nothing.head()), (1, 1), "none of these has a use for them");

        let mut log = Log::default();
        pool.lend(&mut log);
        assert!(std::ptr::eq(log.bytes.as_ptr(), bytes) && pool.free.is_empty());
    }

    #[test]
    fn few_buffers_are_kept_and_none_that_is_large() {
        let mut pool = BufferPool::default();
        let with_capacity = |capacity| Log { bytes: Vec::with_capacity(capacity), ..Log::default() };
        for (capacity, kept) in [(0, 0), (1 << 20, 1), ((1 << 20) + 1, 1), (1, 2)] {
            pool.reclaim(&mut with_capacity(capacity));
            assert_eq!(pool.free.len(), kept, "after one of {capacity} bytes");
        }
        for _ in 0..100 {
            pool.reclaim(&mut with_capacity(1));
        }
        assert_eq!(pool.free.len(), 64);
    }
}
