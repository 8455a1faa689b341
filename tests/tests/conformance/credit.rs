//! Flow control: how much may be sent on a channel.

use roam_core::proto::{FailureKind, Message};
use roam_core::{Config, Limits, Rule, SendError};
use roam_tests::endpoint::{breaks, breaks_with, on_every_link, on_every_link_with};
use roam_tests::raw::{ROOT, close, credit, data, reset, text};

/// Fixed windows of 100,000 bytes, which limit an element to 50,000 bytes.
fn config() -> Config {
    let limits = Limits::default().with_channel_window(100_000);
    Config::default()
        .with_initial_channel_credit(100_000)
        .with_limits(limits)
}

#[test]
fn data_beyond_the_credit_is_a_violation() {
    breaks_with(&config(), Rule::CreditOverrun, async |endpoint, on| {
        let channel = endpoint.their_channel(0);
        endpoint.call(on, "take", &[channel], &[0]).await;
        assert_eq!(endpoint.events.started().await, "take");
        let unread = endpoint.events.input().await;
        endpoint
            .peer
            .send_all(&[
                data(on, channel, &text(50_000)),
                data(on, channel, &text(50_000)),
            ])
            .await;
        endpoint.answers_calls(on).await;
        endpoint.peer.send(&data(on, channel, &[0])).await;
        endpoint.keep_alive(unread);
    });
}

#[test]
fn data_beyond_the_credit_before_binding_is_a_violation() {
    breaks_with(&config(), Rule::CreditOverrun, async |endpoint, on| {
        let channel = endpoint.their_channel(0);
        endpoint.call(on, "take", &[channel], &[0]).await;
        for _ in 0..2 {
            endpoint.peer.send(&data(on, channel, &text(50_000))).await;
        }
        endpoint.peer.send(&data(on, channel, &[0])).await;
    });
}

#[test]
fn receiver_grants_consumed_bytes() {
    on_every_link_with(&config(), async |mut endpoint| {
        let channel = endpoint.their_channel(0);
        endpoint.call(ROOT, "take", &[channel], &[0]).await;
        assert_eq!(endpoint.events.started().await, "take");
        let mut input = endpoint.events.input().await;
        for _ in 0..20 {
            for _ in 0..2 {
                endpoint
                    .peer
                    .send(&data(ROOT, channel, &text(50_000)))
                    .await;
            }
            assert_eq!(
                input.recv().await.unwrap().map(|text| text.len()),
                Some(50_000 - 3)
            );
            assert_eq!(
                input.recv().await.unwrap().map(|text| text.len()),
                Some(50_000 - 3)
            );
            let mut granted = 0;
            while granted < 100_000 {
                let message = endpoint.peer.next().await;
                match Message::decode(&message) {
                    Ok(Message::Credit {
                        channel: on, bytes, ..
                    }) if on == channel => granted += bytes,
                    other => panic!("expected Credit, got {other:?}"),
                }
            }
            assert_eq!(granted, 100_000);
        }
        endpoint.still_works().await;
    });
}

#[test]
fn sender_respects_its_credit() {
    on_every_link_with(&config(), async |mut endpoint| {
        let channel = endpoint.their_channel(0);
        endpoint.call(ROOT, "give", &[channel], &[0]).await;
        assert_eq!(endpoint.events.started().await, "give");
        let output = endpoint.events.output().await;
        let element = "x".repeat(40_000 - 3);
        let sending = tokio::spawn(async move {
            for _ in 0..4 {
                output.send(element.clone()).await.unwrap();
            }
        });
        for _ in 0..2 {
            endpoint
                .peer
                .expect(&data(ROOT, channel, &text(40_000)))
                .await;
        }
        // The remaining 20,000 bytes are too few for an element, but other messages still go out.
        endpoint.answers_calls(ROOT).await;
        endpoint.peer.send(&credit(ROOT, channel, 19_999)).await;
        endpoint.answers_calls(ROOT).await;
        endpoint.peer.send(&credit(ROOT, channel, 1)).await;
        endpoint
            .peer
            .expect(&data(ROOT, channel, &text(40_000)))
            .await;
        endpoint.peer.send(&credit(ROOT, channel, 40_000)).await;
        endpoint
            .peer
            .expect(&data(ROOT, channel, &text(40_000)))
            .await;
        endpoint.peer.expect(&close(ROOT, channel)).await;
        sending.await.unwrap();
        endpoint.still_works().await;
    });
}

