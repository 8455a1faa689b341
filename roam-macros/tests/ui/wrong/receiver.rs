use std::sync::Arc;

use roam_core::service;

#[service]
pub trait Receivers {
    async fn none();
    async fn argument_only(a: i32);
    async fn by_value(self);
    async fn exclusive(&mut self, a: i32);
    async fn shared(self: Arc<Self>);
}

fn main() {}
