//! The service `Testbed`, with one method of each kind.

use roam_core::{Context, Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

/// An error of [`Testbed::divide`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum MathError {
    /// The divisor was zero.
    DivisionByZero,
    /// The quotient does not fit in an `i64`.
    Overflow,
}

/// A service with one method of each kind.
#[service]
pub trait Testbed {
    /// Returns `message`.
    async fn echo(&self, message: String) -> String;
    /// Divides `dividend` by `divisor`.
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, MathError>;
    /// Returns the sum of `numbers`.
    async fn sum(&self, numbers: Rx<i32>) -> i64;
    /// Sends `count` numbers, counting from 0.
    async fn generate(&self, count: u32, output: Tx<i32>);
    /// Reverses each string.
    async fn transform(&self, input: Rx<String>, output: Tx<String>);
}

/// The handler of [`Testbed`].
#[derive(Clone, Copy, Debug)]
pub struct TestbedHandler;

impl Testbed for TestbedHandler {
    async fn echo(&self, _: &Context, message: String) -> String {
        message
    }

    async fn divide(&self, _: &Context, dividend: i64, divisor: i64) -> Result<i64, MathError> {
        if divisor == 0 {
            return Err(MathError::DivisionByZero);
        }
        dividend.checked_div(divisor).ok_or(MathError::Overflow)
    }

    async fn sum(&self, _: &Context, mut numbers: Rx<i32>) -> i64 {
        let mut sum = 0;
        while let Ok(Some(number)) = numbers.recv().await {
            sum += i64::from(number);
        }
        sum
    }

    async fn generate(&self, _: &Context, count: u32, output: Tx<i32>) {
        for number in 0..count {
            if output
                .send(i32::try_from(number).unwrap_or(i32::MAX))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    async fn transform(&self, _: &Context, mut input: Rx<String>, output: Tx<String>) {
        while let Ok(Some(text)) = input.recv().await {
            if output
                .send(text.chars().rev().collect::<String>())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}
