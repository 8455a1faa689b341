use roam_core::service;

#[service]
pub trait Same {
    async fn get_it(&self);
    #[allow(non_snake_case)]
    async fn getIt(&self);
    async fn layer2(&self);
    async fn layer_2(&self);
}

#[service]
pub trait Taken {
    async fn new(&self);
    async fn new_(&self);
    async fn clone(&self);
    async fn then(&self);
    async fn constructor(&self);
    async fn to_string(&self);
    async fn __(&self);
}

fn main() {}
