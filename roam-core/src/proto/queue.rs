//! Received elements that wait for their reader.

use std::collections::VecDeque;

use bytes::Bytes;

use super::wire::{Put, Reader, WireError};

/// The elements of a channel, in order, as encoded bytes.
///
/// What they cost in memory is bounded by their bytes: small elements stand one after another in
/// one buffer, a run of empty ones is a count, and large ones are kept as slices of the frame
/// that they came in.
#[derive(Debug, Default)]
pub struct ElementQueue {
    segments: VecDeque<Segment>,
    /// How many empty elements follow the segments.
    empty: u64,
    bytes: usize,
}

#[derive(Debug)]
enum Segment {
    Whole(Bytes),
    Run(Run),
}

/// Small elements, each behind a varint of twice its length, plus one if empty ones follow; then
/// their number stands behind it.
#[derive(Debug)]
struct Run {
    encoded: Vec<u8>,
    read: usize,
    /// Where the last element begins.
    last: usize,
    /// Empty elements that come before what is to be read next.
    empty: u64,
}

/// Elements from this length on have a buffer of their own. For a shorter one it would cost more
/// than the element.
const LARGE: usize = 4 * 1024;
/// A run is closed at this length, so that what was read of it is freed.
const RUN_LENGTH: usize = 32 * 1024;
/// How much longer than an element its encoding can be.
const ENCODING: usize = 16;

impl ElementQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no element waits.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.empty == 0
    }

    /// The bytes of all elements that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends an element that is a part of `frame`. It is copied out when it is small against
    /// the frame, so that it does not keep the frame alive.
    pub(super) fn push_part(&mut self, frame: &Bytes, element: &[u8]) {
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
            self.settle_empty();
            self.push_small(element);
        }
    }

    fn push_whole(&mut self, element: Bytes) {
        self.settle_empty();
        self.bytes += element.len();
        self.segments.push_back(Segment::Whole(element));
    }

    fn push_small(&mut self, element: &[u8]) {
        self.bytes += element.len();
        match self.segments.back_mut() {
            Some(Segment::Run(run)) if run.has_room(element.len()) => run.push(element),
            _ => {
                let mut run = Run::new(0);
                run.push(element);
                self.segments.push_back(Segment::Run(run));
            }
        }
    }

    /// Something is about to follow the empty elements at the end.
    fn settle_empty(&mut self) {
        let empty = std::mem::take(&mut self.empty);
        if empty == 0 {
            return;
        }
        match self.segments.back_mut() {
            Some(Segment::Run(run)) => run.push_empty(empty),
            _ => self.segments.push_back(Segment::Run(Run::new(empty))),
        }
    }

    /// Takes the first element out and hands it to `read`; `None` when there is none.
    #[inline]
    pub fn pop<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (result, len, done) = match self.segments.front_mut() {
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
        if done {
            self.segments.pop_front();
        }
        Some(result)
    }

    /// The length of the first element.
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

    fn has_room(&self, len: usize) -> bool {
        self.encoded.len() + len + ENCODING <= RUN_LENGTH
    }

    /// Buffers double up to the length of a run, so that a closed one has little room to spare.
    fn push(&mut self, element: &[u8]) {
        self.last = self.encoded.len();
        let needed = self.last + element.len() + ENCODING;
        if self.encoded.capacity() < needed {
            let capacity = needed.next_power_of_two().min(RUN_LENGTH);
            self.encoded.reserve_exact(capacity - self.last);
        }
        self.encoded.put_varint(2 * element.len() as u64);
        self.encoded.put_all(element);
    }

    /// To be called once, and not before the first element.
    fn push_empty(&mut self, number: u64) {
        debug_assert!(
            self.read <= self.last,
            "a run that was read to its end is gone"
        );
        self.encoded[self.last] |= 1;
        self.encoded.put_varint(number);
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

    /// An element, and how many empty ones follow it. What is decoded was encoded here.
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
        std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)).collect()
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
    fn elements_of_every_size_come_out_in_order() {
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
    fn a_run_of_empty_elements_is_a_count() {
        let mut queue = ElementQueue::new();
        for _ in 0..1_000_000 {
            queue.push(&[]);
        }
        assert_eq!(memory(&queue), 0);
        assert_eq!(drain(&mut queue).len(), 1_000_000);
    }

    /// What the budget for windows reckons with: see `Limits::receive_budget`.
    #[test]
    fn elements_cost_little_more_than_twice_their_bytes_and_three_times_between_empty_ones() {
        for (len, empty, most) in [
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
            assert!(cost <= most, "{len} bytes, {empty} empty: {cost} tenths");
        }
    }

    #[test]
    fn large_elements_are_slices_and_small_ones_do_not_pin_the_frame() {
        let frame = Bytes::from(vec![1; 10_000]);
        let mut queue = ElementQueue::new();
        queue.push_part(&frame, &frame[10..9_000]);
        queue.push_part(&frame, &frame[9_000..]);
        queue.push_part(&frame, &frame[..4_500]);
        queue.pop(|element| assert!(std::ptr::eq(element, &raw const frame[10..9_000])));
        assert!(
            frame.is_unique(),
            "the two small elements keep the frame alive"
        );
    }

    proptest! {
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec(prop::option::of(
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
