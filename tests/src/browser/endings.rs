//! The service `Endings`: a method for each kind of call, to see what ends it.

use roam_core::{Context, Rx, Tx, channel, service};

use super::watch::Watched;

/// Calls that run until they are released, with a channel or without. Tests watch the handler by `key` and its half
/// of the channel by `half`, which outlives the handler.
#[service]
pub trait Endings {
    /// Returns 7 once it is released.
    async fn stay(&self, key: String) -> u32;
    /// Like `stay`, with a channel to the caller: sends 0, and 1 once `half` is released, then closes it.
    async fn give(&self, key: String, half: String, out: Tx<u32>) -> u32;
    /// Like `stay`, with a channel from the caller.
    async fn take(&self, key: String, half: String, numbers: Rx<u32>) -> u32;
    /// Returns at once what `give` sends.
    async fn lend(&self, key: String, half: String) -> Rx<u32>;
}

/// The handler of [`Endings`].
#[derive(Clone, Debug)]
pub struct EndingsHandler {
    /// Tracks the handlers and halves.
    pub watched: Watched,
}

impl EndingsHandler {
    async fn run(&self, key: &str) -> u32 {
        let running = self.watched.run(key);
        running.released().await;
        running.finish();
        7
    }

    async fn send(self, half: String, out: Tx<u32>) {
        let running = self.watched.run(&half);
        // If nobody reads it, the channel is closed.
        let _ = out.send(0).await;
        tokio::select! {
            _ = out.closed() => {}
            () = running.released() => {
                if out.send(1).await.is_ok() {
                    running.finish();
                }
            }
        }
    }

    async fn receive(self, half: String, mut numbers: Rx<u32>) {
        let running = self.watched.run(&half);
        loop {
            match numbers.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => return running.finish(),
                Err(_) => return,
            }
        }
    }
}

impl Endings for EndingsHandler {
    async fn stay(&self, _: &Context, key: String) -> u32 {
        self.run(&key).await
    }

    async fn give(&self, _: &Context, key: String, half: String, out: Tx<u32>) -> u32 {
        tokio::spawn(self.clone().send(half, out));
        self.run(&key).await
    }

    async fn take(&self, _: &Context, key: String, half: String, numbers: Rx<u32>) -> u32 {
        tokio::spawn(self.clone().receive(half, numbers));
        self.run(&key).await
    }

    async fn lend(&self, _: &Context, key: String, half: String) -> Rx<u32> {
        self.watched.run(&key).finish();
        let (out, numbers) = channel();
        tokio::spawn(self.clone().send(half, out));
        numbers
    }
}
