//! Proxies, which forward calls and channels without decoding them.

mod calls;
mod connections;
mod late;
mod lost;
mod streams;
mod windows;

use std::future::pending;

use roam_core::{
    Config, ConnectionHandle, Context, NoDispatcher, Rx, ServiceDispatcher, Tx, channel,
    proxy::{ForwardingDispatcher, LateBoundForwarder},
    rt, service,
};

use super::harness::{Events, Seen, events, link_with, until_idle};

/// The service that clients and servers of these tests serve.
#[service]
trait Site {
    async fn name(&self) -> String;
    async fn echo(&self, text: String) -> String;
    async fn fail(&self, how: String) -> Result<u32, String>;
    async fn panic(&self);
    async fn zeros(&self, len: u32) -> Vec<u8>;
    async fn sum(&self, numbers: Rx<u32>) -> u32;
    async fn count(&self, to: u32, output: Tx<u32>);
    async fn double(&self, input: Rx<u32>, output: Tx<u32>);
    /// Doubles the elements of each nested pair.
    async fn double_all(&self, pairs: Vec<(Rx<u32>, Option<Tx<u32>>)>);
    /// Doubles through channels in the result, after the call.
    async fn doubler(&self) -> (Tx<u32>, Rx<u32>);
    /// Takes the halves and fails.
    async fn refuse(&self, input: Rx<u32>, output: Tx<u32>) -> Result<(), String>;
    /// Holds the halves until it is aborted.
    async fn hold(&self, input: Rx<u32>, output: Tx<u32>);
    /// Drops `input` and holds `output` until its receiver is dropped.
    async fn drop_reader(&self, input: Rx<u32>, output: Tx<u32>);
    /// Sends one element and resets the channel.
    async fn cut(&self, output: Tx<u32>);
    async fn chunks(&self, sizes: Vec<u32>, output: Tx<Vec<u8>>);
    /// Asks the caller for its name, on this call's connection.
    async fn name_of_caller(&self) -> String;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saw {
    Began,
    Stopped,
    ReaderDropped,
}

struct Peer {
    name: &'static str,
    saw: Events<Saw>,
}

async fn double(mut input: Rx<u32>, output: Tx<u32>) {
    loop {
        match input.recv().await {
            Ok(Some(number)) if output.send(2 * number).await.is_ok() => {}
            // A reset must not become a clean end.
            Err(_) => return output.reset(),
            Ok(_) => return,
        }
    }
}

impl Site for Peer {
    async fn name(&self, _: &Context) -> String {
        self.name.into()
    }

    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn fail(&self, _: &Context, how: String) -> Result<u32, String> {
        Err(how)
    }

    async fn panic(&self, _: &Context) {
        std::panic::resume_unwind(Box::new("on purpose"));
    }

    async fn zeros(&self, _: &Context, len: u32) -> Vec<u8> {
        vec![0; len as usize]
    }

    async fn sum(&self, _: &Context, mut numbers: Rx<u32>) -> u32 {
        let mut sum = 0;
        while let Some(number) = numbers.recv().await.unwrap() {
            sum += number;
        }
        sum
    }

    async fn count(&self, _: &Context, to: u32, output: Tx<u32>) {
        for number in 0..to {
            if output.send(number).await.is_err() {
                return;
            }
        }
    }

    async fn double(&self, _: &Context, input: Rx<u32>, output: Tx<u32>) {
        double(input, output).await;
    }

    async fn double_all(&self, _: &Context, pairs: Vec<(Rx<u32>, Option<Tx<u32>>)>) {
        for (input, output) in pairs {
            if let Some(output) = output {
                rt::spawn(double(input, output));
            }
        }
    }

    async fn doubler(&self, _: &Context) -> (Tx<u32>, Rx<u32>) {
        let ((input, from_them), (to_them, output)) = (channel(), channel());
        rt::spawn(double(from_them, to_them));
        (input, output)
    }

    async fn refuse(&self, _: &Context, _: Rx<u32>, _: Tx<u32>) -> Result<(), String> {
        Err("no".into())
    }

    async fn hold(&self, _: &Context, _input: Rx<u32>, _output: Tx<u32>) {
        let _stopped = self.saw.on_drop(Saw::Stopped);
        self.saw.tell(Saw::Began);
        pending::<()>().await;
    }

    async fn drop_reader(&self, _: &Context, input: Rx<u32>, output: Tx<u32>) {
        drop(input);
        output.closed().await;
        self.saw.tell(Saw::ReaderDropped);
    }

    async fn cut(&self, _: &Context, output: Tx<u32>) {
        output.send(1).await.unwrap();
        output.reset();
    }

    async fn chunks(&self, _: &Context, sizes: Vec<u32>, output: Tx<Vec<u8>>) {
        for size in sizes {
            if output.send(vec![0; size as usize]).await.is_err() {
                return;
            }
        }
    }

    async fn name_of_caller(&self, cx: &Context) -> String {
        let caller = SiteClient::new(cx.connection().clone());
        caller.name().await.unwrap()
    }
}

fn peer(name: &'static str) -> (SiteDispatcher<Peer>, Seen<Saw>) {
    let (saw, seen) = events();
    (SiteDispatcher::new(Peer { name, saw }), seen)
}

/// A client and a server, and the two links of the proxy between them.
struct Proxied {
    client: ConnectionHandle,
    down: ConnectionHandle,
    up: ConnectionHandle,
    server: ConnectionHandle,
    seen: Seen<Saw>,
}

impl Proxied {
    async fn new() -> Self {
        Self::with(&Config::default(), &Config::default()).await
    }

    /// Opens the two links with these settings.
    async fn with(down: &Config, up: &Config) -> Self {
        let ((server, seen), (client, _)) = (peer("server"), peer("client"));
        let (forwarder, late) = LateBoundForwarder::new();
        let (up, server) = link_with(forwarder, up, server, up);
        let forwarder = ForwardingDispatcher::new(up.clone());
        let (client, down) = link_with(client, down, forwarder, down);
        late.bind(down.clone());
        client.ready().await.unwrap();
        Self {
            client,
            down,
            up,
            server,
            seen,
        }
    }

    fn site(&self) -> SiteClient {
        SiteClient::new(self.client.clone())
    }

    /// Waits until all four handles are idle.
    async fn until_idle(&self) {
        for handle in [&self.client, &self.down, &self.up, &self.server] {
            until_idle(handle).await;
        }
    }
}

/// Puts a server behind two proxies and returns the clients of the three links, nearest first.
fn behind_two_proxies(
    server: impl ServiceDispatcher,
    [first, second, third]: &[Config; 3],
) -> [ConnectionHandle; 3] {
    let (far, _) = link_with(NoDispatcher, third, server, third);
    let forwarder = ForwardingDispatcher::new(far.clone());
    let (middle, _) = link_with(NoDispatcher, second, forwarder, second);
    let forwarder = ForwardingDispatcher::new(middle.clone());
    let (near, _) = link_with(NoDispatcher, first, forwarder, first);
    [near, middle, far]
}
