use roam_core::service;

#[service]
pub trait Sync {
    fn add(&self, a: i32, b: i32) -> i32;
}

fn main() {}
