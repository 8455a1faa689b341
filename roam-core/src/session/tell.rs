//! What a client says of itself, found out anew each time.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::sync::Arc;

use super::error::ConnectError;
use super::link::Shared;
use crate::proto::Metadata;
use crate::rt::{BoxFuture, MaybeSend, MaybeSync};

/// A function that finds out what to say of ourselves.
pub(crate) trait Tell: MaybeSend + MaybeSync + 'static {
    fn tell(&self) -> BoxFuture<'_, Result<Metadata, ConnectError>>;
}

/// A function of the user.
pub(super) struct Told<F>(pub(super) F);

impl<F, A, E> Tell for Told<F>
where
    F: Fn() -> A + MaybeSend + MaybeSync + 'static,
    A: Future<Output = Result<Metadata, E>> + MaybeSend + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn tell(&self) -> BoxFuture<'_, Result<Metadata, ConnectError>> {
        let telling = (self.0)();
        Box::pin(async move {
            let failed = |error: E| ConnectError::Transport(error.into());
            telling.await.map_err(failed)
        })
    }
}

/// Answers the peer of a link whenever it asks for a token. Never ends.
pub(super) async fn answer(shared: &Arc<Shared>, tells: Option<&dyn Tell>) -> Infallible {
    let Some(tells) = tells else {
        return pending().await;
    };
    loop {
        shared.asked().await;
        match tells.tell().await {
            Ok(metadata) => shared.give_token(metadata),
            // The peer ends the link when it has waited for long enough.
            Err(error) => tracing::debug!(%error, "no token for the peer"),
        }
    }
}
