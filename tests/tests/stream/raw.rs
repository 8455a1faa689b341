//! A peer that says what the test wants.

use roam_core::transport::stream::StreamTransport;
use roam_core::{CloseReason, Config, ConnectionHandle, NoDispatcher, accept};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::task::JoinHandle;

/// Hello V2 { 1 MiB, 64 KiB }, as `protocol.md` has it.
pub(crate) const HELLO: [u8; 10] = [0x01, 0x08, 0x01, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04, 0x00];

/// A link of ours that was accepted over `stream`.
pub(crate) fn accepted<S>(stream: S) -> (ConnectionHandle, JoinHandle<CloseReason>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = Config {
        initial_channel_credit: 64 * 1024,
        ..Config::default()
    };
    let (handle, driver) = accept(StreamTransport::new(stream), NoDispatcher, &config);
    (handle, tokio::spawn(driver))
}

/// What a link of ours says until it closes the stream, message for message.
pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Vec<Vec<u8>> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard.pop(), Some(0), "the last message is cut off");
    heard.split(|&byte| byte == 0).map(decode).collect()
}

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

/// The reason of a Goodbye that ends the link.
pub(crate) fn goodbye(message: &[u8]) -> &str {
    let [0x04, 0x00, len, reason @ ..] = message else {
        panic!("no Goodbye: {message:?}")
    };
    assert_eq!(usize::from(*len), reason.len());
    std::str::from_utf8(reason).unwrap()
}
