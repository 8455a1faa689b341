use roam_core::service;

#[service]
pub trait Methods {
    async fn typed<T>(&self, value: T);
    async fn lifetime<'a>(&'a self);
    async fn constant<const N: usize>(&self) -> [u8; N];
    async fn bounded(&self) where Self: Sized;
    async fn unnamed(&self, value: impl Clone) -> impl Clone;
    async fn this(&self) -> Option<Self>;
}

#[service]
pub trait Service<T> {
    async fn get(&self) -> T;
}

fn main() {}
