use std::future::{pending, poll_fn};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, Id};
use tokio::time;

use super::*;
use crate::rt::BoxFuture;

type TestPool = Pool<BoxFuture<'static, ()>>;

type TestStopper = Stopper<BoxFuture<'static, ()>>;

/// Runs a future, and returns what stops it.
fn run(pool: &TestPool, future: impl Future<Output = ()> + Send + 'static) -> TestStopper {
    let mut future: BoxFuture<'static, ()> = Box::pin(future);
    loop {
        let seat = pool.seats(1).remove(0);
        let stopper = seat.stopper();
        match pool.run(seat, future) {
            Some(refused) => future = refused,
            None => return stopper,
        }
    }
}

/// Runs so many futures that are ready at their second poll, at the same time.
fn run_many(pool: &TestPool, count: usize) {
    for seat in pool.seats(count) {
        assert!(pool.run(seat, Box::pin(task::yield_now())).is_none());
    }
}

/// A future that ends when it is released, and tells when it does.
fn held() -> (
    impl Future<Output = ()>,
    oneshot::Sender<()>,
    oneshot::Receiver<()>,
) {
    let (release, held) = oneshot::channel();
    let (tell, told) = oneshot::channel();
    let future = async {
        held.await.expect("it is released");
        tell.send(()).expect("somebody listens");
    };
    (future, release, told)
}

/// A future that never ends, and tells when it is first polled and when it is dropped.
fn endless() -> (
    impl Future<Output = ()>,
    oneshot::Receiver<()>,
    oneshot::Receiver<()>,
) {
    let (tell_begun, begun) = oneshot::channel();
    let (tell_dropped, dropped) = oneshot::channel();
    let future = async {
        // Taken along, and dropped with the future.
        let _dropped: oneshot::Sender<()> = tell_dropped;
        tell_begun.send(()).expect("somebody listens");
        pending::<()>().await;
    };
    (future, begun, dropped)
}

/// Runs a future that tells by which task it is run, once that task waits for another one.
async fn task_of_next(pool: &TestPool) -> Id {
    let (tell, told) = oneshot::channel();
    run(pool, async {
        tell.send(task::id()).expect("somebody asks");
    });
    let id = told.await.expect("it was run");
    settle(pool).await;
    id
}

