//! Error types may be recursive and generic.

use std::collections::HashMap;

use roam_core::{Schema, service};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Failure<T> {
    because: Option<Box<Failure<T>>>,
    others: HashMap<String, Chain<T>>,
    value: T,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
pub enum Chain<T> {
    End,
    Next(Vec<Failure<T>>, Vec<Chain<T>>),
}

#[service]
pub trait Fails {
    async fn fails(&self) -> Result<(), Failure<Failure<u8>>>;
}

fn main() {}
