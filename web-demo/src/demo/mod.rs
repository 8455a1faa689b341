//! The handler of [`Demo`].

mod calculate;
mod digest;
mod measure;
mod process;

use roam_core::{Context, Rx, Tx};

use crate::api::{Demo, Digest, DigestError, MathError, Operator, PageClient, Sample};

/// Answers [`Demo`].
pub(crate) struct Demonstration;

impl Demo for Demonstration {
    async fn ping(&self, _: &Context) {}

    async fn calculate(
        &self,
        _: &Context,
        left: i64,
        operator: Operator,
        right: i64,
    ) -> Result<i64, MathError> {
        calculate::calculate(left, operator, right)
    }

    async fn measure(&self, cx: &Context, rate: u32, samples: Tx<Sample>) {
        let page = PageClient::new(cx.connection().clone());
        measure::measure(&page, rate, &samples).await;
    }

    async fn digest(&self, _: &Context, chunks: Rx<Vec<u8>>) -> Result<Digest, DigestError> {
        digest::digest(chunks).await
    }
}
