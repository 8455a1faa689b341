//! Generated code compiles under the strictest lints.
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
        /// How much.
        much: u32,
    },
}

/// A public service.
#[service]
pub trait Public {
    /// Has argument names that the generated code uses too.
    async fn call(&self, handler: u8, call: u8, cx: u8, types: u8, output: u8) -> u8;
    /// Has no arguments and no result.
    async fn nothing(&self);
    /// Has many arguments.
    #[roam(idempotent)]
    #[roam(inline)]
    #[allow(clippy::too_many_arguments)]
    async fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) -> u8;
    /// Fails.
    async fn fails(&self, r#type: String) -> Result<Rx<u8>, Wrong>;
    /// Streams.
    async fn streams(&self, nested: Vec<Option<Tx<Vec<u8>>>>, more: (Rx<u8>, Tx<u8>)) -> Tx<u8>;
    /// Returns a `Result` named by its path.
    async fn path(&self) -> std::result::Result<(), Wrong>;
}

/// A type named like a type parameter of the generated code.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct C;

/// A type named like another type parameter.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct H;

/// A service with short type names.
#[service]
pub trait Short {
    /// Takes one type, returns the other.
    #[deprecated = "for the test"]
    async fn exchange(&self, c: C) -> Vec<H>;
}

/// A handler of the public service.
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

    /// Visible to the parent module.
    #[service]
    pub(super) trait Inner: std::fmt::Debug {
        /// Uses a type that is in scope only here.
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

/// A handler without values.
#[derive(Debug)]
pub enum Never {}

impl inner::Inner for Never {
    async fn local(&self, _: &Context, local: inner::Local) -> inner::Local {
        local
    }
}
