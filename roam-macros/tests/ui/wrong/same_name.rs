use roam_core::service;

#[service]
pub trait Names {
    async fn get_it(&self);
    #[allow(non_snake_case)]
    async fn getIt(&self);
    async fn new(&self);
}

fn main() {}
