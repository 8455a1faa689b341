use super::*;

const LATENCY: Duration = Duration::from_micros(50);

fn load(queued_messages: usize, own_calls: usize, peer_calls: usize) -> Load {
    Load {
        queued_messages,
        own_calls,
        peer_calls,
        ..Load::default()
    }
}

fn woken(waiters: usize, handlers: usize) -> Woken {
    Woken { waiters, handlers }
}

fn wait(scheduler: &mut Scheduler, is_processing: bool, load: Load) -> Wait {
    scheduler.wait(is_processing, false, || load, || Duration::ZERO)
}

#[test]
fn batches_grow_with_the_calls_in_flight() {
    for (queued, own_calls, peer_calls, expected) in [
        (0, 0, 0, false),
        (1, 0, 0, true),
        (1, 3, 3, true),
        (1, 4, 0, false),
        (2, 4, 0, true),
        (1, 0, 8, false),
        (2, 0, 8, true),
        (3, 4, 8, false),
        (4, 4, 8, true),
        (255, 10_000, 0, false),
        (256, 10_000, 0, true),
        (31, 0, 10_000, false),
        (32, 0, 10_000, true),
        (287, 10_000, 10_000, false),
        (288, 10_000, 10_000, true),
    ] {
        let load = load(queued, own_calls, peer_calls);
        assert_eq!(is_batch(&load), expected, "{load:?}");
    }
}

#[test]
fn yields_after_many_bytes_or_wakes() {
    for (bytes, woken, expected) in [
        (0, woken(0, 0), false),
        (BYTES_PER_POLL - 1, woken(7, 127), false),
        (BYTES_PER_POLL, woken(0, 0), true),
        (0, woken(8, 0), true),
        (0, woken(0, 128), true),
    ] {
        let mut scheduler = Scheduler::new(LATENCY);
        scheduler.on_processed(bytes, woken);
        assert_eq!(scheduler.must_yield(), expected, "{bytes} {woken:?}");
        scheduler.on_poll();
        assert!(!scheduler.must_yield());
    }
}

#[test]
fn counts_add_up_until_the_next_poll() {
    let mut scheduler = Scheduler::new(LATENCY);
    for _ in 0..7 {
        scheduler.on_processed(10, woken(1, 0));
    }
    assert!(!scheduler.must_yield());
    scheduler.on_processed(10, woken(1, 0));
    assert!(scheduler.must_yield());
}

#[test]
fn sends_a_batch_at_once() {
    let mut scheduler = Scheduler::new(LATENCY);
    assert_eq!(scheduler.send(&load(1, 1, 1)), SendStep::Now);
    assert_eq!(scheduler.send(&load(50, 100, 0)), SendStep::Now);
}

#[test]
fn gathers_as_long_as_others_queue_more() {
    let mut scheduler = Scheduler::new(LATENCY);
    for queued in [1, 5, 20] {
        assert!(scheduler.may_send());
        assert_eq!(scheduler.send(&load(queued, 100, 0)), SendStep::AfterOthers);
        assert!(!scheduler.may_send());
        assert_eq!(
            wait(&mut scheduler, false, load(queued, 100, 0)),
            Wait::Yielded
        );
        scheduler.on_turn();
    }
    assert_eq!(scheduler.send(&load(20, 100, 0)), SendStep::Now);
    scheduler.on_drained();
    assert_eq!(scheduler.send(&load(1, 100, 0)), SendStep::AfterOthers);
}

#[test]
fn gathers_nothing_once_the_link_has_ended_or_reading_failed() {
    let mut ended = load(1, 100, 0);
    ended.has_ended = true;
    assert_eq!(Scheduler::new(LATENCY).send(&ended), SendStep::Now);
    let mut scheduler = Scheduler::new(LATENCY);
    scheduler.on_read_failed();
    assert_eq!(scheduler.send(&load(1, 100, 0)), SendStep::Now);
}

#[test]
fn a_full_transport_is_slept_on() {
    let mut scheduler = Scheduler::new(LATENCY);
    scheduler.send(&load(1, 100, 0));
    scheduler.on_turn();
    assert_eq!(wait(&mut scheduler, false, load(1, 100, 0)), Wait::Sleep);
}

#[test]
fn a_partly_processed_frame_is_continued_behind_others() {
    let mut scheduler = Scheduler::new(LATENCY);
    scheduler.on_processed(BYTES_PER_POLL, woken(0, 0));
    assert_eq!(
        wait(&mut scheduler, true, load(0, 0, 0)),
        Wait::BehindOthers
    );
    scheduler.on_processed(0, woken(8, 0));
    assert_eq!(wait(&mut scheduler, true, load(0, 0, 0)), Wait::BehindWoken);
}

/// A scheduler whose last two frames came closely, on a busy link.
fn after_close_frames() -> Scheduler {
    let mut scheduler = Scheduler::new(LATENCY);
    scheduler.on_frame(|| Duration::ZERO);
    assert_eq!(wait(&mut scheduler, false, load(0, 4, 0)), Wait::Sleep);
    scheduler.on_frame(|| Duration::from_micros(10));
    scheduler
}

#[test]
fn a_busy_link_with_close_frames_is_polled_again() {
    let mut scheduler = after_close_frames();
    assert_eq!(
        wait(&mut scheduler, false, load(0, 4, 0)),
        Wait::KeepPolling
    );
    let mut scheduler = after_close_frames();
    assert_eq!(wait(&mut scheduler, false, load(0, 0, 3)), Wait::Sleep);
    let mut scheduler = after_close_frames();
    let wait = scheduler.wait(false, true, || load(0, 4, 0), || Duration::ZERO);
    assert_eq!(wait, Wait::Sleep, "the link has ended");
}

#[test]
fn messages_sent_since_the_last_pause_count_as_busy() {
    let mut sent_messages = 10;
    let mut load = load(0, 0, 0);
    load.sent_messages = 13;
    assert!(!is_busy(&load, &mut sent_messages));
    load.sent_messages = 17;
    assert!(is_busy(&load, &mut sent_messages));
    assert!(!is_busy(&load, &mut sent_messages));
}
