//! One member's place in the room.

use std::pin::pin;
use std::sync::Arc;

use futures::future::select;
use roam_core::{Rx, Tx};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::api::{ChatEvent, JoinError, Member, PageClient};

use super::room::{Room, View};

/// A place in the room; dropping it leaves.
pub(super) struct Seat {
    room: Arc<Room>,
    member: Member,
}

/// Takes a place.
pub(super) fn take(
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

    /// Stays until the member says or hears no more.
    pub(super) async fn occupy(
        self,
        said: Rx<String>,
        heard: Tx<ChatEvent>,
        feed: Receiver<ChatEvent>,
    ) {
        // Apart from each other, so that a member who does not listen can still be heard.
        select(pin!(self.speak(said)), pin!(listen(heard, feed))).await;
    }

    async fn speak(&self, mut said: Rx<String>) {
        // An end that is not clean is a lost connection, for example a closed tab.
        while let Ok(Some(text)) = said.recv().await {
            self.room.say(&self.member, &text);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.leave(&self.member);
    }
}

async fn listen(heard: Tx<ChatEvent>, mut feed: Receiver<ChatEvent>) {
    loop {
        let event = match feed.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => ChatEvent::Missed(missed),
            Err(RecvError::Closed) => return,
        };
        if heard.send(event).await.is_err() {
            return;
        }
    }
}
