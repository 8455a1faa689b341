//! What becomes of a request that was answered with an upgrade: a link, or another socket of one.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use http::request;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use roam_core::net::websocket::{self, LINK};
use roam_core::proto::{Close, Drain, Refusal};
use roam_core::server::{self, Accepted, NewLink};
use roam_core::{ConnectionHandle, ServiceDispatcher};
use tokio::sync::watch;

use super::{Server, Slot, Socket, closed};
use crate::admission::{Admission, Admit};

/// A request that was answered with an upgrade.
pub(super) struct Upgraded {
    pub(super) upgrade: OnUpgrade,
    pub(super) subprotocol: Option<&'static str>,
    pub(super) request: request::Parts,
    pub(super) slot: Slot,
}

/// When a peer whose link was refused may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
impl Server {
    pub(super) async fn serve_upgrade(
        self,
        socket: Upgraded,
        dispatcher: Arc<dyn ServiceDispatcher>,
    ) {
        // Asked again about tokens.
        let asking = (self.admit.clone()).map(|admit| Box::new((admit, socket.request.clone())));
        let Some((incoming, slot)) = self.receive(socket).await else {
            return;
        };
        let link = match incoming.accept() {
            Ok(Accepted::New(link)) => link,
            Ok(Accepted::Existing(id)) => return tracing::debug!(%id, "a link returned"),
            Err(refusal) => return tracing::debug!(%refusal, "a link did not return"),
        };
        // A task of its own, which does not keep the memory of the handshake.
        tokio::spawn(self.run(link.dispatcher(dispatcher), slot, asking));
    }

    /// Runs a link until it has ended.
    async fn run(
        self,
        link: NewLink<Socket, Arc<dyn ServiceDispatcher>>,
        slot: Slot,
        asking: Option<Box<(Arc<Admit>, request::Parts)>>,
    ) {
        let advice = self.advice.subscribe();
        let (link, driver) = link.drive();
        if let Some(asking) = asking {
            let id = link.link_id();
            link.review_tokens(move |metadata| {
                let (admit, request) = &*asking;
                admit(Admission {
                    request: request.clone(),
                    metadata,
                    link: id.clone(),
                })
            });
        }
        if let Some(links) = &self.links {
            let name = slot.peer.map_or_else(String::new, |peer| peer.to_string());
            links.add(&link, name);
        }
        (self.greet)(link.clone());
        // Pinned once: a driver is large, and each move takes its place in the task.
        let mut driver = pin!(driver);
        let closed = pin!(closed(slot.closing.clone()));
        let advising = pin!(advise(&link, advice));
        let ended = match select(driver.as_mut(), select(closed, advising)).await {
            Either::Left((reason, _)) => Ok(reason),
            Either::Right((Either::Left((why, _)), _)) => Err(why),
            Either::Right((Either::Right((never, _)), _)) => match never {},
        };
        let reason = match ended {
            Ok(reason) => reason,
            Err(why) => {
                link.close(&why);
                driver.await
            }
        };
        tracing::debug!(%reason, "link ended");
    }

    /// Receives what the peer wants, and asks whether it may have it.
    async fn receive(&self, socket: Upgraded) -> Option<(server::Incoming<Socket>, Slot)> {
        let Upgraded {
            upgrade,
            subprotocol,
            request,
            mut slot,
        } = socket;
        let socket = match tokio::time::timeout(self.config.handshake_timeout, upgrade).await {
            Ok(Ok(socket)) => TokioIo::new(socket),
            Ok(Err(error)) => {
                tracing::debug!(%error, "failed to upgrade to a WebSocket");
                return None;
            }
            Err(_) => {
                tracing::debug!("the upgrade to a WebSocket timed out");
                return None;
            }
        };
        let transport = websocket::adopt(socket, subprotocol, slot.peer, &self.config).await;
        let mut incoming = match self.acceptor.receive(transport).await {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::debug!(%error, "no link on a WebSocket");
                return None;
            }
        };
        if let Some(admit) = &self.admit {
            let peer = Admission {
                request,
                metadata: incoming.metadata().clone(),
                link: incoming.link().cloned(),
            };
            match admit(peer).await {
                Ok(identity) => incoming = incoming.identify(identity),
                Err(refusal) => {
                    incoming.refuse(&refusal);
                    return None;
                }
            }
        }
        if subprotocol == Some(LINK) && incoming.link().is_none() {
            let Some(permit) = self.link_permit() else {
                let refusal = Refusal::new(Close::TOO_MANY, "too many links");
                incoming.refuse(&refusal.with_retry_after(RETRY_AFTER));
                return None;
            };
            slot.permit = permit;
        }
        Some((incoming, slot))
    }
}

/// Passes on what the server advises from now on. Never ends.
async fn advise(link: &ConnectionHandle, mut advice: watch::Receiver<Option<Drain>>) -> Infallible {
    while advice.changed().await.is_ok() {
        let advised = *advice.borrow_and_update();
        advised.map(|advice| link.drain(advice));
    }
    // Every link holds a clone of the server, so the sender is never dropped first.
    pending().await
}
