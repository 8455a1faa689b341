//! How much a WebSocket may hold, and how it is closed.

use core::time::Duration;

use roam_proto::Close;
use web_sys::WebSocket;

/// The limit on a socket's `bufferedAmount`, in bytes: while it holds more, nothing is sent.
pub const MAX_BUFFERED: u32 = 256 * 1024;

/// How long to wait before checking a full socket again, as no event reports that it has space.
/// Browsers allow no shorter repeated timeouts.
pub(crate) const RECHECK: Duration = Duration::from_millis(4);

/// Closes a socket. It does nothing if the socket is already closed.
pub(crate) fn close(socket: &WebSocket, close: &Close) {
    // It fails only for codes and reasons that a `Close` cannot hold.
    let _ = socket.close_with_code_and_reason(close.code(), close.reason());
}
