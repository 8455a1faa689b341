//! Nothing of the generated code is the user's problem, however strict the user is.
#![deny(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    unused,
    warnings
)]
#![forbid(unsafe_code)]

use roam_core::{Context, Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

/// An error.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub enum Wrong {
    /// Not right.
    Very {
        /// How.
        much: u32,
    },
}

/// A public service.
#[service]
pub trait Public {
    /// With names that the generated code uses too.
    async fn call(&self, handler: u8, call: u8, cx: u8, types: u8, output: u8) -> u8;
    /// Nothing in, nothing out.
    async fn nothing(&self);
    /// Many arguments.
    #[roam(idempotent)]
    #[roam(inline)]
    #[allow(clippy::too_many_arguments)]
    async fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) -> u8;
    /// Fails.
    async fn fails(&self, r#type: String) -> Result<Rx<u8>, Wrong>;
    /// Streams.
    async fn streams(&self, nested: Vec<Option<Tx<Vec<u8>>>>, more: (Rx<u8>, Tx<u8>)) -> Tx<u8>;
    /// Path of a result.
    async fn path(&self) -> std::result::Result<(), Wrong>;
}

/// Named as the generated code names its type parameters.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct C;

/// So is this one.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct H;

/// A service of types with short names.
#[service]
pub trait Short {
    /// Takes the one, gives the other.
    #[deprecated = "for the test"]
    async fn exchange(&self, c: C) -> Vec<H>;
}

/// Its handler.
#[derive(Debug)]
pub struct Handler;

impl Public for Handler {
    async fn call(&self, _cx: &Context, handler: u8, call: u8, cx: u8, types: u8, output: u8) -> u8 {
        handler + call + cx + types + output
    }
    async fn nothing(&self, _: &Context) {}
    async fn many(
        &self,
        _: &Context,
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
    ) -> u8 {
        a + b + c + d + e + f + g + h + i
    }
    async fn fails(&self, _: &Context, r#type: String) -> Result<Rx<u8>, Wrong> {
        Err(Wrong::Very {
            much: r#type.len() as u32,
        })
    }
    async fn streams(
        &self,
        _: &Context,
        _nested: Vec<Option<Tx<Vec<u8>>>>,
        more: (Rx<u8>, Tx<u8>),
    ) -> Tx<u8> {
        more.1
    }
    async fn path(&self, _: &Context) -> std::result::Result<(), Wrong> {
        Ok(())
    }
}

mod inner {
    use roam_core::service;

    /// Seen by the parent.
    #[service]
    pub(super) trait Inner: std::fmt::Debug {
        /// Of a type in scope here only.
        async fn local(&self, local: Local) -> Local;
    }

    #[derive(serde::Serialize, serde::Deserialize, roam_core::Schema)]
    pub(super) struct Local;

    #[service]
    trait Unused {
        async fn unused(&self);
    }

    #[service]
    trait Empty {}
}

fn main() {
    let _ = inner::InnerDispatcher::<Never>::new;
    let dispatcher = PublicDispatcher::new(Handler);
    assert_eq!(format!("{:?}", dispatcher.clone()), "PublicDispatcher { .. }");
    assert_eq!(public_service().methods.len(), 6);
    let _: fn(roam_core::ConnectionHandle) -> PublicClient = PublicClient::new;
}

/// A handler that is not there.
#[derive(Debug)]
pub enum Never {}

impl inner::Inner for Never {
    async fn local(&self, _: &Context, local: inner::Local) -> inner::Local {
        local
    }
}
