use std::future::poll_fn;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, Id};
use tokio::time;

use super::*;
use crate::rt::BoxFuture;

type TestPool = Pool<BoxFuture<'static, ()>>;

fn run(pool: &TestPool, future: impl Future<Output = ()> + Send + 'static) {
    pool.run([Box::pin(future) as BoxFuture<'static, ()>].into_iter());
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
async fn no_more_tasks_wait_than_there_is_room_for() {
    let pool = TestPool::new();
    let pending = |_| Box::pin(task::yield_now()) as BoxFuture<'static, ()>;
    pool.run((0..3 * MAX_IDLE).map(pending));
    settle(&pool).await;
    assert_eq!(pool.0.lock().free.len(), MAX_IDLE);
}

#[tokio::test]
async fn tasks_that_wait_end_with_the_pool() {
    let pool = TestPool::new();
    let ready = |_| Box::pin(async {}) as BoxFuture<'static, ()>;
    pool.run((0..3).map(ready));
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
    let ready = |_| Box::pin(async {}) as BoxFuture<'static, ()>;
    pool.run((0..10).map(ready));
    settle(&pool).await;
    // From here on, between two looks for those that are not needed.
    time::sleep(PATIENCE / 2).await;
    let left_after = async |round: usize| {
        for _ in 0..3 {
            pool.run((0..round).map(ready));
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
    let (release, held) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    run(&pool, async {
        held.await.expect("it is released");
        tell.send(()).expect("somebody listens");
    });
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
        run(&pool, async {
            poll_fn(|_| Poll::<()>::Pending).await;
            drop(tell);
        });
    });
    drop(gone);
    assert!(told.blocking_recv().is_err());
}
