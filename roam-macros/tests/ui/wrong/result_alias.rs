use roam_core::service;

type Result<T> = std::result::Result<T, String>;

#[service]
pub trait Aliases {
    async fn one(&self) -> Result<i32>;
    async fn path(&self) -> std::io::Result<()>;
    async fn none(&self) -> std::fmt::Result;
}

fn main() {}
