//! The state of the chat room: its members and latest messages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::broadcast;

use crate::api::{
    ChatEvent, HISTORY, JoinError, MAX_MEMBERS, MAX_NAME, MAX_TEXT, Member, Message, PageClient,
};

/// How many events are queued for a slow member before the oldest are dropped.
const FEED_CAPACITY: usize = 256;

/// A chat room.
pub(super) struct Room {
    state: Mutex<State>,
}

struct State {
    next_id: u32,
    members: BTreeMap<u32, Entry>,
    history: VecDeque<Message>,
    feed: broadcast::Sender<ChatEvent>,
}

struct Entry {
    name: String,
    page: PageClient,
}

/// What a new member sees of the room.
pub(super) struct View {
    pub(super) members: Vec<Member>,
    pub(super) history: Vec<Message>,
    pub(super) feed: broadcast::Receiver<ChatEvent>,
}

impl Default for Room {
    fn default() -> Self {
        let (feed, _) = broadcast::channel(FEED_CAPACITY);
        let (members, history) = (BTreeMap::new(), VecDeque::with_capacity(HISTORY));
        let state = Mutex::new(State {
            next_id: 1,
            members,
            history,
            feed,
        });
        Self { state }
    }
}

impl Room {
    /// Adds a member. The caller must call [`leave`](Self::leave) when the member leaves.
    pub(super) fn enter(&self, name: &str, page: PageClient) -> Result<(Member, View), JoinError> {
        let name = checked_name(name)?;
        let mut state = self.lock();
        if state.members.len() >= MAX_MEMBERS {
            return Err(JoinError::RoomFull);
        }
        if state.members.values().any(|member| member.name == name) {
            return Err(JoinError::NameTaken);
        }
        let member = Member {
            id: state.next_id,
            name: name.to_owned(),
        };
        state.next_id += 1;
        state.broadcast(ChatEvent::Joined(member.clone()));
        let name = member.name.clone();
        state.members.insert(member.id, Entry { name, page });
        let view = state.view();
        Ok((member, view))
    }

    /// Removes a member and tells the others.
    pub(super) fn leave(&self, member: &Member) {
        let mut state = self.lock();
        if state.members.remove(&member.id).is_some() {
            state.broadcast(ChatEvent::Left(member.clone()));
        }
    }

    /// Stores a message and sends it to all members, including its author.
    pub(super) fn say(&self, from: &Member, text: &str) {
        let text: String = text.trim().chars().take(MAX_TEXT).collect();
        if text.is_empty() {
            return;
        }
        let message = Message {
            from: from.clone(),
            text,
            at_ms: now_ms(),
        };
        let mut state = self.lock();
        if state.history.len() == HISTORY {
            state.history.pop_front();
        }
        state.history.push_back(message.clone());
        state.broadcast(ChatEvent::Said(message));
    }

    /// Returns the name of one member and the page of another, if both are in the room.
    pub(super) fn introduce(&self, from: u32, to: u32) -> Option<(String, PageClient)> {
        let state = self.lock();
        let name = state.members.get(&from)?.name.clone();
        let page = state.members.get(&to)?.page.clone();
        Some((name, page))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code can panic while the state is inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn broadcast(&self, event: ChatEvent) {
        // Fails only if the room is empty.
        let _ = self.feed.send(event);
    }

    fn view(&self) -> View {
        let member = |(&id, entry): (&u32, &Entry)| Member {
            id,
            name: entry.name.clone(),
        };
        View {
            members: self.members.iter().map(member).collect(),
            history: self.history.iter().cloned().collect(),
            feed: self.feed.subscribe(),
        }
    }
}

fn checked_name(name: &str) -> Result<&str, JoinError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(JoinError::NameEmpty);
    }
    if name.chars().count() > MAX_NAME as usize {
        let longest = MAX_NAME;
        return Err(JoinError::NameTooLong { longest });
    }
    Ok(name)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
