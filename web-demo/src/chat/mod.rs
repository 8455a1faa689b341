//! The handler of [`Chat`].

mod room;
mod seat;

use std::sync::Arc;
use std::time::Duration;

use roam_core::{Context, channel};

use crate::api::{Attention, Chat, JoinError, Membership, NudgeError, PageClient};

use room::Room;

/// How long a page may take to answer a nudge.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers [`Chat`]: the way into one room.
#[derive(Default)]
pub(crate) struct Lobby {
    room: Arc<Room>,
}

impl Chat for Lobby {
    async fn join(&self, cx: &Context, name: String) -> Result<Membership, JoinError> {
        let page = PageClient::new(cx.connection().clone());
        let (seat, view) = seat::take(&self.room, &name, page)?;
        let (say, said) = channel();
        let (heard, events) = channel();
        let id = seat.id();
        // It ends with either channel, and so with the connection too.
        tokio::spawn(seat.occupy(said, heard, view.feed));
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
        let answer = page.nudged(name).with_timeout(PATIENCE).await;
        answer.map_err(|error| {
            tracing::debug!(%error, "a page did not answer a nudge");
            NudgeError::NoAnswer
        })
    }
}
