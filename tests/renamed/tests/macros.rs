//! Generated code reaches roam-core through the one path that it is given.

use rpc::proto::Framing;
use rpc::transport::memory_pair;
use rpc::{
    ConnectionHandle, Context, Rx, Schema, ServiceDispatcher, Tx, accept, channel, connect, service,
};
use serde::{Deserialize, Serialize};

/// What a framework built on roam might offer.
mod framework {
    pub(crate) mod prelude {
        pub(crate) use ::rpc as roam;
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Schema)]
#[schema(crate = rpc)]
enum MathError {
    DivisionByZero { dividend: i64 },
    Other(String),
    Unknown,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Schema)]
#[schema(crate = rpc)]
struct Pair<T>(T, T);

#[derive(Serialize, Deserialize, Schema)]
#[schema(crate = ::rpc)]
struct Job {
    pair: Pair<i64>,
    output: Tx<i64>,
}

#[service(crate = rpc)]
trait Calculator {
    async fn divide(&self, pair: Pair<i64>) -> Result<i64, MathError>;
    #[roam(idempotent, inline)]
    async fn swap(&self, pair: Pair<i64>) -> Pair<i64>;
    async fn repeat(&self, job: Job);
}

#[service(crate = crate::framework::prelude::roam)]
trait Sums {
    async fn sum(&self, numbers: Rx<i64>) -> i64;
}

struct Handler;

impl Calculator for Handler {
    async fn divide(&self, _: &Context, Pair(a, b): Pair<i64>) -> Result<i64, MathError> {
        a.checked_div(b)
            .ok_or(MathError::DivisionByZero { dividend: a })
    }

    async fn swap(&self, _: &Context, Pair(a, b): Pair<i64>) -> Pair<i64> {
        Pair(b, a)
    }

    async fn repeat(&self, _: &Context, job: Job) {
        for number in [job.pair.0, job.pair.1] {
            job.output.send(number).await.unwrap();
        }
    }
}

impl Sums for Handler {
    async fn sum(&self, _: &Context, mut numbers: Rx<i64>) -> i64 {
        let mut sum = 0;
        while let Some(number) = numbers.recv().await.unwrap() {
            sum += number;
        }
        sum
    }
}

/// Returns a client's handle of a link to `server`.
fn link(server: impl ServiceDispatcher) -> ConnectionHandle {
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (handle, driver) = connect(ours).drive();
    tokio::spawn(driver);
    let (_, driver) = accept(theirs).dispatcher(server).drive();
    tokio::spawn(driver);
    handle
}

#[tokio::test]
async fn calls_through_a_renamed_dependency() {
    let calculator = CalculatorClient::new(link(CalculatorDispatcher::new(Handler)));
    assert_eq!(calculator.swap(Pair(1, 2)).await.unwrap(), Pair(2, 1));
    assert_eq!(calculator.divide(Pair(7, 2)).await.unwrap(), 3);
    let error = calculator.divide(Pair(7, 0)).await.unwrap_err();
    assert_eq!(
        error.into_user(),
        Some(MathError::DivisionByZero { dividend: 7 })
    );

    let (output, mut repeated) = channel();
    let pair = Pair(3, 4);
    calculator.repeat(Job { pair, output }).await.unwrap();
    assert_eq!(repeated.recv().await.unwrap(), Some(3));
    assert_eq!(repeated.recv().await.unwrap(), Some(4));
    assert_eq!(repeated.recv().await.unwrap(), None);
}

#[tokio::test]
async fn calls_through_a_re_export() {
    let sums = SumsClient::new(link(SumsDispatcher::new(Handler)));
    let (numbers, theirs) = channel();
    let sum = tokio::spawn(sums.sum(theirs).into_future());
    for number in 1..=3 {
        numbers.send(number).await.unwrap();
    }
    drop(numbers);
    assert_eq!(sum.await.unwrap().unwrap(), 6);
}
