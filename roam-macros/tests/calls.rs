//! Calls from generated clients to generated dispatchers.

use std::future::Future;

use roam_core::proto::Framing;
use roam_core::schema::Schema;
use roam_core::transport::memory_pair;
use roam_core::{
    CallError, Caller, ConnectionHandle, Context, Never, NoDispatcher, RoamError, RoutedDispatcher,
    Rx, ServiceDispatcher, Tx, accept, channel,
    client::{Answer, CallFailure, OutgoingCall},
    connect,
    rt::BoxFuture,
    service,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, Schema)]
enum MathError {
    DivisionByZero { dividend: i64 },
}

/// Channels next to other fields.
#[derive(Serialize, Deserialize, Schema)]
struct Job {
    factor: u32,
    input: Rx<u32>,
    outputs: Vec<Option<Tx<u32>>>,
}

#[service]
trait Calculator {
    async fn nothing(&self);
    async fn add(&self, a: i32, b: i32) -> i32;
    #[roam(inline)]
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, MathError>;
    async fn count(&self, last: u32) -> Rx<u32>;
    async fn multiply(&self, job: Job);
    async fn ask_caller(&self) -> String;
}

#[service]
trait Prompt {
    async fn name(&self) -> String;
}

struct Handler;

impl Calculator for Handler {
    async fn nothing(&self, _: &Context) {}

    async fn add(&self, _: &Context, a: i32, b: i32) -> i32 {
        a + b
    }

    async fn divide(&self, _: &Context, dividend: i64, divisor: i64) -> Result<i64, MathError> {
        dividend
            .checked_div(divisor)
            .ok_or(MathError::DivisionByZero { dividend })
    }

    async fn count(&self, _: &Context, last: u32) -> Rx<u32> {
        let (tx, rx) = channel();
        tokio::spawn(async move {
            for number in 1..=last {
                tx.send(number).await.unwrap();
            }
        });
        rx
    }

    async fn multiply(&self, _: &Context, mut job: Job) {
        while let Some(number) = job.input.recv().await.unwrap() {
            for output in job.outputs.iter().flatten() {
                output.send(number * job.factor).await.unwrap();
            }
        }
    }

    async fn ask_caller(&self, cx: &Context) -> String {
        let caller = PromptClient::new(cx.connection().clone());
        caller.name().await.unwrap()
    }
}

struct Person(&'static str);

impl Prompt for Person {
    async fn name(&self, _: &Context) -> String {
        self.0.to_owned()
    }
}

/// Returns the client's handle of a link between the two dispatchers.
fn link(client: impl ServiceDispatcher, server: impl ServiceDispatcher) -> ConnectionHandle {
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (handle, driver) = connect(ours).dispatcher(client).drive();
    tokio::spawn(driver);
    let (_, driver) = accept(theirs).dispatcher(server).drive();
    tokio::spawn(driver);
    handle
}

fn calculator() -> CalculatorClient {
    let client = PromptDispatcher::new(Person("Ada"));
    CalculatorClient::new(link(client, CalculatorDispatcher::new(Handler)))
}

#[tokio::test]
async fn returns_values() {
    let calculator = calculator();
    calculator.nothing().await.unwrap();
    assert_eq!(calculator.add(2, 3).await.unwrap(), 5);
    assert_eq!(calculator.divide(7, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn returns_typed_errors() {
    let error = calculator().divide(7, 0).await.unwrap_err();
    assert_eq!(
        error.into_user(),
        Some(MathError::DivisionByZero { dividend: 7 })
    );
}

#[tokio::test]
async fn passes_channels_in_arguments_and_results() {
    let calculator = calculator();
    let mut counted = calculator.count(3).await.unwrap();
    for number in 1..=3 {
        assert_eq!(counted.recv().await.unwrap(), Some(number));
    }
    assert_eq!(counted.recv().await.unwrap(), None);

    let (input, theirs) = channel();
    let (output, mut doubled) = channel();
    let job = Job {
        factor: 2,
        input: theirs,
        outputs: vec![None, Some(output)],
    };
    let call = tokio::spawn(calculator.multiply(job).into_future());
    for number in [1, 20] {
        input.send(number).await.unwrap();
        assert_eq!(doubled.recv().await.unwrap(), Some(2 * number));
    }
    input.close();
    assert_eq!(doubled.recv().await.unwrap(), None);
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn handler_calls_its_caller() {
    assert_eq!(calculator().ask_caller().await.unwrap(), "Ada");
}

#[tokio::test]
async fn dispatchers_know_only_their_own_methods() {
    let calculator = link(NoDispatcher, PromptDispatcher::new(Person("Ada")));
    let error = CalculatorClient::new(calculator).add(2, 3).await;
    assert!(matches!(
        error,
        Err(CallError::Answered(RoamError::UnknownMethod))
    ));

    let both = RoutedDispatcher::new()
        .with(PromptDispatcher::new(Person("Ada")))
        .with(CalculatorDispatcher::new(Handler));
    for service in [calculator_service(), prompt_service()] {
        for method in &service.methods {
            assert_eq!(both.method(method.id), Some(method));
        }
    }
    let link = link(NoDispatcher, both);
    assert_eq!(
        CalculatorClient::new(link.clone()).add(2, 3).await.unwrap(),
        5
    );
    assert_eq!(PromptClient::new(link).name().await.unwrap(), "Ada");
}

/// A caller that rejects one method and forwards the others.
#[derive(Clone)]
struct Without(ConnectionHandle, &'static str);

impl Caller for Without {
    type Future = BoxFuture<'static, Result<Answer, CallFailure>>;

    fn call(self, call: OutgoingCall) -> Self::Future {
        let refused = calculator_service().method(call.method.id);
        if refused.is_some_and(|method| method.name == self.1) {
            return Box::pin(async { Err(CallError::Answered(RoamError::Cancelled)) });
        }
        Box::pin(self.0.call(call))
    }
}

#[tokio::test]
async fn clients_call_over_any_caller() {
    let link = link(NoDispatcher, CalculatorDispatcher::new(Handler));
    let calculator = CalculatorClient::new(Without(link, "divide"));
    assert_eq!(calculator.add(2, 3).await.unwrap(), 5);
    assert!(matches!(
        calculator.divide(7, 2).await,
        Err(CallError::Answered(RoamError::Cancelled))
    ));
}

/// A task can own a call.
#[test]
fn calls_can_be_spawned() {
    fn assert_spawnable<T>(_: &impl Fn(CalculatorClient) -> T)
    where
        T: Future<Output = Result<i32, CallError<Never>>> + Send + 'static,
    {
    }
    assert_spawnable(&|client: CalculatorClient| client.add(2, 3).into_future());
}
