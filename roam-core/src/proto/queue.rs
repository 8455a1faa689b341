//! Received elements that wait for their reader.

use std::collections::VecDeque;

use bytes::Bytes;

use super::wire::{Reader, put_bytes};

/// The elements of a channel, in order, as encoded bytes.
///
/// What they cost in memory is bounded by their bytes: small elements stand one after another in
/// one buffer, a run of empty ones is a count, and large ones are kept as slices of the frame
/// that they came in.
#[derive(Debug, Default)]
pub struct ElementQueue {
    segments: VecDeque<Segment>,
    bytes: usize,
    longest: usize,
}

#[derive(Debug)]
enum Segment {
    Whole(Bytes),
    Run(Run),
    Empty(u64),
}

/// Small elements, each behind its length.
#[derive(Debug)]
struct Run {
    encoded: Vec<u8>,
    read: usize,
}

/// Elements from this length on may be kept as a slice of their frame.
const LARGE: usize = 1024;
/// A run is closed at this length, so that what was read of it is freed.
const RUN_LENGTH: usize = 32 * 1024;

impl ElementQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no element waits.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The bytes of all elements that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The longest element that was ever in it, in bytes.
    pub fn longest(&self) -> usize {
        self.longest
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
            self.push_empty();
        } else if element.len() >= LARGE {
            self.push_whole(Bytes::copy_from_slice(element));
        } else {
            self.push_small(element);
        }
    }

    fn count(&mut self, len: usize) {
        self.bytes += len;
        self.longest = self.longest.max(len);
    }

    fn push_whole(&mut self, element: Bytes) {
        self.count(element.len());
        self.segments.push_back(Segment::Whole(element));
    }

    fn push_empty(&mut self) {
        if let Some(Segment::Empty(count)) = self.segments.back_mut() {
            *count += 1;
        } else {
            self.segments.push_back(Segment::Empty(1));
        }
    }

    fn push_small(&mut self, element: &[u8]) {
        self.count(element.len());
        match self.segments.back_mut() {
            Some(Segment::Run(run)) if run.encoded.len() < RUN_LENGTH => {
                put_bytes(&mut run.encoded, element);
            }
            _ => {
                let mut encoded = Vec::with_capacity(2 * (element.len() + 1));
                put_bytes(&mut encoded, element);
                self.segments.push_back(Segment::Run(Run { encoded, read: 0 }));
            }
        }
    }

    /// Takes the first element out and hands it to `read`; `None` when there is none.
    #[inline]
    pub fn pop<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (result, len, done) = match self.segments.front_mut()? {
            Segment::Whole(element) => (read(element), element.len(), true),
            Segment::Empty(count) => {
                *count -= 1;
                (read(&[]), 0, *count == 0)
            }
            Segment::Run(run) => {
                let element = run.next();
                (read(element), element.len(), run.read == run.encoded.len())
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
        Some(match self.segments.front()? {
            Segment::Whole(element) => element.len(),
            Segment::Empty(_) => 0,
            Segment::Run(run) => run.peek().0.len(),
        })
    }
}

impl Run {
    #[inline]
    fn next(&mut self) -> &[u8] {
        let (element, rest) = Self::split(&self.encoded[self.read..]);
        self.read = self.encoded.len() - rest;
        element
    }

    fn peek(&self) -> (&[u8], usize) {
        Self::split(&self.encoded[self.read..])
    }

    /// The first element, and how many bytes follow it.
    #[inline]
    fn split(encoded: &[u8]) -> (&[u8], usize) {
        let mut reader = Reader::new(encoded);
        let element = reader.bytes().unwrap_or_default();
        (element, reader.remaining())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut ElementQueue) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn elements_of_every_size_come_out_in_order() {
        let elements: Vec<Vec<u8>> =
            [1, 0, 0, 3, 5_000, 0, 200, 1_023, 1_024, 2].map(|len| vec![7; len]).to_vec();
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
        assert_eq!(queue.segments.len(), 1);
        assert_eq!(drain(&mut queue).len(), 1_000_000);
    }

    #[test]
    fn tiny_elements_cost_at_most_a_length_each() {
        let mut queue = ElementQueue::new();
        for _ in 0..100_000 {
            queue.push(&[1]);
        }
        let held: usize = queue
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Run(run) => run.encoded.capacity(),
                _ => panic!("not a run"),
            })
            .sum();
        assert!(held <= 4 * 100_000, "{held} bytes");
    }

    #[test]
    fn large_elements_are_slices_and_small_ones_do_not_pin_the_frame() {
        let frame = Bytes::from(vec![1; 10_000]);
        let mut queue = ElementQueue::new();
        queue.push_part(&frame, &frame[10..9_000]);
        queue.push_part(&frame, &frame[9_000..]);
        queue.push_part(&frame, &frame[..2_000]);
        queue.pop(|element| assert!(std::ptr::eq(element, &raw const frame[10..9_000])));
        assert!(frame.is_unique(), "the two small elements keep the frame alive");
    }
}
