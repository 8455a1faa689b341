//! What may happen to a link, and how it ends.

use std::sync::Arc;

use roam_core::proto::{Direction, Framing};

use super::World;

/// What a user at one end may do. A number picks the call, channel or connection from those that
/// are there.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Call(usize, Vec<Direction>),
    Cancel(usize),
    /// The handler takes the ends in the arguments.
    Take(usize),
    Answer(usize, bool, Vec<Direction>),
    Send(usize, usize),
    Queue(usize, usize),
    Finish(usize),
    Reset(usize),
    Read(usize, usize),
    Connect,
    Grant(usize, bool),
    CloseConnection(usize),
    /// So many frames arrive here.
    Deliver(usize),
}

/// How it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// Everything is finished and read to its end.
    Finished,
    /// This side closes the link.
    Closed(usize),
    Lost,
}

/// Does `steps`, each at one of the two ends, and checks that every promise was kept.
pub(crate) fn run(framing: Framing, steps: impl IntoIterator<Item = (bool, Step)>, ending: Ending) {
    let mut world = World::new(framing);
    for (second, step) in steps {
        world.apply(usize::from(second), step);
    }
    for user in &world.users {
        assert!(user.peer.link.close_reason().is_none());
    }
    match ending {
        Ending::Finished => {}
        Ending::Closed(at) => world.users[at].peer.link.close("enough"),
        Ending::Lost => {
            for user in &mut world.users {
                let error: Box<dyn std::error::Error + std::marker::Send + Sync> = "lost".into();
                user.peer.link.handle_lost(Arc::from(error));
                user.incoming.clear();
            }
        }
    }
    if !matches!(ending, Ending::Finished) {
        (0..2).for_each(|at| world.collect(at));
        world.deliver_all();
        world
            .users
            .iter_mut()
            .for_each(|user| (user.asking, user.asked) = (0, Vec::new()));
    }
    world.wind_up();
    world.check(matches!(ending, Ending::Finished));
}
