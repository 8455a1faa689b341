use roam_core::{Schema, service};
use serde::{Deserialize, Serialize};

#[service(name = "Other")]
pub trait Option {}

#[service(crate = "roam_core")]
pub trait Quoted {}

#[derive(Serialize, Deserialize, Schema)]
#[schema(name = "Other")]
struct Named;

#[derive(Serialize, Deserialize, Schema)]
struct Inside {
    #[schema(crate = roam_core)]
    field: u8,
}

fn main() {}
