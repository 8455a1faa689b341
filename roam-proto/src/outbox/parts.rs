//! Long messages, which are sent in parts.
//!
//! A frame counts only when it is whole. On a slow network, one that takes longer than the peer may be silent
//! would never arrive, however often it is sent again.

use bytes::{Buf, BytesMut};

use super::lane::{Frame, Lane};
use super::{Priority, SentFrame};
use crate::coding::{Reader, WriteBytes, varint_len};
use crate::framing::Framing;
use crate::message::encode_part_header;

/// A message with more bytes is sent in parts: one with a payload of 64 KiB is not.
const WHOLE: usize = 80 * 1024;
/// The most bytes of a message in a part.
const PART: usize = 64 * 1024;
/// What a part adds to its bytes, besides their length.
const PART_HEADER: usize = 2;

impl Lane {
    /// Returns whether a frame is sent in parts. Then it holds a single message.
    pub(super) fn is_in_parts(&self, frame: &Frame) -> bool {
        frame.in_parts || (self.framing == Framing::Numbered && frame.bytes.len() > WHOLE)
    }

    /// Removes the next part of the first frame, and the frame after its last.
    #[cold]
    pub(super) fn pop_part(&mut self, priority: Priority) -> Option<SentFrame> {
        let headroom = self.headroom;
        let frame = self.frames.front_mut()?;
        if !frame.in_parts {
            frame.in_parts = true;
            frame.bytes.advance(headroom);
            self.queued -= skip_length(&mut frame.bytes);
        }
        let len = frame.bytes.len().min(PART);
        let is_last = len == frame.bytes.len();
        let record = PART_HEADER + varint_len(len as u64) + len;
        let mut bytes = BytesMut::with_capacity(headroom + varint_len(record as u64) + record);
        bytes.resize(headroom, 0);
        bytes.write_varint(record as u64);
        encode_part_header(&mut bytes, is_last, len);
        bytes.write_slice(&frame.bytes[..len]);
        frame.bytes.advance(len);
        self.queued -= len;
        let mut responses = 0;
        if is_last && let Some(frame) = self.frames.pop_front() {
            self.count_sent(&frame);
            responses = frame.responses;
        }
        Some(SentFrame {
            bytes,
            priority,
            bulk: len,
            responses,
        })
    }
}

/// Removes the length in front of a message. Returns how many bytes that were.
fn skip_length(record: &mut BytesMut) -> usize {
    let mut reader = Reader::new(record);
    // We have written it.
    let _ = reader.varint();
    let prefix = record.len() - reader.remaining();
    record.advance(prefix);
    prefix
}
