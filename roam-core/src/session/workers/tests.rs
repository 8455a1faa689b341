use std::future::{pending, poll_fn};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, Id};
use tokio::time;

use super::*;
use crate::rt::BoxFuture;

type TestWorkers = Workers<BoxFuture<'static, ()>>;

/// Runs a future and returns what aborts it.
fn run(workers: &TestWorkers, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    let mut future: BoxFuture<'static, ()> = Box::pin(future);
    loop {
        let slot = workers.slots(1).remove(0);
        let handle = slot.abort_handle();
        match workers.run(slot, future) {
            Some(refused) => future = refused,
            None => return handle,
        }
    }
}

/// Runs `count` futures at the same time, each ready at its second poll.
fn run_many(workers: &TestWorkers, count: usize) {
    for slot in workers.slots(count) {
        assert!(workers.run(slot, Box::pin(task::yield_now())).is_none());
    }
}

/// Returns a future that ends when it is released and then reports it.
fn held() -> (
    impl Future<Output = ()>,
    oneshot::Sender<()>,
    oneshot::Receiver<()>,
) {
    let (release, held) = oneshot::channel();
    let (tell, told) = oneshot::channel();
    let future = async {
        held.await.expect("the test releases it");
        tell.send(()).expect("the test listens");
    };
    (future, release, told)
}

/// Returns a future that never ends and reports when it is first polled and when it is dropped.
fn endless() -> (
    impl Future<Output = ()>,
    oneshot::Receiver<()>,
    oneshot::Receiver<()>,
) {
    let (tell_begun, begun) = oneshot::channel();
    let (tell_dropped, dropped) = oneshot::channel();
    let future = async {
        // Moved in, and dropped with the future.
        let _dropped: oneshot::Sender<()> = tell_dropped;
        tell_begun.send(()).expect("the test listens");
        pending::<()>().await;
    };
    (future, begun, dropped)
}

/// Returns the id of the task that runs the next future, once that task is idle.
async fn task_of_next(workers: &TestWorkers) -> Id {
    let (tell, told) = oneshot::channel();
    run(workers, async {
        tell.send(task::id()).expect("the test listens");
    });
    let id = told.await.expect("the future ran");
    settle(workers).await;
    id
}

