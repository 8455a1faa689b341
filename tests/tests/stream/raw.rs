//! A raw peer on a byte stream.

use roam_core::net::stream::StreamTransport;
use roam_core::{CloseReason, Config, ConnectionHandle, accept};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::task::JoinHandle;

/// Hello V2 { 1 MiB, 64 KiB }, encoded as `protocol.md` specifies.
pub(crate) const HELLO: [u8; 10] = [0x01, 0x08, 0x01, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04, 0x00];

/// Accepts a link over `stream` and spawns its driver.
pub(crate) fn accept_link<S>(stream: S) -> (ConnectionHandle, JoinHandle<CloseReason>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = Config::default().with_initial_channel_credit(64 * 1024);
    let (handle, driver) = accept(StreamTransport::new(stream))
        .config(config.clone())
        .drive();
    (handle, tokio::spawn(driver))
}

/// Reads all messages until the link closes the stream.
pub(crate) async fn read_messages(stream: &mut (impl AsyncRead + Unpin)) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes.pop(), Some(0), "the last message is truncated");
    bytes.split(|&byte| byte == 0).map(decode).collect()
}

/// Decodes a COBS message.
fn decode(mut blocks: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    while let Some((&code, rest)) = blocks.split_first() {
        let (block, later) = rest.split_at(usize::from(code) - 1);
        message.extend_from_slice(block);
        if code != 255 && !later.is_empty() {
            message.push(0);
        }
        blocks = later;
    }
    message
}

/// Returns the reason of a Goodbye on the root connection.
pub(crate) fn goodbye(message: &[u8]) -> &str {
    let [0x04, 0x00, len, reason @ ..] = message else {
        panic!("expected Goodbye, got {message:?}")
    };
    assert_eq!(usize::from(*len), reason.len());
    std::str::from_utf8(reason).unwrap()
}
