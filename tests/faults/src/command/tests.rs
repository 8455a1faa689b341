//! Tests of the parser.

use std::num::NonZeroU64;
use std::time::Duration;

use super::{Awaited, Command, CommandError, Target};
use crate::fault::{Cut, Dark, Direction, Fault, Ways};
use crate::proxy::Admission;

fn parse(line: &str) -> Command {
    line.parse().unwrap()
}

/// Parses one fault for all connections.
fn fault(line: &str) -> Fault {
    match parse(line) {
        Command::Inject(Target::All, faults) if faults.len() == 1 => faults[0],
        other => panic!("{other:?}"),
    }
}

fn error(line: &str) -> String {
    line.parse::<Command>().unwrap_err().to_string()
}

#[test]
fn every_fault_has_a_command() {
    assert_eq!(fault("cut"), Fault::Cut(Cut::Fin));
    assert_eq!(fault("cut rst"), Fault::Cut(Cut::Reset));
    assert_eq!(fault("close up"), Fault::Close(Direction::Up));
    assert_eq!(fault("dark"), Fault::Dark(Ways::Both, Dark::Hold));
    assert_eq!(
        fault("dark down swallow"),
        Fault::Dark(Ways::Down, Dark::Swallow)
    );
    assert_eq!(fault("light up"), Fault::Light(Ways::Up));
    assert_eq!(
        fault("delay 50ms"),
        Fault::Delay(Ways::Both, Duration::from_millis(50))
    );
    assert_eq!(
        fault("rate down 1000"),
        Fault::Rate(Ways::Down, NonZeroU64::new(1000))
    );
    assert_eq!(fault("rate off"), Fault::Rate(Ways::Both, None));
    assert_eq!(
        fault("cut-at up 12345 rst"),
        Fault::CutAt(Direction::Up, 12345, Cut::Reset)
    );
    assert_eq!(
        fault("dark-at down 7"),
        Fault::DarkAt(Direction::Down, 7, Dark::Hold)
    );
    assert_eq!(fault("close-at up 0"), Fault::CloseAt(Direction::Up, 0));
}

#[test]
fn faults_have_a_target() {
    assert_eq!(
        parse("#12 cut rst"),
        Command::Inject(Target::One(12), vec![Fault::Cut(Cut::Reset)])
    );
    assert_eq!(
        parse(" next  delay up 1s , cut-at up 5 "),
        Command::Inject(
            Target::Next,
            vec![
                Fault::Delay(Ways::Up, Duration::from_secs(1)),
                Fault::CutAt(Direction::Up, 5, Cut::Fin),
            ]
        )
    );
}

#[test]
fn other_commands_are_read() {
    assert_eq!(parse("accept"), Command::Admit(Admission::Accept));
    assert_eq!(parse("refuse"), Command::Admit(Admission::Refuse));
    assert_eq!(parse("ignore"), Command::Admit(Admission::Ignore));
    assert_eq!(parse("status"), Command::Status);
    assert_eq!(
        parse("upstream [::1]:80"),
        Command::Upstream("[::1]:80".parse().unwrap())
    );
    assert_eq!(
        parse("wait accepted 3"),
        Command::Wait(Awaited::Accepted(3))
    );
    assert_eq!(parse("wait #2 ended"), Command::Wait(Awaited::Ended(2)));
    assert_eq!(
        parse("wait #2 down 500"),
        Command::Wait(Awaited::Forwarded(2, Direction::Down, 500))
    );
    assert_eq!(
        parse("wait #2 up lost 4"),
        Command::Wait(Awaited::Swallowed(2, Direction::Up, 4))
    );
}

#[test]
fn errors_name_what_was_wrong() {
    assert_eq!(
        "explode".parse::<Command>(),
        Err(CommandError::Unknown("explode".to_owned()))
    );
    for line in ["", "next", "#1 ", "next cut,"] {
        assert_eq!(line.parse::<Command>(), Err(CommandError::Empty));
    }
    assert_eq!(
        error("close"),
        "`up` or `down` is missing at the end of `close`"
    );
    assert_eq!(error("cut-at left 5"), "`left` is not `up` or `down`");
    assert_eq!(error("cut-at up -5"), "`-5` is not a number of bytes");
    assert_eq!(error("cut now"), "`now` is one word too many");
    assert_eq!(error("accept 3"), "`3` is one word too many");
    assert_eq!(error("delay 50"), "`50` is not a time, as `50ms`");
    assert_eq!(error("delay 2000h"), "`2000h` is not a time, as `50ms`");
    assert_eq!(
        error("rate 0"),
        "`0` is not a number of bytes per second, or `off`"
    );
    assert_eq!(
        error("upstream localhost"),
        "`localhost` is not an address with a port"
    );
    assert_eq!(
        error("wait #0 ended"),
        "`#0` is not `accepted` or a connection, as `#1`"
    );
}

#[test]
fn no_number_overflows() {
    assert!("cut-at up 18446744073709551615".parse::<Command>().is_ok());
    assert_eq!(
        error("cut-at up 18446744073709551616"),
        "`18446744073709551616` is not a number of bytes"
    );
    assert_eq!(
        error("delay 18446744073709551615s"),
        "`18446744073709551615s` is not a time, as `50ms`"
    );
}
