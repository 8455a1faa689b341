//! The initiator's side: dialing again.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{Either, select};

use super::is_final;
use crate::proto::{CloseReason, Config, Framing, Metadata};
use crate::rt::{self, BoxFuture};
use crate::session::error::ConnectError;
use crate::session::link::{AttachError, DetachedLink, Driver, LINGER};
use crate::session::open::Dial;
use crate::session::random;
use crate::session::reconnect::{RetryPolicy, spread};
use crate::session::tell::{Tell, answer};
use crate::transport::{Transport, TransportError};

/// Runs a link that was dialed: a future that ends when the link has ended for good, and returns the
/// reason.
///
/// When its transport fails, it dials again for as long as the acceptor keeps the link, and everything on
/// the link goes on. Without such an acceptor, the link ends as lost. Dropping it ends the link as lost.
#[must_use = "a link does nothing unless its driver is polled"]
pub struct DialedDriver(BoxFuture<'static, CloseReason>);

impl DialedDriver {
    pub(in crate::session) fn new<O: Dial>(
        driver: Driver<O::Transport>,
        dialing: Dialing<O>,
    ) -> Self {
        Self(Box::pin(run(driver, dialing)))
    }
}

impl Future for DialedDriver {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        self.0.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for DialedDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DialedDriver").finish_non_exhaustive()
    }
}

/// How long one wait between two attempts is at most.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What dials, and with which settings.
pub(in crate::session) struct Dialing<O> {
    pub(in crate::session) dialer: O,
    pub(in crate::session) config: Config,
    /// Finds out what we say of ourselves with each transport.
    pub(in crate::session) tells: Option<Arc<dyn Tell>>,
}

impl<O: Dial> Dialing<O> {
    /// Opens a transport. Returns what to say of ourselves with it, unless that is the same as before.
    async fn dial(&mut self) -> Result<(O::Transport, Option<Metadata>), ConnectError> {
        let metadata = match &self.tells {
            Some(tells) => Some(tells.tell().await?),
            None => None,
        };
        Ok((self.dialer.dial(&self.config).await?, metadata))
    }
}

async fn run<O: Dial>(mut driver: Driver<O::Transport>, mut dialing: Dialing<O>) -> CloseReason {
    let mut attempts = Attempts::default();
    loop {
        let left = match carry(&mut driver, &mut dialing).await {
            Ok(reason) => return reason,
            Err(left) => left,
        };
        if driver.is_attached() {
            attempts = Attempts::default();
        }
        let (link, _left) = driver.detach();
        let again = match left {
            Left::Moves(transport, metadata) => attach(link, transport, metadata),
            Left::Lost(TransportError::OnlyVersion2)
                if !link.has_agreed() && dialing.dialer.fall_back() =>
            {
                dial_version_2(link, &mut dialing).await
            }
            Left::Lost(error) => attempts.redial(link, &mut dialing, error).await,
        };
        match again {
            Ok(again) => driver = again,
            Err(reason) => return reason,
        }
    }
}

/// Why a transport carries its link no more.
enum Left<T> {
    Lost(TransportError),
    /// The acceptor advised to open another transport. With what we say of ourselves there.
    Moves(T, Option<Metadata>),
}

/// Carries frames. Answers when the peer asks for a token, and opens another transport when it advises so.
async fn carry<O: Dial>(
    driver: &mut Driver<O::Transport>,
    dialing: &mut Dialing<O>,
) -> Result<CloseReason, Left<O::Transport>> {
    let shared = Arc::clone(driver.shared());
    let tells = dialing.tells.clone();
    let answering = pin!(answer(&shared, tells.as_deref()));
    let moving = pin!(async {
        let wait = shared.another_transport().await;
        tracing::debug!("the peer advises to open another transport");
        dial(&mut 0, Some(wait), dialing).await
    });
    match select(pin!(driver.carry()), select(answering, moving)).await {
        Either::Left((carried, _)) => carried.map_err(Left::Lost),
        Either::Right((Either::Left((never, _)), _)) => match never {},
        Either::Right((Either::Right(((transport, metadata), _)), _)) => {
            Err(Left::Moves(transport, metadata))
        }
    }
}

