use roam_core::service;

#[service]
pub unsafe trait Unsafe {}

#[service]
pub trait Items {
    const LIMIT: u32;
    type Item;
    async fn body(&self) {}
    async unsafe fn unsafely(&self);
    async fn pattern(&self, (a, b): (u8, u8), mut c: u8, _: u8);
}

fn main() {}
