//! Channels through a proxy.

use futures::future::join;
use roam_core::{CallError, Config, RecvError, RoamError, Rx, SendError, Tx, channel};

use super::super::harness::{poll_now, settle, start};
use super::{Proxied, Saw};

runs! {
    channels_are_forwarded_both_ways
    many_elements_arrive_in_order_each_way
    nested_channels_are_forwarded
    channels_in_a_result_are_forwarded
    channels_outlive_their_call
    method_error_ends_the_channels_of_its_call
    dropped_receiver_stops_the_sender
    dropped_sender_is_a_clean_end
    reset_is_not_a_clean_end
    element_too_long_for_the_other_link_resets_its_channel
    both_halves_can_move_to_the_server
}

async fn collect(mut rx: Rx<u32>) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some(number) = rx.recv().await.unwrap() {
        numbers.push(number);
    }
    numbers
}

async fn send_all(tx: Tx<u32>, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        tx.send(number).await.unwrap();
    }
}

async fn channels_are_forwarded_both_ways() {
    let proxied = Proxied::new().await;
    let (tx, rx) = channel();
    let (sum, ()) = join(proxied.site().sum(rx).into_future(), send_all(tx, 1..=10)).await;
    assert_eq!(sum.unwrap(), 55);
    let (tx, rx) = channel();
    let (counted, numbers) = join(proxied.site().count(5, tx).into_future(), collect(rx)).await;
    counted.unwrap();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    proxied.until_idle().await;
}

async fn many_elements_arrive_in_order_each_way() {
    const MANY: u32 = 200_000;
    let proxied = Proxied::new().await;
    let ((tx, rx), (back, received)) = (channel(), channel());
    let sending = start(send_all(tx, 0..MANY));
    let receiving = start(collect(received));
    proxied.site().double(rx, back).await.unwrap();
    sending.await;
    assert!(receiving.await.into_iter().eq((0..MANY).map(|n| 2 * n)));
    proxied.until_idle().await;
}

async fn nested_channels_are_forwarded() {
    let proxied = Proxied::new().await;
    let mut pairs = Vec::new();
    let mut checks = Vec::new();
    for n in 0..20 {
        let ((tx, rx), (back, received)) = (channel(), channel());
        pairs.push((rx, Some(back)));
        checks.push(async move {
            send_all(tx, [n]).await;
            assert_eq!(collect(received).await, [2 * n]);
        });
    }
    let (unread, rx) = channel();
    pairs.push((rx, None));
    proxied.site().double_all(pairs).await.unwrap();
    for check in checks {
        check.await;
    }
    unread.closed().await;
    drop(unread);
    proxied.until_idle().await;
}

async fn channels_in_a_result_are_forwarded() {
    let proxied = Proxied::new().await;
    let (input, output) = proxied.site().doubler().await.unwrap();
    let ((), numbers) = join(send_all(input, 0..10_000), collect(output)).await;
    assert!(numbers.into_iter().eq((0..10_000).map(|n| 2 * n)));
    proxied.until_idle().await;
}

async fn channels_outlive_their_call() {
    let proxied = Proxied::new().await;
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    proxied
        .site()
        .double_all(vec![(rx, Some(back))])
        .await
        .unwrap();
    for n in 0..100 {
        tx.send(n).await.unwrap();
        assert_eq!(received.recv().await.unwrap(), Some(2 * n));
    }
    drop(tx);
    assert_eq!(received.recv().await.unwrap(), None);
    drop(received);
    proxied.until_idle().await;
}

async fn method_error_ends_the_channels_of_its_call() {
    let proxied = Proxied::new().await;
    for _ in 0..20 {
        let ((tx, rx), (back, mut received)) = (channel::<u32>(), channel::<u32>());
        let error = proxied.site().refuse(rx, back).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Answered(RoamError::User(no)) if no == "no"),
            "{error:?}"
        );
        let error = received.recv().await.unwrap_err();
        assert!(
            matches!(error, RecvError::Reset | RecvError::CallEnded),
            "{error:?}"
        );
        assert!(tx.send(1).await.is_err());
    }
    proxied.until_idle().await;
}

async fn dropped_receiver_stops_the_sender() {
    let mut proxied = Proxied::new().await;
    let ((tx, rx), (back, received)) = (channel(), channel::<u32>());
    let site = proxied.site();
    let mut call = Box::pin(site.drop_reader(rx, back).into_future());
    assert!(poll_now(&mut call).is_pending());
    // The server dropped its receiver.
    tx.closed().await;
    let error = tx.send(1).await.unwrap_err();
    assert!(matches!(error, SendError::Reset), "{error:?}");
    proxied.seen.expect_nothing();
    // Now we drop ours.
    drop(received);
    proxied.seen.expect(Saw::ReaderDropped).await;
    call.await.unwrap();
    drop(tx);
    proxied.until_idle().await;
}

async fn dropped_sender_is_a_clean_end() {
    let proxied = Proxied::new().await;
    let (tx, rx) = channel();
    drop(tx);
    assert_eq!(proxied.site().sum(rx).await.unwrap(), 0);
    let (tx, rx) = channel();
    let (counted, numbers) = join(proxied.site().count(0, tx).into_future(), collect(rx)).await;
    counted.unwrap();
    assert_eq!(numbers, [0; 0]);
    proxied.until_idle().await;
}

async fn reset_is_not_a_clean_end() {
    let proxied = Proxied::new().await;
    let (tx, mut rx) = channel();
    proxied.site().cut(tx).await.unwrap();
    // The element before the reset may have been discarded.
    let mut end = rx.recv().await;
    if let Ok(Some(1)) = end {
        end = rx.recv().await;
    }
    assert!(matches!(end, Err(RecvError::Reset)), "{end:?}");
    drop(rx);
    proxied.until_idle().await;
}

async fn element_too_long_for_the_other_link_resets_its_channel() {
    let payloads = |largest| Config::default().with_max_payload_size(largest);
    // One of the elements is too long for the client's link.
    let proxied = Proxied::with(&payloads(500), &payloads(5_000)).await;
    let (tx, mut rx) = channel();
    let call = start(proxied.site().chunks(vec![400, 600, 400], tx));
    let mut end = rx.recv().await;
    if let Ok(Some(element)) = end {
        assert_eq!(element.len(), 400);
        end = rx.recv().await;
    }
    assert!(matches!(end, Err(RecvError::Reset)), "{end:?}");
    call.await.unwrap();
    drop(rx);
    proxied.until_idle().await;
}

async fn both_halves_can_move_to_the_server() {
    // Both halves of the channel move to the server, one after the other.
    let proxied = Proxied::new().await;
    let (tx, rx) = channel();
    let (counted, sum) = join(
        proxied.site().count(100, tx).into_future(),
        proxied.site().sum(rx).into_future(),
    )
    .await;
    counted.unwrap();
    assert_eq!(sum.unwrap(), 99 * 100 / 2);
    settle(&proxied.client).await;
    proxied.until_idle().await;
}
