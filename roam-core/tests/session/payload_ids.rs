//! Channel ids in payloads: a peer of another language takes them from there.

use roam_core::proto::{
    ChannelId, ConnectionId, Direction, Event, Handler, NewChannels, ReadOutcome, ReceivedPayload,
    Request, RequestId, Response,
};
use roam_core::rt::BoxFuture;
use roam_core::{
    Context, Metadata, MethodDescriptor, MethodId, NoDispatcher, Rx, ServiceDispatcher, Tx,
    channel, proxy::ForwardingDispatcher, rt, server::IncomingCall, service,
};

use super::harness::{Events, events, poll_now, start, yield_now};
use super::net;
use super::raw_peer::RawPeer;

runs! {
    peer_finds_the_receiver_of_our_tx
    peer_finds_the_sender_of_our_rx
    peer_finds_the_channels_of_our_answer
    ids_of_several_bytes_are_found
    resent_call_holds_the_ids_of_its_link
    forwarded_payloads_pass_untouched
}

const ROOT: ConnectionId = ConnectionId::ROOT;

#[service]
trait Numbers {
    async fn count(&self, label: String, output: Tx<u32>, empty: String);
    async fn sum(&self, numbers: Vec<Option<Rx<u32>>>) -> u32;
    async fn open(&self) -> (String, Tx<u32>, Rx<u32>);
}

/// Opens channels in its answer: what it receives, it sends back.
struct Opener;

impl Numbers for Opener {
    async fn count(&self, _: &Context, _: String, _: Tx<u32>, _: String) {}

    async fn sum(&self, _: &Context, _: Vec<Option<Rx<u32>>>) -> u32 {
        0
    }

    async fn open(&self, _: &Context) -> (String, Tx<u32>, Rx<u32>) {
        let (there, mut numbers) = channel();
        let (back, here) = channel();
        rt::spawn(async move {
            while let Ok(Some(number)) = numbers.recv().await {
                if back.send(number).await.is_err() {
                    return;
                }
            }
        });
        ("x".to_owned(), there, here)
    }
}

/// Returns a server that a test drives, and its client.
async fn server() -> (RawPeer, NumbersClient) {
    let (mut peer, client) = RawPeer::server(NoDispatcher);
    peer.shake_hands().await;
    client.ready().await.unwrap();
    (peer, NumbersClient::new(client))
}

async fn request(peer: &mut RawPeer) -> Request {
    let request = |event| match event {
        Event::Request(request) => Some(request),
        _ => None,
    };
    peer.until(request).await
}

async fn response(peer: &mut RawPeer) -> Response {
    let response = |event| match event {
        Event::Response(response) => Some(response),
        _ => None,
    };
    peer.until(response).await
}

async fn answer(peer: &mut RawPeer, request: RequestId, payload: &[u8]) {
    let none = Metadata::new();
    let calls = peer.link.calls(ROOT);
    calls
        .respond(request, &none, &[], payload, Handler::Finished)
        .unwrap();
    peer.flush().await;
}

/// Sends a number on a channel of the peer.
fn send(peer: &mut RawPeer, id: u64, number: u8) {
    assert!(peer.link.channel(ROOT, ChannelId(id)).bind(Direction::Send));
    let sender = peer.link.sender(ROOT, ChannelId(id));
    sender.send(&[number]).unwrap();
}

/// Waits for the first number on a channel of the peer.
async fn receive(peer: &mut RawPeer, id: u64) -> u8 {
    let channel = ChannelId(id);
    let is_bound = peer.link.channel(ROOT, channel).bind(Direction::Receive);
    assert!(is_bound);
    loop {
        match peer.link.receiver(ROOT, channel).read() {
            ReadOutcome::Elements { mut queue, .. } => {
                return queue.pop(|element| element[0]).unwrap();
            }
            ReadOutcome::Empty => drop(peer.event().await),
            ReadOutcome::Ended(end) => panic!("the channel ended: {end:?}"),
        }
    }
}

fn decode<T: serde::de::DeserializeOwned>(payload: &ReceivedPayload) -> T {
    postcard::from_bytes(payload).unwrap()
}

async fn peer_finds_the_receiver_of_our_tx() {
    let (mut peer, numbers) = server().await;
    for number in [7, 8] {
        let (tx, mut rx) = channel();
        let call = start(numbers.count("x".to_owned(), tx, String::new()));
        let Request {
            request, payload, ..
        } = request(&mut peer).await;
        let (label, id, empty): (String, u64, String) = decode(&payload);
        assert_eq!((&label[..], &empty[..]), ("x", ""));
        send(&mut peer, id, number);
        answer(&mut peer, request, &[0]).await;
        call.await.unwrap();
        assert_eq!(rx.recv().await.unwrap(), Some(number.into()));
    }
}

