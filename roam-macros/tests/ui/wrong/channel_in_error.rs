use roam_core::{Schema, Tx, service};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Schema)]
pub enum Wrong {
    Deep(Vec<Deep>),
}

#[derive(Serialize, Deserialize, Schema)]
pub struct Deep {
    again: Option<Box<Wrong>>,
    channel: Tx<u8>,
}

#[service]
pub trait Errors {
    async fn fine(&self, deep: Deep) -> Result<Deep, String>;
    async fn direct(&self) -> Result<u8, Tx<u8>>;
    async fn nested(&self) -> Result<u8, Wrong>;
}

fn main() {}
