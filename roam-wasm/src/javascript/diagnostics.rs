//! Diagnostics for JavaScript: rows of numbers in one array, which need little code on either side.
//! `diagnostics.ts` reads them.

use alloc::vec::Vec;
use core::time::Duration;

use roam_proto::{
    CallInFlight, CallStage, ChannelEnd, ChannelInFlight, Diagnostics, Direction, MethodId,
};

/// The numbers in a row. The first row is for the link, each other for a call or a channel: kind,
/// id, method, age in microseconds, credit, queued bytes, state.
const ROW: usize = 7;
type Row = [u64; ROW];

// Kinds of rows.
const CALL_OUT: u64 = 0;
const CALL_IN: u64 = 1;
const SEND: u64 = 2;
const RECEIVE: u64 = 3;
const UNBOUND: u64 = 4;

/// An unknown method or age.
const UNKNOWN: u64 = u64::MAX;
/// The state of an open channel that somebody waits for. The states from `FIRST_END` on say how a
/// channel ended.
const AWAITED: u64 = 1;
const FIRST_END: u64 = 2;

/// Returns the rows for the link and for the calls and channels of its root connection, the only
/// one in JavaScript.
pub(super) fn rows(diagnostics: &Diagnostics) -> Vec<u64> {
    let mut rows = link(diagnostics).to_vec();
    if let Some(root) = diagnostics.connections.first() {
        for (kind, calls) in [(CALL_OUT, &root.outgoing), (CALL_IN, &root.incoming)] {
            for it in calls {
                rows.extend_from_slice(&call(kind, it));
            }
        }
        for it in &root.channels {
            rows.extend_from_slice(&channel(it));
        }
    }
    rows
}

fn link(diagnostics: &Diagnostics) -> Row {
    let room = diagnostics.stats.remaining;
    [
        diagnostics.stats.queued_bytes,
        diagnostics.queued_frames,
        diagnostics.queued_replies,
        diagnostics.blocked_channels,
        room.receive_budget,
        room.sending_channels,
        room.call_payloads,
    ]
    .map(|number| number as u64)
}

fn call(kind: u64, call: &CallInFlight) -> Row {
    let state = match call.stage {
        CallStage::Unanswered => 0,
        CallStage::Answered => 1,
        CallStage::HandlerRunning => 2,
    };
    [
        kind,
        call.request.0,
        call.method.0,
        micros(call.age),
        0,
        0,
        state,
    ]
}

fn channel(channel: &ChannelInFlight) -> Row {
    let kind = match channel.direction {
        Some(Direction::Send) => SEND,
        Some(Direction::Receive) => RECEIVE,
        None => UNBOUND,
    };
    let state = match channel.end {
        None if channel.awaited => AWAITED,
        None => 0,
        Some(ChannelEnd::Closed) => FIRST_END,
        Some(ChannelEnd::Reset) => FIRST_END + 1,
        Some(ChannelEnd::CallEnded) => FIRST_END + 2,
        Some(ChannelEnd::ConnectionEnded) => FIRST_END + 3,
    };
    [
        kind,
        channel.id.0,
        channel.method.map_or(UNKNOWN, |MethodId(id)| id),
        micros(channel.age),
        channel.credit.into(),
        channel.queued as u64,
        state,
    ]
}

fn micros(age: Option<Duration>) -> u64 {
    age.map_or(UNKNOWN, |age| {
        age.as_secs() * 1_000_000 + u64::from(age.subsec_micros())
    })
}
