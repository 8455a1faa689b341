//! The steps of a run, and how it ends.

use std::sync::Arc;

use roam_proto::{Direction, Framing};

use super::World;

/// One step of a user. The first number picks a call, a channel or a connection from those that
/// exist.
#[derive(Clone, Debug)]
pub enum Step {
    Call(usize, Vec<Direction>),
    Cancel(usize),
    /// The handler binds the channels in the arguments.
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
    /// The user changes its budget: the higher, the more.
    Budget(usize),
    /// The server asks for a token.
    Ask,
    /// This many frames arrive at this user.
    Deliver(usize),
    /// This user's end of the transport fails.
    Cut,
    /// The client opens another transport.
    Dial,
    /// A transport of the client arrives at the server: this many are newer.
    Arrive(usize),
}

/// How a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// Every channel is finished and read to its end.
    Finished,
    /// This user closes the link.
    Closed(usize),
    /// The transport is lost.
    Lost,
}

/// Runs `steps`, each by one of the two users, and checks every invariant.
pub fn run(framing: Framing, steps: impl IntoIterator<Item = (bool, Step)>, ending: Ending) {
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
            }
            world.wires.clear();
        }
    }
    if !matches!(ending, Ending::Finished) {
        (0..2).for_each(|at| world.collect(at));
        world.deliver_all();
        world
            .users
            .iter_mut()
            .for_each(|user| (user.outgoing_connects, user.incoming_connects) = (0, Vec::new()));
    }
    world.wind_up();
    world.check(matches!(ending, Ending::Finished));
}
