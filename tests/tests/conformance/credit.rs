//! How much may be sent on a channel.

use roam_core::proto::{Agreed, Failure, Message};
use roam_core::{Config, Limits, Rule, SendError};
use roam_tests::end::{breaks, breaks_with, on_every_link, on_every_link_with};
use roam_tests::raw::{ROOT, close, credit, data, reset, text};

/// Windows of 100,000 bytes, which do not grow; so an element is at most 50,000 long.
fn config() -> Config {
    let limits = Limits {
        channel_window: 100_000,
        ..Limits::default()
    };
    Config {
        initial_channel_credit: 100_000,
        limits,
        ..Config::default()
    }
}

#[test]
fn data_beyond_the_credit() {
    breaks_with(&config(), Rule::CreditOverrun, async |end, on| {
        let channel = end.theirs(0);
        end.call(on, "take", &[channel], &[0]).await;
        assert_eq!(end.events.started().await, "take");
        let unread = end.events.input().await;
        end.peer
            .send_all(&[
                data(on, channel, &text(50_000)),
                data(on, channel, &text(50_000)),
            ])
            .await;
        end.answers(on).await;
        end.peer.send(&data(on, channel, &[0])).await;
        end.keep(unread);
    });
}

#[test]
fn data_beyond_the_credit_before_anybody_reads() {
    breaks_with(&config(), Rule::CreditOverrun, async |end, on| {
        let channel = end.theirs(0);
        end.call(on, "take", &[channel], &[0]).await;
        for _ in 0..2 {
            end.peer.send(&data(on, channel, &text(50_000))).await;
        }
        end.peer.send(&data(on, channel, &[0])).await;
    });
}

#[test]
fn a_receiver_grants_what_has_been_consumed() {
    on_every_link_with(&config(), async |mut end| {
        let channel = end.theirs(0);
        end.call(ROOT, "take", &[channel], &[0]).await;
        assert_eq!(end.events.started().await, "take");
        let mut input = end.events.input().await;
        for _ in 0..20 {
            for _ in 0..2 {
                end.peer.send(&data(ROOT, channel, &text(50_000))).await;
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
                let message = end.peer.next().await;
                match Message::decode(&message) {
                    Ok(Message::Credit {
                        channel: on, bytes, ..
                    }) if on == channel => granted += bytes,
                    other => panic!("{other:?} instead of Credit"),
                }
            }
            assert_eq!(granted, 100_000);
        }
        end.goes_on().await;
    });
}

#[test]
fn a_sender_sends_no_more_than_it_may() {
    on_every_link_with(&config(), async |mut end| {
        let channel = end.theirs(0);
        end.call(ROOT, "give", &[channel], &[0]).await;
        assert_eq!(end.events.started().await, "give");
        let output = end.events.output().await;
        let element = "x".repeat(40_000 - 3);
        let sending = tokio::spawn(async move {
            for _ in 0..4 {
                output.send(element.clone()).await.unwrap();
            }
        });
        for _ in 0..2 {
            end.peer.expect(&data(ROOT, channel, &text(40_000))).await;
        }
        // 20,000 are left; that is no reason to wait for anything else.
        end.answers(ROOT).await;
        end.peer.send(&credit(ROOT, channel, 19_999)).await;
        end.answers(ROOT).await;
        end.peer.send(&credit(ROOT, channel, 1)).await;
        end.peer.expect(&data(ROOT, channel, &text(40_000))).await;
        end.peer.send(&credit(ROOT, channel, 40_000)).await;
        end.peer.expect(&data(ROOT, channel, &text(40_000))).await;
        end.peer.expect(&close(ROOT, channel)).await;
        sending.await.unwrap();
        end.goes_on().await;
    });
}

#[test]
fn credit_that_overflows() {
    breaks(Rule::CreditOverflow, async |end, on| {
        let channel = end.theirs(0);
        end.call(on, "give", &[channel], &[0]).await;
        assert_eq!(end.events.started().await, "give");
        let output = end.events.output().await;
        let rest = u32::MAX - 256 * 1024;
        end.peer
            .send_all(&[credit(on, channel, rest), credit(on, channel, 1)])
            .await;
        end.keep(output);
    });
}

#[test]
fn an_element_over_the_largest_is_refused_before_the_wire() {
    on_every_link_with(&config(), async |mut end| {
        let channel = end.theirs(0);
        end.call(ROOT, "give", &[channel], &[0]).await;
        assert_eq!(end.events.started().await, "give");
        let output = end.events.output().await;
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
        end.peer.expect(&data(ROOT, channel, &text(50_000))).await;
        end.goes_on().await;
    });
}

#[test]
fn a_window_of_nothing_carries_nothing() {
    let none = Config {
        initial_channel_credit: 0,
        ..Config::default()
    };
    breaks_with(&none, Rule::CreditOverrun, async |end, on| {
        let agreed = end.link.ready().await.unwrap();
        assert_eq!(
            agreed,
            Agreed {
                max_payload_size: 1 << 20,
                initial_channel_credit: 0
            }
        );
        let channels = [end.theirs(0), end.theirs(1)];
        end.call(on, "both", &channels, &[0, 0]).await;
        assert_eq!(end.events.started().await, "both");
        let (input, output) = (end.events.input().await, end.events.output().await);
        let refused = output.send("x".to_owned()).await;
        assert!(
            matches!(refused, Err(SendError::TooLarge { len: 2, max: 0 })),
            "{refused:?}"
        );
        end.peer.send(&data(on, channels[0], &[1, b'x'])).await;
        end.keep((input, output));
    });
}

#[test]
fn channels_whose_windows_are_more_than_we_may_hold_are_answered_busy() {
    on_every_link(async |mut end| {
        // 16 MiB, and a window of 256 KiB counts twice.
        for n in 0..32 {
            let channel = end.theirs(n);
            end.call(ROOT, "take", &[channel], &[0]).await;
            assert_eq!(end.events.started().await, "take");
            let input = end.events.input().await;
            end.keep(input);
        }
        let id = end.call(ROOT, "take", &[end.theirs(32)], &[0]).await;
        let (metadata, payload) = end.peer.response(ROOT, id).await;
        assert_eq!(Failure::from_metadata(&metadata), Some(Failure::Busy));
        assert_eq!(payload, [1, 3]);
        // Those on which we only send are not meant.
        let channel = end.theirs(40);
        end.call(ROOT, "give", &[channel], &[0]).await;
        assert_eq!(end.events.started().await, "give");
        end.events.output().await;
        end.peer.expect(&close(ROOT, channel)).await;
        end.peer.send(&reset(ROOT, end.theirs(32))).await;
        end.goes_on().await;
    });
}
