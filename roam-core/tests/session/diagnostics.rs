//! Diagnostics: what is in flight on one link and on many, as data and as text.

use std::future::pending;

use roam_core::proto::{CallStage, Direction};
use roam_core::rt::BoxFuture;
use roam_core::{
    Context, Metadata, MethodDescriptor, MethodId, NoDispatcher, Rx, ServiceDispatcher, Tx,
    channel, diagnostics::Links, server::IncomingCall, service,
};

use super::harness::{Events, events, link, settle, start, until_idle, yield_now};

runs! {
    snapshot_lists_calls_and_channels_with_methods
    calls_that_began_after_watching_have_ages
    text_names_known_methods_and_shows_other_ids
    list_shows_open_links_and_forgets_ended_ones
    list_keeps_no_link_open
}

#[service]
trait Slow {
    async fn wait(&self);
    async fn copy(&self, input: Rx<String>, output: Tx<String>) -> u32;
}

struct Handler(Events<&'static str>);

impl Slow for Handler {
    async fn wait(&self, _: &Context) {
        self.0.tell("waits");
        pending::<()>().await;
    }

    async fn copy(&self, _: &Context, _input: Rx<String>, _output: Tx<String>) -> u32 {
        self.0.tell("copies");
        pending().await
    }
}

fn method(name: &str) -> MethodId {
    let methods = &slow_service().methods;
    methods.iter().find(|it| it.name == name).unwrap().id
}

async fn snapshot_lists_calls_and_channels_with_methods() {
    let (events, mut seen) = events();
    let (client, server) = link(NoDispatcher, SlowDispatcher::new(Handler(events)));
    let slow = SlowClient::new(client.clone());
    let (tx, rx) = channel();
    let (back, received) = channel();
    let copying = start(async move { slow.copy(rx, back).await });
    seen.expect("copies").await;
    tx.send("12345".to_owned()).await.unwrap();
    settle(&client).await;

    let at_client = &client.diagnostics().connections[0];
    assert_eq!(at_client.outgoing[0].method, method("copy"));
    let at_server = &server.diagnostics().connections[0];
    let call = &at_server.incoming[0];
    assert_eq!(
        (call.method, call.stage, call.age),
        (method("copy"), CallStage::Unanswered, None)
    );
    let [input, output] = &at_server.channels[..] else {
        panic!("{at_server:?}");
    };
    assert_eq!(
        (input.direction, input.queued),
        (Some(Direction::Receive), 6)
    );
    assert_eq!(
        (output.direction, output.queued),
        (Some(Direction::Send), 0)
    );
    assert_eq!(output.method, Some(method("copy")));

    drop((copying, tx, received));
    until_idle(&client).await;
    until_idle(&server).await;
    let nothing = &server.diagnostics().connections[0];
    assert!(nothing.incoming.is_empty() && nothing.channels.is_empty());
}

async fn calls_that_began_after_watching_have_ages() {
    let (events, mut seen) = events();
    let (client, server) = link(NoDispatcher, SlowDispatcher::new(Handler(events)));
    let slow = SlowClient::new(client.clone());
    let _first = start(slow.wait());
    seen.expect("waits").await;
    server.watch();
    let _second = start(slow.wait());
    seen.expect("waits").await;
    let incoming = &server.diagnostics().connections[0].incoming;
    let has_age: Vec<_> = incoming.iter().map(|call| call.age.is_some()).collect();
    assert_eq!(has_age, [false, true]);
    let unwatched = &client.diagnostics().connections[0];
    assert!(unwatched.age.is_none() && unwatched.outgoing[1].age.is_none());
}

async fn text_names_known_methods_and_shows_other_ids() {
    let (events, mut seen) = events();
    let (client, server) = link(NoDispatcher, SlowDispatcher::new(Handler(events)));
    let (tx, rx) = channel();
    let (back, _received) = channel();
    let slow = SlowClient::new(client.clone());
    let _copying = start(async move { slow.copy(rx, back).await });
    seen.expect("copies").await;
    tx.send("hello".to_owned()).await.unwrap();
    settle(&client).await;

    let text = client.diagnostics().to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("initiator, received "), "{text}");
    assert!(
        lines[1].starts_with("  to send: 0 B of 256 KiB in 0 frames"),
        "{text}"
    );
    assert_eq!(lines[3], "  connection 0");
    assert_eq!(
        lines[4..],
        [
            "             id  age  method        credit  queued  state",
            "    call      1    -  Slow.copy                     waits for the answer, channels 1 3",
            "    send      1    -  Slow.copy  255.9 KiB     0 B  idle",
            "    receive   3    -  Slow.copy      256 B     0 B  idle",
        ]
    );
    let text = server.diagnostics().to_string();
    assert!(text.contains("6 B  not read\n"), "{text}");

    // No service in this program has this method.
    let (client, _server) = link(NoDispatcher, Silent);
    client.ready().await.unwrap();
    let unknown = MethodId(0x1234);
    let (_call, _) = client
        .call_raw(unknown, &Metadata::new(), &[], &[])
        .unwrap();
    let text = client.diagnostics().to_string();
    assert!(text.contains("  0x0000000000001234  "), "{text}");
}

/// Never answers.
struct Silent;

impl ServiceDispatcher for Silent {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _unanswered = call;
            pending::<()>().await;
        })
    }
}

async fn list_shows_open_links_and_forgets_ended_ones() {
    let links = Links::new();
    for round in 1..100_u64 {
        let (client, server) = link(NoDispatcher, NoDispatcher);
        links.add(&server, format!("peer {round}"));
        client.ready().await.unwrap();
        let seen = links.diagnostics();
        let last = seen.last().unwrap();
        assert_eq!(
            (last.number, &*last.name),
            (round, &*format!("peer {round}"))
        );
        assert!(last.diagnostics.connections[0].age.is_some());
        let text = links.to_string();
        assert!(
            text.contains(&format!("link {round} (peer {round}): acceptor, ")),
            "{text}"
        );
        client.close("");
        server.closed().await;
    }
    while !links.diagnostics().is_empty() {
        yield_now().await;
    }
    assert_eq!(links.to_string(), "no links\n");
}

async fn list_keeps_no_link_open() {
    let links = Links::new();
    let (client, server) = link(NoDispatcher, NoDispatcher);
    links.add(&client, "");
    client.ready().await.unwrap();
    drop(client);
    server.closed().await;
}
