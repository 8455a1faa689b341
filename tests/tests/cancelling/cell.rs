//! One cell of the table: a call of one kind, ended in one way.

use std::future::pending;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::FutureExt;
use roam_core::{Call, CallError, ConnectionHandle, Rx, Tx, channel};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::desk::{ANSWER, ELEMENT, Kind, Saw};
use crate::table::Expected;
use crate::way::{Lost, TIMEOUT, Way};
use crate::world::World;

/// Far longer than anything takes; the times are printed.
const LIMIT: Duration = Duration::from_secs(10);

/// A call in flight, as its caller holds it.
struct Held {
    /// `None` once it was answered.
    call: Option<JoinHandle<Result<u32, CallError>>>,
    tx: Option<Tx<u32>>,
    rx: Option<Rx<u32>>,
}

/// Ends a call of this kind in this way, and asserts that the other side sees what is `expected`. Returns how
/// long that took.
pub(crate) async fn check(
    way: Way,
    kind: Kind,
    links: usize,
    lost: Lost,
    expected: &Expected,
) -> Duration {
    let mut world = World::new(way.config(), links).await;
    let begun = Instant::now();
    let mut held = begin(&mut world, kind, way).await;
    let mut since = Instant::now();
    end(&mut world, &mut held, way, lost).await;
    if way == Way::Deadline {
        since = begun + TIMEOUT;
    }
    let mut awaited = expected.saw.clone();
    while !awaited.is_empty() {
        let saw = next(&mut world).await;
        let place = awaited.iter().position(|one_of| one_of.contains(&saw));
        let place = place.unwrap_or_else(|| panic!("{saw:?} instead of {awaited:?}"));
        awaited.swap_remove(place);
    }
    let took = since.elapsed();
    if expected.goes_on {
        goes_on(&mut world, &mut held, kind, expected).await;
    }
    drop(held);
    if way.leaves_links() {
        let idle = timeout(LIMIT, world.until_idle()).await;
        idle.expect("no call and no channel is left");
    }
    took
}

async fn next(world: &mut World) -> Saw {
    let next = timeout(LIMIT, world.seen.recv()).await;
    let next = next.expect("the other side saw nothing");
    next.expect("the test holds a clerk")
}

/// Makes a call, and waits until its handler has begun.
async fn begin(world: &mut World, kind: Kind, way: Way) -> Held {
    let (desk, timeout) = (world.desk(), way.timeout());
    let mut held = Held {
        call: None,
        tx: None,
        rx: None,
    };
    match kind {
        Kind::Plain => held.call = Some(spawn(desk.stay(), timeout)),
        Kind::Tx => {
            let (tx, rx) = channel();
            held.call = Some(spawn(desk.give(tx), timeout));
            held.rx = Some(rx);
        }
        Kind::Rx => {
            let (tx, rx) = channel();
            held.call = Some(spawn(desk.take(rx), timeout));
            held.tx = Some(tx);
        }
        Kind::Returned if way == Way::Drop => {
            // Its answer is never taken.
            held.call = Some(tokio::spawn(async move {
                let mut call = pin!(desk.lend().into_future());
                assert!(call.as_mut().now_or_never().is_none());
                pending().await
            }));
        }
        Kind::Returned => {
            let call = with_timeout(desk.lend(), timeout);
            held.rx = Some(call.await.expect("the call is answered"));
        }
    }
    assert_eq!(next(world).await, Saw::Began);
    held
}

type DeskCall<A, T> = Call<ConnectionHandle, A, T>;

fn with_timeout<A, T>(call: DeskCall<A, T>, timeout: Option<Duration>) -> DeskCall<A, T> {
    match timeout {
        Some(timeout) => call.timeout(timeout),
        None => call,
    }
}

fn spawn<A>(call: DeskCall<A, u32>, timeout: Option<Duration>) -> JoinHandle<Result<u32, CallError>>
where
    A: Serialize + Send + 'static,
    u32: DeserializeOwned,
{
    tokio::spawn(with_timeout(call, timeout).into_future())
}

async fn end(world: &mut World, held: &mut Held, way: Way, lost: Lost) {
    match way {
        Way::Drop => {
            // Aborting a task drops its future.
            let call = held.call.take().expect("the call is in flight");
            call.abort();
        }
        Way::DropHalf => {
            held.tx = None;
            held.rx = None;
        }
        Way::DropHalfAndCall => {
            held.tx = None;
            held.rx = None;
            held.call.take().expect("the call is in flight").abort();
        }
        Way::Reset => held.tx.take().expect("a sender").reset(),
        Way::Deadline => {
            let call = held.call.take();
            let call = call.unwrap_or_else(|| spawn(world.desk().stay(), Some(TIMEOUT)));
            assert!(call.await.expect("it did not panic").is_err());
        }
        Way::Close => world.link.close("enough"),
        Way::ProcessGone => world.kill_caller(),
        Way::Lost => match lost {
            Lost::Link(link) => world.cut(link),
            Lost::None => panic!("no link to lose"),
        },
        Way::Cut => world.cut_all().await,
        Way::Nothing => {}
    }
}

/// Asserts that everything works that has not ended.
async fn goes_on(world: &mut World, held: &mut Held, kind: Kind, expected: &Expected) {
    if expected.saw.is_empty() {
        if let Some(tx) = &held.tx {
            tx.send(ELEMENT).await.expect("the reader goes on");
            assert_eq!(next(world).await, Saw::Element);
        }
        if let Some(rx) = &mut held.rx {
            world.clerk.send.notify_one();
            let received = timeout(LIMIT, rx.recv()).await.expect("an element comes");
            assert_eq!(received.expect("the stream goes on"), Some(ELEMENT));
        }
    }
    if kind == Kind::Returned {
        return;
    }
    world.clerk.release.add_permits(1);
    let call = held.call.take().expect("the call is in flight");
    let answer = timeout(LIMIT, call).await.expect("an answer comes");
    let answer = answer.expect("the call did not panic");
    assert_eq!(answer.expect("the call goes on"), ANSWER);
    assert_eq!(next(world).await, Saw::Returned);
}
