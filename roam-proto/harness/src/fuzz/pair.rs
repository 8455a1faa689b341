//! The `pair` and `cuts` targets: two honest peers.

use roam_proto::{Direction, Framing};

use super::source::Source;
use crate::harness::{Receive, Send};
use crate::world::{Ending, Step, run};

/// Checks that the invariants of `world` hold whatever two users do.
pub fn pair(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let framing = [Framing::Single, Framing::Packed, Framing::Cobs][source.below(3)];
    run_with(framing, source, step);
}

/// The same over transports that fail and are replaced.
pub fn cuts(bytes: &[u8]) {
    run_with(
        Framing::Numbered,
        Source::new(bytes),
        |source| match source.below(5) {
            0 => match source.below(8) {
                0 => Step::Ask,
                1 => Step::Cut,
                2..5 => Step::Dial,
                _ => Step::Arrive(source.below(3)),
            },
            _ => step(source),
        },
    );
}

fn run_with(framing: Framing, mut source: Source<'_>, step: impl Fn(&mut Source<'_>) -> Step) {
    let ending = match source.below(4) {
        0 | 1 => Ending::Finished,
        2 => Ending::Closed(source.below(2)),
        _ => Ending::Lost,
    };
    let steps = std::iter::from_fn(|| {
        let more = !source.is_empty();
        more.then(|| (source.flag(), step(&mut source)))
    });
    run(framing, steps, ending);
}

fn step(source: &mut Source<'_>) -> Step {
    match source.below(14) {
        0 => Step::Call(source.below(64), directions(source)),
        1 => Step::Cancel(source.below(64)),
        2 => Step::Take(source.below(64)),
        3 => Step::Answer(source.below(64), source.flag(), directions(source)),
        4 => Step::Send(source.below(64), source.below(60)),
        5 => Step::Queue(source.below(64), source.below(60)),
        6 => Step::Finish(source.below(64)),
        7 => Step::Reset(source.below(64)),
        8 => Step::Read(source.below(64), source.below(6)),
        9 => Step::Connect,
        10 => Step::Grant(source.below(64), source.flag()),
        11 => Step::CloseConnection(source.below(64)),
        12 => Step::Budget(source.below(64)),
        _ => Step::Deliver(source.below(4)),
    }
}

fn directions(source: &mut Source<'_>) -> Vec<Direction> {
    let number = source.below(4);
    let direction = |_| if source.flag() { Send } else { Receive };
    (0..number).map(direction).collect()
}
