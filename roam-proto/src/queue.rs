//! The queue of a channel's elements.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::coding::{Reader, WireError, WriteBytes};

/// The elements of a channel, in order, as encoded bytes.
///
/// Memory use is bounded by the elements' bytes: small elements are packed into shared buffers,
/// consecutive empty ones are only counted, and large ones are kept as slices of their frames.
#[derive(Debug, Default)]
pub struct ElementQueue {
    segments: VecDeque<Segment>,
    /// The number of empty elements after the segments.
    empty: u64,
    bytes: usize,
}

#[derive(Debug)]
enum Segment {
    Whole(Bytes),
    Run(Run),
}

/// Small elements in one buffer.
///
/// Each is preceded by a varint: twice its length, plus one if empty elements follow. The number of
/// those comes after the element.
#[derive(Debug)]
struct Run {
    encoded: Vec<u8>,
    /// The offset of the next element to read.
    read: usize,
    /// The offset of the last element.
    last: usize,
    /// The number of empty elements to read before the next one in `encoded`.
    empty: u64,
}

/// Elements from this length on have their own buffer, which costs more than a shorter element.
const LARGE: usize = 4 * 1024;
/// The longest run, in bytes. A run is freed only as a whole, so it must not grow forever.
const RUN_LENGTH: usize = 32 * 1024;
/// The most bytes that the encoding of an element adds to it.
const OVERHEAD: usize = 16;

impl ElementQueue {
    /// Creates an empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether the queue has no elements.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.empty == 0
    }

    /// Returns the total bytes of all elements.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends an element that is a part of `frame`. A large one shares the frame's memory, unless
    /// it would keep a much larger frame alive.
    pub(crate) fn push_part(&mut self, frame: &Bytes, element: &[u8]) {
        if element.len() >= LARGE && element.len() >= frame.len() / 2 {
            self.push_whole(frame.slice_ref(element));
        } else {
            self.push(element);
        }
    }

    /// Appends a copy of an element.
    pub fn push(&mut self, element: &[u8]) {
        if element.is_empty() {
            self.empty += 1;
        } else if element.len() >= LARGE {
            self.push_whole(Bytes::copy_from_slice(element));
        } else {
            self.flush_empty();
            self.push_small(element);
        }
    }

    fn push_whole(&mut self, element: Bytes) {
        self.flush_empty();
        self.bytes += element.len();
        self.segments.push_back(Segment::Whole(element));
    }

    fn push_small(&mut self, element: &[u8]) {
        self.bytes += element.len();
        match self.segments.back_mut() {
            Some(Segment::Run(run)) if run.has_capacity(element.len()) => run.push(element),
            _ => {
                let mut run = Run::new(0);
                run.push(element);
                self.segments.push_back(Segment::Run(run));
            }
        }
    }

    /// Moves the count of empty elements into a segment, before another element is appended.
    fn flush_empty(&mut self) {
        let empty = core::mem::take(&mut self.empty);
        if empty == 0 {
            return;
        }
        match self.segments.back_mut() {
            Some(Segment::Run(run)) => run.push_empty(empty),
            _ => self.segments.push_back(Segment::Run(Run::new(empty))),
        }
    }

    /// Removes the first element and passes it to `read`. Returns `None` when the queue is empty.
    #[inline]
    pub fn pop<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (result, len, segment_ended) = match self.segments.front_mut() {
            None if self.empty == 0 => return None,
            None => {
                self.empty -= 1;
                return Some(read(&[]));
            }
            Some(Segment::Whole(element)) => (read(element), element.len(), true),
            Some(Segment::Run(run)) => {
                let element = run.next();
                let (result, len) = (read(element), element.len());
                (result, len, run.is_empty())
            }
        };
        self.bytes -= len;
        if segment_ended {
            self.segments.pop_front();
        }
        Some(result)
    }

    /// Returns the length of the first element.
    pub fn front_len(&self) -> Option<usize> {
        match self.segments.front() {
            None => (self.empty > 0).then_some(0),
            Some(Segment::Whole(element)) => Some(element.len()),
            Some(Segment::Run(run)) => Some(run.next_len()),
        }
    }
}

impl Run {
    fn new(empty: u64) -> Self {
        Self {
            encoded: Vec::new(),
            read: 0,
            last: 0,
            empty,
        }
    }

    fn is_empty(&self) -> bool {
        self.empty == 0 && self.read == self.encoded.len()
    }

    fn has_capacity(&self, len: usize) -> bool {
        self.encoded.len() + len + OVERHEAD <= RUN_LENGTH
    }

    /// Appends an element. Buffers double up to the longest run, so a full one has little excess.
    fn push(&mut self, element: &[u8]) {
        self.last = self.encoded.len();
        let needed = self.last + element.len() + OVERHEAD;
        if self.encoded.capacity() < needed {
            let capacity = needed.next_power_of_two().min(RUN_LENGTH);
            self.encoded.reserve_exact(capacity - self.last);
        }
        self.encoded.write_varint(2 * element.len() as u64);
        self.encoded.write_slice(element);
    }

