//! The `Chat` service, called the way pages call it.

mod common;

use roam_core::{CallError, ConnectionHandle, RoutedDispatcher};
use tokio::sync::mpsc::UnboundedReceiver;
use web_demo::api::{
    Attention, ChatClient, ChatEvent, HISTORY, JoinError, MAX_MEMBERS, MAX_NAME, MAX_TEXT, Member,
    Membership, NudgeError,
};
use web_demo::dispatcher;

use common::{Called, open_page};

struct Tab {
    chat: ChatClient,
    connection: ConnectionHandle,
    calls: UnboundedReceiver<Called>,
}

async fn open_tab(server: &RoutedDispatcher) -> Tab {
    let (connection, calls) = open_page(server).await;
    let chat = ChatClient::new(connection.clone());
    Tab {
        chat,
        connection,
        calls,
    }
}

impl Tab {
    async fn join(&self, name: &str) -> Membership {
        self.try_join(name).await.expect("the member may join")
    }

    async fn try_join(&self, name: &str) -> Result<Membership, JoinError> {
        let joined = self.chat.join(name.to_owned()).await;
        joined.map_err(|error| error.into_user().expect("a JoinError from the handler"))
    }
}

async fn next(membership: &mut Membership) -> ChatEvent {
    let event = membership.events.recv().await;
    event
        .expect("the channel is not reset")
        .expect("the channel is not closed")
}

async fn next_said(membership: &mut Membership) -> String {
    match next(membership).await {
        ChatEvent::Said(message) => format!("{}: {}", message.from.name, message.text),
        other => panic!("{other:?}"),
    }
}

async fn say(membership: &Membership, text: &str) {
    let said = membership.say.send(text.to_owned()).await;
    said.expect("the room reads messages");
}

fn member(membership: &Membership) -> Member {
    let own = |member: &&Member| member.id == membership.id;
    membership
        .members
        .iter()
        .find(own)
        .cloned()
        .expect("the list includes the member")
}

#[tokio::test]
async fn messages_reach_all_members() {
    let server = dispatcher();
    let (ada_tab, bob_tab) = (open_tab(&server).await, open_tab(&server).await);
    let mut ada = ada_tab.join(" Ada ").await;
    let mut bob = bob_tab.join("Bob").await;
    assert_eq!(next(&mut ada).await, ChatEvent::Joined(member(&bob)));
    let names: Vec<_> = bob.members.iter().map(|member| &*member.name).collect();
    assert_eq!(names, ["Ada", "Bob"]);

    say(&ada, "hello").await;
    assert_eq!(next_said(&mut ada).await, "Ada: hello");
    assert_eq!(next_said(&mut bob).await, "Ada: hello");

    bob_tab.connection.close("the tab is closed");
    // Both channels of the member end, but only one `Left` is sent.
    assert_eq!(next(&mut ada).await, ChatEvent::Left(member(&bob)));
    say(&ada, "alone").await;
    assert_eq!(next_said(&mut ada).await, "Ada: alone");
}

#[tokio::test]
async fn member_leaves_when_either_channel_ends() {
    let server = dispatcher();
    let tab = open_tab(&server).await;
    let mut ada = tab.join("Ada").await;
    let mute = tab.join("mute").await;
    let deaf = tab.join("deaf").await;
    next(&mut ada).await;
    next(&mut ada).await;

    let gone = member(&mute);
    drop(mute.say);
    assert_eq!(next(&mut ada).await, ChatEvent::Left(gone));

    let gone = member(&deaf);
    drop(deaf.events);
    // The room notices when it next sends an event.
    say(&ada, "hello").await;
    assert_eq!(next_said(&mut ada).await, "Ada: hello");
    assert_eq!(next(&mut ada).await, ChatEvent::Left(gone));
}

#[tokio::test]
async fn rejects_bad_names_and_joins_over_the_limit() {
    let server = dispatcher();
    let tab = open_tab(&server).await;
    let refused = async |name: &str| tab.try_join(name).await.expect_err("joining fails");
    assert_eq!(refused("  ").await, JoinError::NameEmpty);
    let longest = "ä".repeat(MAX_NAME as usize);
    let too_long = JoinError::NameTooLong { longest: MAX_NAME };
    assert_eq!(refused(&format!("{longest}x")).await, too_long);

    let mut seats = vec![tab.join(&longest).await];
    assert_eq!(refused(&longest).await, JoinError::NameTaken);
    for number in seats.len()..MAX_MEMBERS {
        seats.push(tab.join(&number.to_string()).await);
    }
    assert_eq!(refused("one more").await, JoinError::RoomFull);
}

#[tokio::test]
async fn messages_and_history_are_bounded() {
    let server = dispatcher();
    let tab = open_tab(&server).await;
    let mut ada = tab.join("Ada").await;
    say(&ada, &"ä".repeat(MAX_TEXT + 1)).await;
    say(&ada, " ").await;
    assert_eq!(
        next_said(&mut ada).await,
        format!("Ada: {}", "ä".repeat(MAX_TEXT))
    );
    for number in 0..HISTORY {
        say(&ada, &number.to_string()).await;
        next(&mut ada).await;
    }
    let bob = open_tab(&server).await.join("Bob").await;
    let history: Vec<_> = bob
        .history
        .into_iter()
        .map(|message| message.text)
        .collect();
    let latest: Vec<_> = (0..HISTORY).map(|number| number.to_string()).collect();
    assert_eq!(history, latest);
}

#[tokio::test]
async fn slow_member_misses_events_and_blocks_nobody() {
    let server = dispatcher();
    let tab = open_tab(&server).await;
    let mut ada = tab.join("Ada").await;
    let mut slow = open_tab(&server).await.join("slow").await;
    assert!(matches!(next(&mut ada).await, ChatEvent::Joined(_)));

    // More than the window of 64 KiB and the feed of 256 events can hold.
    let text = "x".repeat(MAX_TEXT);
    for _ in 0..1_000 {
        say(&ada, &text).await;
        next_said(&mut ada).await;
    }
    let mut heard = 0;
    let missed = loop {
        match next(&mut slow).await {
            ChatEvent::Said(_) => heard += 1,
            ChatEvent::Missed(missed) => break missed,
            other => panic!("{other:?}"),
        }
    };
    while heard + missed < 1_000 {
        next_said(&mut slow).await;
        heard += 1;
    }
}

#[tokio::test]
async fn nudge_calls_the_page_of_the_other_member() {
    let server = dispatcher();
    let tab = open_tab(&server).await;
    let mut other = open_tab(&server).await;
    let (ada, bob) = (tab.join("Ada").await, other.join("Bob").await);
    let nudge = async |to: u32| {
        tab.chat
            .nudge(ada.id, to)
            .await
            .map_err(CallError::into_user)
    };
    assert_eq!(
        nudge(bob.id).await.expect("the page answers"),
        Attention::Hidden
    );
    assert_eq!(other.calls.recv().await, Some(Called::Nudged("Ada".into())));

    let nobody = nudge(bob.id + 1).await.expect_err("no such member");
    assert_eq!(nobody, Some(NudgeError::NotHere));
}
