use roam_core::{Rx, Tx, service};

#[service]
pub trait Nested {
    async fn nested(&self, channels: Rx<Vec<Tx<u8>>>);
}

fn main() {}