    /// Appends `count` empty elements. Must directly follow [`push`](Self::push).
    fn push_empty(&mut self, count: u64) {
        debug_assert!(
            self.read <= self.last,
            "runs are dropped once read to the end"
        );
        self.encoded[self.last] |= 1;
        self.encoded.write_varint(count);
    }

    #[inline]
    fn next(&mut self) -> &[u8] {
        if self.empty > 0 {
            self.empty -= 1;
            return &[];
        }
        let mut reader = Reader::new(&self.encoded[self.read..]);
        let (element, empty) = Self::decode(&mut reader).unwrap_or_default();
        self.empty = empty;
        self.read = self.encoded.len() - reader.remaining();
        element
    }

    fn next_len(&self) -> usize {
        if self.empty > 0 {
            return 0;
        }
        let mut reader = Reader::new(&self.encoded[self.read..]);
        Self::decode(&mut reader).unwrap_or_default().0.len()
    }

    /// Decodes an element and the number of empty ones after it. Cannot fail on a run's own bytes.
    #[inline]
    fn decode<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], u64), WireError> {
        let header = reader.varint()?;
        let element = reader.take(header / 2)?;
        let empty = if header % 2 == 1 { reader.varint()? } else { 0 };
        Ok((element, empty))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(queue: &mut ElementQueue) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| queue.pop(<[u8]>::to_vec)).collect()
    }

    fn memory(queue: &ElementQueue) -> usize {
        let segment = |segment: &Segment| match segment {
            Segment::Run(run) => run.encoded.capacity(),
            Segment::Whole(element) => element.len(),
        };
        let segments = queue.segments.capacity() * size_of::<Segment>();
        segments + queue.segments.iter().map(segment).sum::<usize>()
    }

    #[test]
    fn elements_of_any_size_keep_their_order() {
        let elements: Vec<Vec<u8>> = [1, 0, 0, 3, 5_000, 0, 200, 4_095, 4_096, 2]
            .map(|len| vec![7; len])
            .to_vec();
        let mut queue = ElementQueue::new();
        for element in &elements {
            queue.push(element);
        }
        assert_eq!(queue.bytes(), elements.iter().map(Vec::len).sum::<usize>());
        assert_eq!(queue.front_len(), Some(1));
        assert_eq!(drain(&mut queue), elements);
        assert!(queue.is_empty() && queue.bytes() == 0 && queue.front_len().is_none());
    }

    #[test]
    fn empty_elements_take_no_memory() {
        let mut queue = ElementQueue::new();
        for _ in 0..1_000_000 {
            queue.push(&[]);
        }
        assert_eq!(memory(&queue), 0);
        assert_eq!(drain(&mut queue).len(), 1_000_000);
    }

    /// The cost that the link's budget assumes; see `Limits::receive_budget`.
    #[test]
    fn memory_use_stays_within_what_the_budget_assumes() {
        for (len, empty, max) in [
            (1, 0, 22),
            (2, 0, 17),
            (100, 0, 14),
            (4_095, 0, 14),
            (1, 5, 44),
        ] {
            let mut queue = ElementQueue::new();
            while queue.bytes() < 256 * 1024 {
                queue.push(&vec![1; len]);
                (0..empty).for_each(|_| queue.push(&[]));
            }
            let cost = memory(&queue) * 10 / queue.bytes();
            assert!(cost <= max, "{len} bytes, {empty} empty: {cost} tenths");
        }
    }

    #[test]
    fn only_large_elements_keep_their_frame_alive() {
        let frame = Bytes::from(vec![1; 10_000]);
        let mut queue = ElementQueue::new();
        queue.push_part(&frame, &frame[10..9_000]);
        queue.push_part(&frame, &frame[9_000..]);
        queue.push_part(&frame, &frame[..4_500]);
        queue.pop(|element| assert!(core::ptr::eq(element, &raw const frame[10..9_000])));
        assert!(
            frame.is_unique(),
            "the two small elements keep the frame alive"
        );
    }

    proptest! {
        #[test]
        fn behaves_like_a_queue(steps in prop::collection::vec(prop::option::of(
            prop_oneof![3 => Just(0usize), 4 => 1usize..4, 2 => 1usize..9_000],
        ), 0..200)) {
            let (mut queue, mut model) = (ElementQueue::new(), VecDeque::new());
            for (n, step) in steps.into_iter().enumerate() {
                if let Some(len) = step {
                    let element = vec![n.to_le_bytes()[0]; len];
                    queue.push(&element);
                    model.push_back(element);
                } else {
                    prop_assert_eq!(queue.pop(<[u8]>::to_vec), model.pop_front());
                }
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert_eq!(queue.bytes(), model.iter().map(Vec::len).sum::<usize>());
                prop_assert_eq!(queue.front_len(), model.front().map(Vec::len));
            }
        }
    }
}
