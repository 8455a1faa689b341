//! Tracing: spans for handlers, and the trace context of calls.

use tracing::Span;

use crate::proto::{Metadata, Request};
use crate::schema::MethodDescriptor;

/// The metadata key of the W3C Trace Context of a call.
pub(super) const PARENT_KEY: &str = "traceparent";
/// The metadata key of vendor-specific trace state.
pub(super) const STATE_KEY: &str = "tracestate";

/// Returns the span in which the handler of a call runs.
pub(crate) fn handler_span(call: &Request, method: Option<&MethodDescriptor>) -> Span {
    // Nothing of this is evaluated unless a subscriber wants it.
    tracing::info_span!(
        "rpc",
        rpc.system = "roam",
        rpc.service = method.map(|method| &*method.service),
        rpc.method = method.map(|method| &*method.name),
        connection = call.connection.0,
        request = call.request.0,
        traceparent = traceparent(&call.metadata),
    )
}

/// Returns the `traceparent` of a call, if it has a well-formed one.
pub(crate) fn traceparent(metadata: &Metadata) -> Option<&str> {
    let traceparent = metadata.get_str(PARENT_KEY)?;
    is_well_formed(traceparent).then_some(traceparent)
}

/// Returns whether a `traceparent` is well-formed as W3C's Trace Context has it: version, trace id,
/// parent id and flags in lower-case hex. Versions after 00 may have more at the end.
pub(super) fn is_well_formed(traceparent: &str) -> bool {
    let mut parts = traceparent.split('-');
    let mut hex = |len| {
        let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let part = parts.next()?;
        (part.len() == len && part.bytes().all(digit)).then_some(part)
    };
    let some_bit = |id: &str| id.bytes().any(|digit| digit != b'0');
    let (Some(version), Some(trace), Some(parent), Some(_flags)) =
        (hex(2), hex(32), hex(16), hex(2))
    else {
        return false;
    };
    let ends_well = version != "00" || parts.next().is_none();
    version != "ff" && some_bit(trace) && some_bit(parent) && ends_well
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn recognizes_well_formed_traceparents() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for well_formed in [
            format!("00-{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-00"),
            format!("01-{trace}-{parent}-01"),
            format!("cc-{trace}-{parent}-01-what-the-future-will-be-like"),
        ] {
            assert!(is_well_formed(&well_formed), "{well_formed}");
        }
        let zeros = |len| "0".repeat(len);
        for malformed in [
            String::new(),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-1"),
            format!("00-{trace}-{parent}-01-"),
            format!("00-{trace}-{parent}-01-more"),
            format!("01-{trace}-{parent}-01.more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{}-{parent}-01", zeros(32)),
            format!("00-{trace}-{}-01", zeros(16)),
            format!("00-{}-{parent}-01", &trace[1..]),
            format!(" 00-{trace}-{parent}-01"),
        ] {
            assert!(!is_well_formed(&malformed), "{malformed}");
        }
    }
}
