use roam_core::service;

#[service]
pub trait Attributes {
    #[roam(idempotnt)]
    async fn typo(&self);
    #[roam(inline = true)]
    async fn value(&self);
    #[roam]
    async fn empty(&self);
    #[cfg(feature = "extra")]
    async fn sometimes(&self);
    async fn argument(&self, #[allow(unused)] a: u8);
}

#[service]
pub struct Structure;

fn main() {}