#[test]
fn credit_overflow_is_a_violation() {
    breaks(Rule::CreditOverflow, async |endpoint, on| {
        let channel = endpoint.their_channel(0);
        endpoint.call(on, "give", &[channel], &[0]).await;
        assert_eq!(endpoint.events.started().await, "give");
        let output = endpoint.events.output().await;
        let rest = u32::MAX - 256 * 1024;
        endpoint
            .peer
            .send_all(&[credit(on, channel, rest), credit(on, channel, 1)])
            .await;
        endpoint.keep_alive(output);
    });
}

#[test]
fn oversized_element_is_not_sent() {
    on_every_link_with(&config(), async |mut endpoint| {
        let channel = endpoint.their_channel(0);
        endpoint.call(ROOT, "give", &[channel], &[0]).await;
        assert_eq!(endpoint.events.started().await, "give");
        let output = endpoint.events.output().await;
        let refused = output.send("x".repeat(50_001 - 3)).await;
        assert!(
            matches!(
                refused,
                Err(SendError::TooLarge {
                    len: 50_001,
                    max: 50_000
                })
            ),
            "{refused:?}"
        );
        output.send("x".repeat(50_000 - 3)).await.unwrap();
        endpoint
            .peer
            .expect(&data(ROOT, channel, &text(50_000)))
            .await;
        endpoint.still_works().await;
    });
}

#[test]
fn empty_window_carries_nothing() {
    let none = Config::default().with_initial_channel_credit(0);
    breaks_with(&none, Rule::CreditOverrun, async |endpoint, on| {
        let agreed = endpoint.link.ready().await.unwrap();
        let values = (agreed.max_payload_size, agreed.initial_channel_credit);
        assert_eq!(values, (1 << 20, 0));
        let channels = [endpoint.their_channel(0), endpoint.their_channel(1)];
        endpoint.call(on, "both", &channels, &[0, 0]).await;
        assert_eq!(endpoint.events.started().await, "both");
        let (input, output) = (
            endpoint.events.input().await,
            endpoint.events.output().await,
        );
        let refused = output.send("x".to_owned()).await;
        assert!(
            matches!(refused, Err(SendError::TooLarge { len: 2, max: 0 })),
            "{refused:?}"
        );
        endpoint.peer.send(&data(on, channels[0], &[1, b'x'])).await;
        endpoint.keep_alive((input, output));
    });
}

#[test]
fn windows_over_the_budget_are_answered_busy() {
    on_every_link(async |mut endpoint| {
        // The budget is 48 MiB, and a window of 256 KiB counts twice.
        for n in 0..96 {
            let channel = endpoint.their_channel(n);
            endpoint.call(ROOT, "take", &[channel], &[0]).await;
            assert_eq!(endpoint.events.started().await, "take");
            let input = endpoint.events.input().await;
            endpoint.keep_alive(input);
        }
        let id = endpoint
            .call(ROOT, "take", &[endpoint.their_channel(96)], &[0])
            .await;
        let (metadata, payload) = endpoint.peer.response(ROOT, id).await;
        assert_eq!(
            FailureKind::from_metadata(&metadata),
            Some(FailureKind::Busy)
        );
        assert_eq!(payload, [1, 3]);
        // Channels on which we only send do not count.
        let channel = endpoint.their_channel(100);
        endpoint.call(ROOT, "give", &[channel], &[0]).await;
        assert_eq!(endpoint.events.started().await, "give");
        endpoint.events.output().await;
        endpoint.peer.expect(&close(ROOT, channel)).await;
        endpoint
            .peer
            .send(&reset(ROOT, endpoint.their_channel(96)))
            .await;
        endpoint.still_works().await;
    });
}
