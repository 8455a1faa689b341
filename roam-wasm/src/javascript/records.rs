//! Records: the elements of a channel as they cross to and from JavaScript, each preceded by its
//! length as a little-endian `u32`.

use alloc::vec::Vec;
use roam_proto::ElementQueue;

const HEADER: usize = size_of::<u32>();

/// Moves elements out of `queue` until it is empty or `max_bytes` are reached.
pub(super) fn write(queue: &mut ElementQueue, max_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(max_bytes.min(queue.bytes() + HEADER));
    while out.len() < max_bytes {
        let popped = queue.pop(|element| {
            // An element fits a window, whose size is a `u32`.
            let len = u32::try_from(element.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(element);
        });
        if popped.is_none() {
            break;
        }
    }
    out
}

/// Splits records into elements; `None` if the last record is incomplete.
pub(super) fn read(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut elements = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<HEADER>() {
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let (element, rest) = rest.split_at_checked(len)?;
        elements.push(element);
        bytes = rest;
    }
    bytes.is_empty().then_some(elements)
}
