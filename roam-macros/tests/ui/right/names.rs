//! Names that look like taken ones are free.
use roam_core::{Schema, service};
use serde::{Deserialize, Serialize};

/// Variants and skipped fields do not name properties of objects.
#[derive(Serialize, Deserialize, Schema)]
pub enum Name {
    #[serde(rename = "__proto__")]
    Prototype,
    Fields {
        then: u8,
        constructor: u8,
        #[serde(rename = "then", skip)]
        skipped: u8,
    },
}

#[service]
pub trait Names {
    async fn clone_(&self);
    async fn create_new(&self);
    async fn fmt(&self);
    async fn catch(&self, then: Name, constructor: u8);
}

fn main() {}
