use roam_core::Schema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Schema)]
#[serde(tag = "type")]
pub enum Tagged {
    A { x: u8 },
}

#[derive(Serialize, Deserialize, Schema)]
#[serde(untagged)]
pub enum Untagged {
    A { x: u8 },
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Fields {
    #[serde(flatten)]
    flat: Option<Other>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sometimes: Option<u8>,
    #[serde(skip_serializing)]
    one_way: u8,
    #[serde(with = "my_format")]
    formatted: u8,
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Other {
    x: u8,
}

mod my_format {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(it: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        it.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        u8::deserialize(deserializer)
    }
}

#[derive(Clone, Serialize, Deserialize, Schema)]
#[serde(into = "u8", try_from = "u16")]
pub struct TwoTypes;

impl From<TwoTypes> for u8 {
    fn from(_: TwoTypes) -> Self {
        0
    }
}

impl TryFrom<u16> for TwoTypes {
    type Error = &'static str;

    fn try_from(_: u16) -> Result<Self, Self::Error> {
        Err("never")
    }
}

#[derive(Serialize, Deserialize, Schema)]
pub enum SkippedInTheMiddle {
    A,
    #[serde(skip)]
    B,
    C,
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Skipped(#[serde(skip)] u8);

fn main() {}
