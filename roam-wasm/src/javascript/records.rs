//! Elements of a channel one after another in one array, as they cross to JavaScript: each behind
//! its length, a `u32` in little-endian.

use roam_core::proto::ElementQueue;

const HEADER: usize = size_of::<u32>();

/// Takes out elements until there are none or these many bytes are full.
pub(super) fn write(queue: &mut ElementQueue, most: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(most.min(queue.bytes() + HEADER));
    while out.len() < most {
        let popped = queue.pop(|element| {
            // No element is longer than a window, which is a `u32`.
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

/// Reads elements; `None` when the bytes are not whole ones.
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
