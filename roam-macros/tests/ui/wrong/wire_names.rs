use roam_core::Schema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
struct Fields {
    user_id: u8,
    #[serde(rename = "userId")]
    owner: u8,
    #[serde(rename = "__proto__")]
    origin: u8,
}

#[derive(Serialize, Deserialize, Schema)]
enum Variants {
    Left,
    #[serde(rename = "Left")]
    Right,
    Both {
        first: u8,
        #[serde(rename = "first")]
        second: u8,
    },
}

fn main() {}
