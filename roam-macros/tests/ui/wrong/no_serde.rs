use roam_core::{Schema, service};

#[derive(Schema)]
pub struct Unserializable;

#[service]
pub trait Missing {
    async fn argument(&self, it: Unserializable);
}

fn main() {}
