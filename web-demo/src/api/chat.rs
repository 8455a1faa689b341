//! A chat room between all pages that are open.

use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

use super::Attention;

/// How many members a room has at once.
pub const MAX_MEMBERS: usize = 64;
/// How long a name is at most, in characters.
pub const MAX_NAME: u32 = 24;
/// How long a message is at most, in characters; longer ones are cut.
pub const MAX_TEXT: usize = 500;
/// How many of the latest messages a newcomer gets.
pub const HISTORY: usize = 50;

/// A chat room between all pages that are open. It lives in the server's memory.
#[service]
pub trait Chat {
    /// Enters the room under a name that nobody else has there.
    async fn join(&self, name: String) -> Result<Membership, JoinError>;

    /// Has the server call the page of member `to`, in the name of member `from`, and returns
    /// what that page answers.
    async fn nudge(&self, from: u32, to: u32) -> Result<Attention, NudgeError>;
}

/// A seat in the room. It is given up when either channel ends, and with the connection.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Membership {
    /// The new member.
    pub id: u32,
    /// Who is in the room, the new member among them.
    pub members: Vec<Member>,
    /// What was said before, the latest last.
    pub history: Vec<Message>,
    /// Takes what the member says.
    pub say: Tx<String>,
    /// What happens in the room from now on.
    pub events: Rx<ChatEvent>,
}

/// Somebody in the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Member {
    /// Never given to two members.
    pub id: u32,
    /// What the member wants to be called.
    pub name: String,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Who said it.
    pub from: Member,
    /// What was said.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Something that happens in the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum ChatEvent {
    /// Somebody said something.
    Said(Message),
    /// Somebody came.
    Joined(Member),
    /// Somebody went.
    Left(Member),
    /// This member read so slowly that as many events were dropped.
    Missed(u64),
}

/// Why somebody could not join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum JoinError {
    /// A name has at least one character.
    NameEmpty,
    /// A name has at most so many characters.
    NameTooLong {
        /// The longest allowed.
        longest: u32,
    },
    /// Somebody in the room has that name.
    NameTaken,
    /// The room has as many members as it can have.
    RoomFull,
}

/// Why a nudge came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum NudgeError {
    /// One of the two is not in the room.
    NotHere,
    /// The page did not answer in time.
    NoAnswer,
}
