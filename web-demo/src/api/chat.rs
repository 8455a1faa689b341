//! The chat service.

use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

use super::Attention;

/// The most members a room can have.
pub const MAX_MEMBERS: usize = 64;
/// The longest name, in characters.
pub const MAX_NAME: u32 = 24;
/// The longest message, in characters. Longer ones are truncated.
pub const MAX_TEXT: usize = 500;
/// How many of the latest messages a new member gets.
pub const HISTORY: usize = 50;

/// A chat room shared by all open pages, kept in the server's memory.
#[service]
pub trait Chat {
    /// Joins the room under a name that no other member has.
    async fn join(&self, name: String) -> Result<Membership, JoinError>;

    /// Makes the server call the page of member `to` on behalf of member `from`, and returns
    /// that page's answer.
    async fn nudge(&self, from: u32, to: u32) -> Result<Attention, NudgeError>;
}

/// A membership of the room. It ends when either channel or the connection ends.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Membership {
    /// The new member.
    pub id: u32,
    /// Everyone in the room, including the new member.
    pub members: Vec<Member>,
    /// The latest messages, oldest first.
    pub history: Vec<Message>,
    /// Sends what the member says to the room.
    pub say: Tx<String>,
    /// Receives the events in the room from now on.
    pub events: Rx<ChatEvent>,
}

/// A member of the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Member {
    /// Identifies the member; never reused.
    pub id: u32,
    /// The name shown to the other members.
    pub name: String,
}

/// A chat message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The author.
    pub from: Member,
    /// The text.
    pub text: String,
    /// When it was sent, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// An event in the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum ChatEvent {
    /// Somebody sent a message.
    Said(Message),
    /// Somebody joined.
    Joined(Member),
    /// Somebody left.
    Left(Member),
    /// This member read too slowly, and this many events were dropped.
    Missed(u64),
}

/// Why joining failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum JoinError {
    /// The name is empty.
    NameEmpty,
    /// The name is too long.
    NameTooLong {
        /// The longest name allowed, in characters.
        longest: u32,
    },
    /// Another member has that name.
    NameTaken,
    /// The room has reached its limit on members.
    RoomFull,
}

/// Why a nudge failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum NudgeError {
    /// One of the two members is not in the room.
    NotHere,
    /// The page did not answer in time.
    NoAnswer,
}
