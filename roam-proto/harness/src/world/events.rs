//! How a user handles the events of its link.

use roam_proto::{CloseReason, ConnectionId, Event, Request, RequestId, Response};

use crate::harness::NONE;

use super::World;
use super::contents::read_description;

impl World {
    pub(super) fn collect(&mut self, at: usize) {
        while let Some(event) = self.users[at].peer.link.poll_event() {
            self.handle(at, event);
        }
    }

    fn handle(&mut self, at: usize, event: Event) {
        let user = &mut self.users[at];
        match event {
            Event::Ready(_) => user.peer.idle = user.peer.link.stats().remaining,
            Event::Request(request) => {
                let call = (1 - at, request.connection, request.request);
                assert!(!self.unsent.contains(&call), "reported as not sent");
                self.arrived.insert(call);
                user.requests.push((request, false));
            }
            Event::NotSent {
                connection,
                request,
            } => {
                assert!(user.calls.contains_key(&(connection, request)));
                let call = (at, connection, request);
                assert!(!self.arrived.contains(&call), "sent after all");
                self.unsent.insert(call);
            }
            Event::Response(response) => self.answered(at, &response),
            Event::ConnectRequest { request, .. } => user.incoming_connects.push(request),
            Event::ConnectAnswer { result, .. } => {
                user.outgoing_connects -= 1;
                user.connections.extend(result.ok());
            }
            Event::ConnectionEnded { connection, reason } => self.ended(at, connection, &reason),
            Event::Cancelled {
                connection,
                request,
            } => self.stopped(at, connection, request),
            Event::TokenAsked { .. } => user.peer.link.give_token(NONE),
            Event::TokenGiven { .. } => {
                assert!(std::mem::take(&mut user.is_asking), "answered once");
            }
            Event::ChannelReady { .. } | Event::SendBufferReady | Event::Drain(_) => {}
        }
    }

    fn answered(&mut self, at: usize, response: &Response) {
        let user = &mut self.users[at];
        let (on, payload) = (response.connection, &response.payload);
        let arguments = user
            .calls
            .remove(&(on, response.request))
            .expect("a call is answered once");
        user.calls_ended += 1;
        if payload[0] == 1 {
            self.mark_interrupted(on, &arguments);
            return;
        }
        let directions: Vec<_> = read_description(&payload[1..]).collect();
        // Without enough budget they have been reset.
        let channels = response.channels.clone().unwrap_or_default();
        for (&channel, &direction) in channels.iter().zip(&directions) {
            let user = &mut self.users[at];
            if user.peer.link.channel(on, channel).bind(direction) {
                user.hold(on, &[channel], &[direction]);
                self.history((on, channel)).unbound = false;
            }
        }
    }

    /// Handles a call that its caller cancelled, or whose channels exceeded the budget.
    fn stopped(&mut self, at: usize, on: ConnectionId, id: RequestId) {
        let same =
            |(request, _): &&(Request, bool)| (request.connection, request.request) == (on, id);
        let (request, _) = self.users[at]
            .requests
            .iter()
            .find(same)
            .expect("the call is unanswered");
        let channels = request.channels.clone();
        self.mark_interrupted(on, &channels);
    }

    fn ended(&mut self, at: usize, on: ConnectionId, reason: &CloseReason) {
        assert!(!matches!(reason, CloseReason::Violation(_)), "{reason}");
        assert!(!reason.to_string().contains("flow."), "{reason}");
        let user = &mut self.users[at];
        user.connections.retain(|connection| *connection != on);
        let before = user.calls.len();
        user.calls.retain(|(connection, _), _| *connection != on);
        user.calls_ended += before - user.calls.len();
        self.ended.insert(on);
    }
}
