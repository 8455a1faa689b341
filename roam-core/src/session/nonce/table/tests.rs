use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> NonceLimits {
    NonceLimits::default()
        .with_calls(3)
        .with_bytes(3 * CALL_COST + 100)
        .with_running(2)
        .with_retention(50 * SECOND)
        .with_min_retention(10 * SECOND)
}

fn key(nonce: u8) -> Key {
    Key {
        identity: Arc::new([]),
        method: MethodId(1),
        nonce: Nonce::new([nonce; Nonce::LEN]),
    }
}

/// A call that comes in at `now` and has come to its end.
#[track_caller]
fn run(table: &mut Table, nonce: u8, len: usize, now: Duration) -> Arc<Entry> {
    let begun = table.begin(&key(nonce), [0; 32], now);
    let Begun::First(entry) = begun else {
        panic!("{begun:?}")
    };
    table.end(&key(nonce), len, now);
    entry
}

fn is_known(table: &mut Table, nonce: u8, now: Duration) -> bool {
    table.forget_expired(now);
    table.calls.contains_key(&key(nonce))
}

#[test]
fn a_call_is_known_again_from_its_beginning_until_its_time_is_over() {
    let mut table = Table::new(limits());
    let Begun::First(first) = table.begin(&key(1), [7; 32], Duration::ZERO) else {
        panic!()
    };
    let again = table.begin(&key(1), [7; 32], 100 * SECOND);
    assert!(matches!(again, Begun::Repeated(entry) if Arc::ptr_eq(&entry, &first)));
    let other = table.begin(&key(1), [8; 32], 100 * SECOND);
    assert!(matches!(other, Begun::Reused));

    table.end(&key(1), 10, 100 * SECOND);
    let again = table.begin(&key(1), [7; 32], 149 * SECOND);
    assert!(matches!(again, Begun::Repeated(entry) if Arc::ptr_eq(&entry, &first)));
    let late = table.begin(&key(1), [7; 32], 150 * SECOND);
    assert!(matches!(late, Begun::First(_)));
}

#[test]
fn identities_and_methods_do_not_meet() {
    let mut table = Table::new(limits());
    let calls = [
        key(1),
        Key {
            identity: Arc::new([1]),
            ..key(1)
        },
        Key {
            method: MethodId(2),
            ..key(1)
        },
    ];
    for call in calls {
        assert!(matches!(
            table.begin(&call, [0; 32], Duration::ZERO),
            Begun::First(_)
        ));
        table.end(&call, 0, Duration::ZERO);
    }
}

#[test]
fn no_more_run_at_once_than_may() {
    let mut table = Table::new(limits());
    let mut begin = |nonce| table.begin(&key(nonce), [0; 32], Duration::ZERO);
    assert!(matches!(begin(1), Begun::First(_)));
    assert!(matches!(begin(2), Begun::First(_)));
    assert!(matches!(begin(3), Begun::Full));
    assert!(matches!(begin(1), Begun::Repeated(_)));
    table.end(&key(1), 0, Duration::ZERO);
    let next = table.begin(&key(3), [0; 32], Duration::ZERO);
    assert!(matches!(next, Begun::First(_)));
}

#[test]
fn the_oldest_makes_room_once_it_is_old_enough() {
    let mut table = Table::new(limits());
    for nonce in 1..=3 {
        run(&mut table, nonce, 0, u32::from(nonce) * SECOND);
    }
    let early = table.begin(&key(4), [0; 32], 10 * SECOND);
    assert!(matches!(early, Begun::Full), "{early:?}");
    run(&mut table, 4, 0, 11 * SECOND);
    assert!(!is_known(&mut table, 1, 11 * SECOND));
    assert!(is_known(&mut table, 2, 11 * SECOND));
}

#[test]
fn one_that_runs_is_never_forgotten() {
    let mut table = Table::new(limits());
    let running = table.begin(&key(1), [0; 32], Duration::ZERO);
    assert!(matches!(running, Begun::First(_)));
    for nonce in 2..=9 {
        run(&mut table, nonce, 0, u32::from(nonce) * 10 * SECOND);
    }
    assert!(is_known(&mut table, 1, 1_000 * SECOND));
}

#[test]
fn of_an_answer_without_room_only_remains_that_it_was_given() {
    let mut table = Table::new(limits());
    let kept = run(&mut table, 1, 300, Duration::ZERO);
    let too_much = run(&mut table, 2, 300, Duration::ZERO);
    let entry = |table: &mut Table, nonce| match table.begin(&key(nonce), [0; 32], Duration::ZERO) {
        Begun::Repeated(entry) => entry,
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&entry(&mut table, 1), &kept));
    assert!(!Arc::ptr_eq(&entry(&mut table, 2), &too_much));

    // Later the first makes room.
    run(&mut table, 3, 300, 10 * SECOND);
    assert!(!is_known(&mut table, 1, 10 * SECOND));
    assert!(is_known(&mut table, 3, 10 * SECOND));
}

#[test]
fn what_is_forgotten_leaves_nothing_behind() {
    let mut table = Table::new(limits());
    for nonce in 0..100 {
        run(&mut table, nonce, 90, u32::from(nonce) * 10 * SECOND);
        assert!(table.bytes <= table.limits.bytes);
    }
    table.forget_expired(10_000 * SECOND);
    assert_eq!((table.bytes, table.calls.len()), (0, 0));
}
