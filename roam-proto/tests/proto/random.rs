//! Random operations on two machines joined by a lossless wire with random delays.

use proptest::prelude::*;
use roam_proto::{Direction, Framing};

use super::harness::{Receive, Send};
use super::world::{Ending, Step, run};

fn directions() -> impl Strategy<Value = Vec<Direction>> {
    prop::collection::vec(prop_oneof![Just(Send), Just(Receive)], 0..3)
}

fn step() -> impl Strategy<Value = Step> {
    let one = || 0usize..64;
    prop_oneof![
        4 => (one(), directions()).prop_map(|(on, halves)| Step::Call(on, halves)),
        1 => one().prop_map(Step::Cancel),
        4 => one().prop_map(Step::Take),
        3 => (one(), any::<bool>(), directions()).prop_map(|(n, ok, halves)| Step::Answer(n, ok, halves)),
        12 => (one(), 0usize..60).prop_map(|(n, len)| Step::Send(n, len)),
        2 => (one(), 0usize..60).prop_map(|(n, len)| Step::Queue(n, len)),
        3 => one().prop_map(Step::Finish),
        1 => one().prop_map(Step::Reset),
        10 => (one(), 1usize..6).prop_map(|(n, most)| Step::Read(n, most)),
        1 => Just(Step::Connect),
        2 => (one(), any::<bool>()).prop_map(|(n, granted)| Step::Grant(n, granted)),
        1 => one().prop_map(Step::CloseConnection),
        2 => one().prop_map(Step::Budget),
        12 => (1usize..4).prop_map(Step::Deliver),
        1 => Just(Step::Ask),
        1 => Just(Step::Cut),
        2 => Just(Step::Dial),
        4 => (0usize..3).prop_map(Step::Arrive),
    ]
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Single),
        Just(Framing::Single),
        Just(Framing::Packed),
        Just(Framing::Cobs),
        Just(Framing::Numbered)
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        3 => Just(Ending::Finished),
        1 => (0usize..2).prop_map(Ending::Closed),
        1 => Just(Ending::Lost),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::with_cases(400) })]

    /// Every call ends once, every channel delivers a prefix in order, and everything if it was
    /// closed; no rule is broken (so credit never goes below zero), and nothing is held at the end.
    #[test]
    fn honest_peers_keep_every_invariant(
        framing in framing(),
        steps in prop::collection::vec((any::<bool>(), step()), 0..250),
        ending in ending(),
    ) {
        run(framing, steps, ending);
    }
}