/// Waits until every worker is idle or has ended. One more task expires them.
async fn settle(workers: &TestWorkers) {
    while tasks() > workers.0.lock().slots.len() + 1 {
        task::yield_now().await;
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn a_worker_runs_one_future_after_another() {
    let workers = TestWorkers::new();
    let first = task_of_next(&workers).await;
    assert_eq!(task_of_next(&workers).await, first);
}

#[tokio::test]
async fn a_pending_future_does_not_block_others() {
    let workers = TestWorkers::new();
    let (release, held) = oneshot::channel::<()>();
    let (tell, mut told) = mpsc::unbounded_channel();
    let told_first = tell.clone();
    run(&workers, async move {
        held.await.expect("the test releases it");
        told_first.send(1).expect("the test listens");
    });
    run(
        &workers,
        async move { tell.send(2).expect("the test listens") },
    );
    assert_eq!(told.recv().await, Some(2));
    release.send(()).expect("the future waits");
    assert_eq!(told.recv().await, Some(1));
}

#[tokio::test]
async fn a_panic_ends_only_its_worker() {
    let workers = TestWorkers::new();
    let first = task_of_next(&workers).await;
    run(&workers, async { panic!("on purpose") });
    settle(&workers).await;
    assert_eq!(workers.0.lock().slots.len(), 0);
    assert_ne!(task_of_next(&workers).await, first);
}

#[tokio::test]
async fn aborting_drops_the_future_and_keeps_the_worker() {
    let workers = TestWorkers::new();
    let first = task_of_next(&workers).await;
    let (future, begun, dropped) = endless();
    let handle = run(&workers, future);
    begun.await.expect("the future was polled");
    handle.abort();
    dropped.await.expect_err("the future was dropped");
    settle(&workers).await;
    assert_eq!(task_of_next(&workers).await, first);
}

#[tokio::test]
async fn aborted_before_the_first_poll_is_never_polled() {
    let workers = TestWorkers::new();
    // In a new worker, and in an idle one.
    for _ in 0..2 {
        let (future, begun, dropped) = endless();
        run(&workers, future).abort();
        dropped.await.expect_err("the future was dropped");
        begun.await.expect_err("the future was never polled");
        settle(&workers).await;
        assert_eq!(workers.0.lock().slots.len(), 1);
    }
}

#[tokio::test]
async fn aborted_before_it_is_given_is_never_polled() {
    let workers = TestWorkers::new();
    task_of_next(&workers).await;
    let slot = workers.slots(1).remove(0);
    slot.abort_handle().abort();
    // The worker is woken and finds nothing.
    task::yield_now().await;
    let (future, begun, dropped) = endless();
    assert!(workers.run(slot, Box::pin(future)).is_none());
    dropped.await.expect_err("the future was dropped");
    begun.await.expect_err("the future was never polled");
}

#[tokio::test]
async fn an_old_handle_does_not_abort_the_next_future() {
    let workers = TestWorkers::new();
    let handle = run(&workers, async {});
    settle(&workers).await;
    let (future, release, told) = held();
    run(&workers, future);
    task::yield_now().await;
    handle.abort();
    task::yield_now().await;
    release.send(()).expect("the future waits");
    told.await.expect("the future went on");
}

#[tokio::test]
async fn idle_workers_are_bounded() {
    let workers = TestWorkers::new();
    run_many(&workers, 3 * MAX_IDLE);
    settle(&workers).await;
    assert_eq!(workers.0.lock().slots.len(), MAX_IDLE);
}

#[tokio::test]
async fn idle_workers_end_when_dropped() {
    let workers = TestWorkers::new();
    run_many(&workers, 3);
    settle(&workers).await;
    assert_eq!(tasks(), 4);
    drop(workers);
    while tasks() > 0 {
        task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn unneeded_workers_end() {
    let workers = TestWorkers::new();
    run_many(&workers, 10);
    settle(&workers).await;
    // From here on, halfway between two expiry checks.
    time::sleep(IDLE_TIMEOUT / 2).await;
    let kept_after = async |round: usize| {
        for _ in 0..3 {
            run_many(&workers, round);
            settle(&workers).await;
        }
        time::sleep(IDLE_TIMEOUT).await;
        settle(&workers).await;
        workers.0.lock().slots.len()
    };
    assert_eq!(kept_after(10).await, 10);
    assert_eq!(kept_after(4).await, 4);
    assert_eq!(kept_after(4).await, 4);
    assert_eq!(kept_after(0).await, 0);
    while tasks() > 0 {
        task::yield_now().await;
    }
    task_of_next(&workers).await;
    assert_eq!(workers.0.lock().slots.len(), 1);
}

#[tokio::test]
async fn running_futures_outlive_the_workers() {
    let workers = TestWorkers::new();
    let (future, release, told) = held();
    run(&workers, future);
    task::yield_now().await;
    drop(workers);
    release.send(()).expect("the future waits");
    told.await.expect("the future ran");
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime")
}

#[test]
fn a_worker_of_a_stopped_runtime_is_given_no_future() {
    let workers = TestWorkers::new();
    let stopped = runtime();
    stopped.block_on(task_of_next(&workers));
    drop(stopped);
    assert_eq!(workers.0.lock().slots.len(), 1);
    let running = runtime();
    running.block_on(task_of_next(&workers));
    assert!(workers.0.lock().expires());
}

#[test]
fn a_future_is_dropped_with_its_runtime() {
    let workers = TestWorkers::new();
    let stopped = runtime();
    let (tell, told) = oneshot::channel::<()>();
    stopped.block_on(async {
        task_of_next(&workers).await;
        let _handle = run(&workers, async {
            poll_fn(|_| Poll::<()>::Pending).await;
            drop(tell);
        });
    });
    drop(stopped);
    assert!(told.blocking_recv().is_err());
}

#[tokio::test]
async fn a_slot_that_is_put_back_is_used_again() {
    let workers = TestWorkers::new();
    let first = task_of_next(&workers).await;
    // One idle worker, and a slot without a task.
    workers.put_back(workers.slots(2).into_iter());
    assert_eq!(workers.0.lock().slots.len(), 1);
    assert_eq!(task_of_next(&workers).await, first);
}
