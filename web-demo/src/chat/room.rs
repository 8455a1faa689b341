//! The room's memory: who is in it, and what was said last.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::broadcast;

use crate::api::{
    ChatEvent, HISTORY, JoinError, MAX_MEMBERS, MAX_NAME, MAX_TEXT, Member, Message, PageClient,
};

/// How many events wait for a slow member before the oldest are dropped.
const FEED: usize = 256;

/// A chat room.
pub(super) struct Room {
    inside: Mutex<Inside>,
}

struct Inside {
    next_id: u32,
    present: BTreeMap<u32, Present>,
    history: VecDeque<Message>,
    feed: broadcast::Sender<ChatEvent>,
}

struct Present {
    name: String,
    page: PageClient,
}

/// What a newcomer sees.
pub(super) struct View {
    pub(super) members: Vec<Member>,
    pub(super) history: Vec<Message>,
    pub(super) feed: broadcast::Receiver<ChatEvent>,
}

impl Default for Room {
    fn default() -> Self {
        let (feed, _) = broadcast::channel(FEED);
        let (present, history) = (BTreeMap::new(), VecDeque::with_capacity(HISTORY));
        let inside = Mutex::new(Inside {
            next_id: 1,
            present,
            history,
            feed,
        });
        Self { inside }
    }
}

impl Room {
    /// Lets somebody in; to be followed by [`leave`](Self::leave).
    pub(super) fn enter(&self, name: &str, page: PageClient) -> Result<(Member, View), JoinError> {
        let name = checked_name(name)?;
        let mut inside = self.lock();
        if inside.present.len() >= MAX_MEMBERS {
            return Err(JoinError::RoomFull);
        }
        if inside.present.values().any(|present| present.name == name) {
            return Err(JoinError::NameTaken);
        }
        let member = Member {
            id: inside.next_id,
            name: name.to_owned(),
        };
        inside.next_id += 1;
        inside.tell(ChatEvent::Joined(member.clone()));
        let name = member.name.clone();
        inside.present.insert(member.id, Present { name, page });
        let view = inside.view();
        Ok((member, view))
    }

    /// Tells the others that a member is gone.
    pub(super) fn leave(&self, member: &Member) {
        let mut inside = self.lock();
        if inside.present.remove(&member.id).is_some() {
            inside.tell(ChatEvent::Left(member.clone()));
        }
    }

    /// Keeps what a member says and tells it to all, the member too.
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
        let mut inside = self.lock();
        if inside.history.len() == HISTORY {
            inside.history.pop_front();
        }
        inside.history.push_back(message.clone());
        inside.tell(ChatEvent::Said(message));
    }

    /// The name of one member and the page of another, if both are here.
    pub(super) fn introduce(&self, from: u32, to: u32) -> Option<(String, PageClient)> {
        let inside = self.lock();
        let name = inside.present.get(&from)?.name.clone();
        let page = inside.present.get(&to)?.page.clone();
        Some((name, page))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing can panic half-way through a change.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn tell(&self, event: ChatEvent) {
        // It fails when nobody is there to hear it.
        let _ = self.feed.send(event);
    }

    fn view(&self) -> View {
        let member = |(&id, present): (&u32, &Present)| Member {
            id,
            name: present.name.clone(),
        };
        View {
            members: self.present.iter().map(member).collect(),
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