/// Dials once more for a peer that only knows version 2 of the protocol.
async fn dial_version_2<O: Dial>(
    link: DetachedLink,
    dialing: &mut Dialing<O>,
) -> Result<Driver<O::Transport>, CloseReason> {
    tracing::debug!("the peer only knows version 2 of the protocol; dialing once more");
    match dialing.dialer.dial(&dialing.config).await {
        Ok(transport) => attach(link, transport, None),
        Err(error) => Err(link.lose(TransportError::lost(error))),
    }
}

/// Gives a link another transport, unless its framing is another.
fn attach<T: Transport>(
    link: DetachedLink,
    transport: T,
    metadata: Option<Metadata>,
) -> Result<Driver<T>, CloseReason> {
    if let Some(metadata) = metadata {
        link.say(metadata);
    }
    link.attach(transport).map_err(|refused| {
        let AttachError {
            link,
            transport,
            expected,
        } = refused;
        let other = OtherFraming {
            transport,
            expected,
        };
        link.lose(TransportError::lost(other))
    })
}

/// The peer no longer speaks the subprotocol of the link.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the new transport's framing is {transport:?}, the link's is {expected:?}")]
struct OtherFraming {
    transport: Framing,
    expected: Framing,
}

/// The attempts to give a link another transport.
#[derive(Default)]
struct Attempts {
    failures: u32,
    /// When the link is given up.
    until: Option<Pin<Box<rt::Sleep>>>,
}

impl Attempts {
    /// Dials until the link has a transport, or has ended.
    async fn redial<O: Dial>(
        &mut self,
        mut link: DetachedLink,
        dialing: &mut Dialing<O>,
        error: TransportError,
    ) -> Result<Driver<O::Transport>, CloseReason> {
        let keep = link.keep();
        if keep.is_zero() || is_final(&error) {
            return Err(link.lose(error));
        }
        tracing::debug!(%error, "the transport is lost; dialing again");
        let until = self
            .until
            .get_or_insert_with(|| Box::pin(rt::sleep(keep)))
            .as_mut();
        // The acceptor may have said when to come again.
        let told = match &error {
            TransportError::Postponed(refusal) => refusal.retry_after,
            _ => None,
        };
        // A time of nothing is no leave to dial without a pause.
        let pause = policy().backoff(self.failures.saturating_add(1), random::share());
        let told = told.map(|after| spread(after, random::share()).max(pause));
        let found = {
            let ended = pin!(ended(&mut link));
            let given_up = select(until, ended);
            match select(given_up, pin!(dial(&mut self.failures, told, dialing))).await {
                Either::Left(_) => None,
                Either::Right((transport, _)) => Some(transport),
            }
        };
        let Some((transport, metadata)) = found else {
            return Err(link.lose(error));
        };
        attach(link, transport, metadata)
    }
}

/// Waits until the link has ended, and the peer knows or had time to learn it.
async fn ended(link: &mut DetachedLink) {
    poll_fn(|cx| link.poll_ended(cx)).await;
    if link.has_unsent() {
        rt::sleep(LINGER).await;
    }
}

fn policy() -> RetryPolicy {
    RetryPolicy::default().with_max_backoff(LONGEST_WAIT)
}

/// Dials until there is a transport. Waits before every attempt, so that the clients of a server that was
/// restarted do not all come at once; before the first, for `wait` if there is one.
async fn dial<O: Dial>(
    failures: &mut u32,
    mut wait: Option<Duration>,
    dialing: &mut Dialing<O>,
) -> (O::Transport, Option<Metadata>) {
    loop {
        *failures = failures.saturating_add(1);
        let wait = wait.take();
        rt::sleep(wait.unwrap_or_else(|| policy().backoff(*failures, random::share()))).await;
        match dialing.dial().await {
            Ok(dialed) => return dialed,
            Err(error) => tracing::debug!(%error, failures, "cannot dial"),
        }
    }
}
