use roam_core::{Schema, service};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Undescribed;

#[service]
pub trait Missing {
    async fn argument(&self, it: Vec<Undescribed>);
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Holder {
    it: Option<Undescribed>,
}

fn main() {}
