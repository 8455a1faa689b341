//! A contender, with its type forgotten, so that all of them fit in one list.

use std::marker::PhantomData;

use futures::future::{BoxFuture, FutureExt};
use tokio::net::TcpListener;

use crate::contender::{Contender, Limits, Result};
use crate::workloads::{Scale, Workload};

/// Whatever can run workloads.
pub trait Subject: Sync {
    /// The name in the table.
    fn name(&self) -> &'static str;
    /// Whether it has to run whatever it supports.
    fn is_ours(&self) -> bool;
    /// Runs a workload once; returns a figure for each of its metrics.
    fn run(
        &self,
        workload: &'static Workload,
        scale: Scale,
    ) -> BoxFuture<'static, Result<Vec<f64>>>;
    /// Serves, for ever.
    fn serve(&self, listener: TcpListener, limits: Limits) -> BoxFuture<'static, ()>;
}

/// A contender as a subject.
#[derive(Debug)]
pub struct Of<C>(PhantomData<C>);

impl<C> Of<C> {
    /// There is only one.
    pub const NEW: Self = Self(PhantomData);
}

impl<C: Contender> Subject for Of<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn is_ours(&self) -> bool {
        C::IS_OURS
    }

    fn run(
        &self,
        workload: &'static Workload,
        scale: Scale,
    ) -> BoxFuture<'static, Result<Vec<f64>>> {
        workload.run::<C>(scale).boxed()
    }

    fn serve(&self, listener: TcpListener, limits: Limits) -> BoxFuture<'static, ()> {
        C::serve(listener, limits).boxed()
    }
}
