//! A member's seat in the room.

use std::pin::pin;
use std::sync::Arc;

use futures::future::select;
use roam_core::{Rx, Tx};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::api::{ChatEvent, JoinError, Member, PageClient};

use super::room::{Room, View};

/// A member's seat in the room. Dropping it leaves the room.
pub(super) struct Seat {
    room: Arc<Room>,
    member: Member,
}

/// Joins the room and returns the new seat.
pub(super) fn join(
    room: &Arc<Room>,
    name: &str,
    page: PageClient,
) -> Result<(Seat, View), JoinError> {
    let (member, view) = room.enter(name, page)?;
    let room = Arc::clone(room);
    Ok((Seat { room, member }, view))
}

impl Seat {
    pub(super) fn id(&self) -> u32 {
        self.member.id
    }

    /// Serves the member until either channel ends.
    pub(super) async fn run(
        self,
        messages: Rx<String>,
        events: Tx<ChatEvent>,
        feed: Receiver<ChatEvent>,
    ) {
        // Concurrently, so that a member who does not read events can still send messages.
        select(
            pin!(self.receive_messages(messages)),
            pin!(send_events(events, feed)),
        )
        .await;
    }

    async fn receive_messages(&self, mut messages: Rx<String>) {
        // An error means the connection was lost, for example because the tab was closed.
        while let Ok(Some(text)) = messages.recv().await {
            self.room.say(&self.member, &text);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.leave(&self.member);
    }
}

async fn send_events(events: Tx<ChatEvent>, mut feed: Receiver<ChatEvent>) {
    loop {
        let event = match feed.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => ChatEvent::Missed(missed),
            Err(RecvError::Closed) => return,
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}
