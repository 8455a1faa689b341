//! The handler of [`Chat`].

mod room;
mod seat;

use std::sync::Arc;
use std::time::Duration;

use roam_core::{Context, channel};

use crate::api::{Attention, Chat, JoinError, Membership, NudgeError, PageClient};

use room::Room;

/// How long a page may take to answer a nudge.
const NUDGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers [`Chat`] for one room.
#[derive(Default)]
pub(crate) struct Lobby {
    room: Arc<Room>,
}

impl Chat for Lobby {
    async fn join(&self, cx: &Context, name: String) -> Result<Membership, JoinError> {
        let page = PageClient::new(cx.connection().clone());
        let (seat, view) = seat::join(&self.room, &name, page)?;
        let (say, messages) = channel();
        let (event_sender, events) = channel();
        let id = seat.id();
        // The seat is given up when either channel ends, and so also when the connection ends.
        tokio::spawn(seat.run(messages, event_sender, view.feed));
        Ok(Membership {
            id,
            members: view.members,
            history: view.history,
            say,
            events,
        })
    }

    async fn nudge(&self, _: &Context, from: u32, to: u32) -> Result<Attention, NudgeError> {
        let (name, page) = self.room.introduce(from, to).ok_or(NudgeError::NotHere)?;
        let answer = page.nudged(name).timeout(NUDGE_TIMEOUT).await;
        answer.map_err(|error| {
            tracing::debug!(%error, "a page did not answer a nudge");
            NudgeError::NoAnswer
        })
    }
}