/// Waits until each task waits for a future, or is not there any more. One looks after them.
async fn settle(pool: &TestPool) {
    while tasks() > pool.0.lock().free.len() + 1 {
        task::yield_now().await;
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn a_task_runs_one_future_after_the_other() {
    let pool = TestPool::new();
    let first = task_of_next(&pool).await;
    assert_eq!(task_of_next(&pool).await, first);
}

#[tokio::test]
async fn a_future_that_is_pending_holds_up_no_other() {
    let pool = TestPool::new();
    let (release, held) = oneshot::channel::<()>();
    let (tell, mut told) = mpsc::unbounded_channel();
    let told_first = tell.clone();
    run(&pool, async move {
        held.await.expect("it is released");
        told_first.send(1).expect("somebody listens");
    });
    run(
        &pool,
        async move { tell.send(2).expect("somebody listens") },
    );
    assert_eq!(told.recv().await, Some(2));
    release.send(()).expect("it waits");
    assert_eq!(told.recv().await, Some(1));
}

#[tokio::test]
async fn a_future_that_panics_ends_its_task_and_nothing_else() {
    let pool = TestPool::new();
    let first = task_of_next(&pool).await;
    run(&pool, async { panic!("as asked") });
    settle(&pool).await;
    assert_eq!(pool.0.lock().free.len(), 0);
    assert_ne!(task_of_next(&pool).await, first);
}

#[tokio::test]
async fn a_future_that_is_stopped_is_dropped_and_its_task_runs_others() {
    let pool = TestPool::new();
    let first = task_of_next(&pool).await;
    let (future, begun, dropped) = endless();
    let stopper = run(&pool, future);
    begun.await.expect("it is begun");
    stopper.stop();
    dropped.await.expect_err("it is dropped");
    settle(&pool).await;
    assert_eq!(task_of_next(&pool).await, first);
}

#[tokio::test]
async fn a_future_that_is_stopped_before_it_begins_never_does() {
    let pool = TestPool::new();
    // In a new task, and in one that waits.
    for _ in 0..2 {
        let (future, begun, dropped) = endless();
        run(&pool, future).stop();
        dropped.await.expect_err("it is dropped");
        begun.await.expect_err("it is not begun");
        settle(&pool).await;
        assert_eq!(pool.0.lock().free.len(), 1);
    }
}

#[tokio::test]
async fn a_future_may_be_stopped_before_its_task_has_it() {
    let pool = TestPool::new();
    task_of_next(&pool).await;
    let seat = pool.seats(1).remove(0);
    seat.stopper().stop();
    // The task looks, and finds nothing.
    task::yield_now().await;
    let (future, begun, dropped) = endless();
    assert!(pool.run(seat, Box::pin(future)).is_none());
    dropped.await.expect_err("it is dropped");
    begun.await.expect_err("it is not begun");
}

#[tokio::test]
async fn what_stops_a_future_that_is_done_does_nothing_to_the_next() {
    let pool = TestPool::new();
    let stopper = run(&pool, async {});
    settle(&pool).await;
    let (future, release, told) = held();
    run(&pool, future);
    task::yield_now().await;
    stopper.stop();
    task::yield_now().await;
    release.send(()).expect("it waits");
    told.await.expect("it went on");
}

#[tokio::test]
async fn no_more_tasks_wait_than_there_is_room_for() {
    let pool = TestPool::new();
    run_many(&pool, 3 * MAX_IDLE);
    settle(&pool).await;
    assert_eq!(pool.0.lock().free.len(), MAX_IDLE);
}

#[tokio::test]
async fn tasks_that_wait_end_with_the_pool() {
    let pool = TestPool::new();
    run_many(&pool, 3);
    settle(&pool).await;
    assert_eq!(tasks(), 4);
    drop(pool);
    while tasks() > 0 {
        task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_are_not_needed_end() {
    let pool = TestPool::new();
    run_many(&pool, 10);
    settle(&pool).await;
    // From here on, between two looks for those that are not needed.
    time::sleep(PATIENCE / 2).await;
    let left_after = async |round: usize| {
        for _ in 0..3 {
            run_many(&pool, round);
            settle(&pool).await;
        }
        time::sleep(PATIENCE).await;
        settle(&pool).await;
        pool.0.lock().free.len()
    };
    assert_eq!(left_after(10).await, 10);
    assert_eq!(left_after(4).await, 4);
    assert_eq!(left_after(4).await, 4);
    assert_eq!(left_after(0).await, 0);
    while tasks() > 0 {
        task::yield_now().await;
    }
    task_of_next(&pool).await;
    assert_eq!(pool.0.lock().free.len(), 1);
}

#[tokio::test]
async fn a_future_goes_to_its_end_without_the_pool() {
    let pool = TestPool::new();
    let (future, release, told) = held();
    run(&pool, future);
    task::yield_now().await;
    drop(pool);
    release.send(()).expect("it waits");
    told.await.expect("it was run");
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime")
}

#[test]
fn a_task_whose_runtime_is_gone_is_not_given_a_future() {
    let pool = TestPool::new();
    let gone = runtime();
    gone.block_on(task_of_next(&pool));
    drop(gone);
    assert_eq!(pool.0.lock().free.len(), 1);
    let there = runtime();
    there.block_on(task_of_next(&pool));
    assert!(pool.0.lock().is_watched());
}

#[test]
fn a_future_that_is_not_run_any_more_is_dropped() {
    let pool = TestPool::new();
    let gone = runtime();
    let (tell, told) = oneshot::channel::<()>();
    gone.block_on(async {
        task_of_next(&pool).await;
        let _stopper = run(&pool, async {
            poll_fn(|_| Poll::<()>::Pending).await;
            drop(tell);
        });
    });
    drop(gone);
    assert!(told.blocking_recv().is_err());
}