async fn peer_finds_the_sender_of_our_rx() {
    let (mut peer, numbers) = server().await;
    let [(a, first), (b, second)] = [channel(), channel()];
    a.send(1).await.unwrap();
    b.send(2).await.unwrap();
    let call = start(numbers.sum(vec![Some(first), None, Some(second)]));
    let Request {
        request, payload, ..
    } = request(&mut peer).await;
    let ids: Vec<Option<u64>> = decode(&payload);
    let [Some(first), None, Some(second)] = ids[..] else {
        panic!("unexpected payload: {ids:?}")
    };
    // Not in the order of the payload.
    assert_eq!(receive(&mut peer, second).await, 2);
    assert_eq!(receive(&mut peer, first).await, 1);
    answer(&mut peer, request, &[0, 3]).await;
    assert_eq!(call.await.unwrap(), 3);
}

async fn peer_finds_the_channels_of_our_answer() {
    let (mut peer, _server) = RawPeer::client(NumbersDispatcher::new(Opener));
    peer.shake_hands().await;
    for number in [7, 8] {
        let (method, none) = (numbers_service().methods[2].id, Metadata::new());
        let calls = peer.link.calls(ROOT);
        calls.request(method, &none, &[], &[]).unwrap();
        let payload = response(&mut peer).await.payload;
        let (outcome, label, there, back): (u8, String, u64, u64) = decode(&payload);
        assert_eq!((outcome, &label[..]), (0, "x"));
        send(&mut peer, there, number);
        assert_eq!(receive(&mut peer, back).await, number);
    }
}

async fn ids_of_several_bytes_are_found() {
    let (mut peer, numbers) = server().await;
    let (_senders, receivers): (Vec<_>, Vec<_>) = (0..80).map(|_| channel()).unzip();
    let _call = start(numbers.sum(receivers.into_iter().map(Some).collect()));
    let Request {
        payload, channels, ..
    } = request(&mut peer).await;
    let ids: Vec<Option<u64>> = decode(&payload);
    let listed = channels.iter().map(|channel| Some(channel.0));
    assert_eq!(ids, listed.collect::<Vec<_>>());
    assert_eq!(ids.last(), Some(&Some(159)));
}

/// Reports the payloads and channels of calls, and answers that it knows no method.
struct Spy(Events<(Vec<u8>, Vec<ChannelId>)>);

impl ServiceDispatcher for Spy {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        let channels = call.context().channels().to_vec();
        self.0.tell((call.payload().to_vec(), channels));
        Box::pin(call.unknown_method())
    }
}

async fn resent_call_holds_the_ids_of_its_link() {
    let (client, mut net) = net::client(2);
    let numbers = NumbersClient::new(client.clone());
    let (spy, mut seen) = events();
    let (_one, first) = channel();
    let _first = start(numbers.sum(vec![Some(first)]));
    let server = net.attempt().await.accept_stalled(NoDispatcher);
    let stalled = client.connection().await.unwrap();
    while stalled.stats().outgoing_calls == 0 {
        yield_now().await;
    }
    // The send buffer has no space for a second call, whose id would be 3.
    let (_other, second) = channel();
    let mut call = numbers.sum(vec![None, Some(second)]).into_future();
    assert!(poll_now(&mut call).is_pending());
    let call = start(call);
    server.kill();
    let _server = net.attempt().await.accept(Spy(spy));
    seen.expect((vec![2, 0, 1, 1], vec![ChannelId(1)])).await;
    assert!(call.await.is_err());
}

async fn forwarded_payloads_pass_untouched() {
    let (mut upstream, handle) = RawPeer::server(NoDispatcher);
    upstream.shake_hands().await;
    handle.ready().await.unwrap();
    let (mut downstream, _proxy) = RawPeer::client(ForwardingDispatcher::new(handle));
    downstream.shake_hands().await;
    let (method, none) = (numbers_service().methods[2].id, Metadata::new());
    let kept = NewChannels::Kept(&[Direction::Send]);
    let calls = downstream.link.calls(ROOT);
    calls.request(method, &none, kept, &[77]).unwrap();
    downstream.flush().await;
    let Request {
        request,
        payload,
        channels,
        ..
    } = request(&mut upstream).await;
    assert_eq!((&payload[..], channels.len()), (&[77][..], 1));
    let calls = upstream.link.calls(ROOT);
    let answered = calls.respond(request, &none, kept, &[0, 99], Handler::Finished);
    answered.unwrap();
    upstream.flush().await;
    let Response {
        payload, channels, ..
    } = response(&mut downstream).await;
    assert_eq!(payload[..], [0, 99]);
    assert_eq!(channels.map(|channels| channels.len()), Some(1));
}
