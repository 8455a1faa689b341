use roam_core::service;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Undescribed;

#[service]
pub trait Missing {
    async fn returned(&self) -> Undescribed;
    async fn error(&self) -> Result<(), Undescribed>;
}

fn main() {}
