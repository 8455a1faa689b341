//! The service `Links`: what a server says of the link of its caller.

use std::time::Duration;

use roam_core::proto::{Close, Drain, Refusal};
use roam_core::{Context, Identity, service};
use roam_ws_server::Admission;

/// Has the server say something of the link.
#[service]
pub trait Links {
    /// Ends the link with a code and a reason.
    async fn end(&self, code: u16, reason: String);
    /// Asks for a new token. Returns whose it is, once it was given.
    async fn ask(&self) -> Option<String>;
    /// Advises to open another link, or another socket for this one.
    async fn advise(&self, another_link: bool);
}

/// The handler of [`Links`].
#[derive(Clone, Copy, Debug)]
pub struct LinksHandler;

impl Links for LinksHandler {
    async fn end(&self, cx: &Context, code: u16, reason: String) {
        if let Ok(close) = Close::new(code, &reason) {
            cx.connection().close_with(close);
        }
    }

    async fn ask(&self, cx: &Context) -> Option<String> {
        let link = cx.connection();
        link.ask_for_token(Duration::from_mins(1)).await.ok()?;
        let identity = link.identity()?;
        Some(identity.subject.to_string())
    }

    async fn advise(&self, cx: &Context, another_link: bool) {
        cx.connection().drain(Drain {
            another_link,
            min: Duration::ZERO,
            max: Duration::from_millis(1),
        });
    }
}

/// Knows a peer by its token, of which only "expired" is not valid.
pub(super) async fn admit(peer: Admission) -> Result<Option<Identity>, Refusal> {
    match peer.metadata.get_str("authorization") {
        None | Some("Bearer expired") => Err(Refusal::new(Close::TOKEN, "sign in again")),
        Some(token) => Ok(Some(Identity::new(token.trim_start_matches("Bearer ")))),
    }
}
