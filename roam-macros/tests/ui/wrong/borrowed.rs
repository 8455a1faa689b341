use std::borrow::Cow;

use roam_core::service;

#[service]
pub trait Borrowed {
    async fn text(&self, text: &str);
    async fn slice(&self, bytes: Option<&[u8]>);
    async fn lifetime(&self, text: Cow<'_, str>);
    async fn fixed(&self, text: &'static str);
    async fn returned(&self) -> Vec<&str>;
}

fn main() {}
