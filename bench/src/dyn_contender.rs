//! Contenders as trait objects, so that one list holds all of them.

use std::marker::PhantomData;

use futures::future::{BoxFuture, FutureExt};
use tokio::net::TcpListener;

use crate::contender::{Contender, Limits, Result};
use crate::workloads::{Scale, Workload};

/// A [`Contender`] as a trait object.
pub trait DynContender: Sync {
    /// Returns [`Contender::NAME`].
    fn name(&self) -> &'static str;
    /// Returns [`Contender::MUST_PASS`].
    fn must_pass(&self) -> bool;
    /// Runs a workload once and returns a figure for each metric.
    fn run(
        &self,
        workload: &'static Workload,
        scale: Scale,
    ) -> BoxFuture<'static, Result<Vec<f64>>>;
    /// Calls [`Contender::serve`].
    fn serve(&self, listener: TcpListener, limits: Limits) -> BoxFuture<'static, ()>;
}

/// Turns a [`Contender`] into a [`DynContender`].
#[derive(Debug)]
pub struct Erased<C>(PhantomData<C>);

impl<C> Erased<C> {
    /// The only value.
    pub const NEW: Self = Self(PhantomData);
}

impl<C: Contender> DynContender for Erased<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn must_pass(&self) -> bool {
        C::MUST_PASS
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
