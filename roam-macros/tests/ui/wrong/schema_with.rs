use roam_core::Schema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Foreign(u8);

#[derive(Serialize, Deserialize, Schema)]
pub struct NotDescribed {
    #[schema(with = Foreign)]
    foreign: Foreign,
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Unknown {
    #[schema(as = u8)]
    foreign: Foreign,
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Twice {
    #[schema(with = u8, with = u16)]
    foreign: Foreign,
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Quoted {
    #[schema(with = "u8")]
    foreign: Foreign,
}

fn main() {}
