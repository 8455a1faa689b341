//! Calls of the peer, on their way to a handler and back.

use std::future::{Ready, ready};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::Context;
use super::extras::Extras;
use super::hooks::{Backing, KeepAnswer};
use super::respond::Respond;
use super::responder::Responder;
use super::watch::CallWatch;
use crate::proto::{
    Direction, Failure, FailureKind, Metadata, MethodId, Outcome, ReceivedPayload, Request,
    RequestError,
};
use crate::schema::{MethodDescriptor, ServiceDescriptor};
use crate::session::call::{Deadline, signature};
use crate::session::channel::{self, IncomingChannels, RemoteChannel};
use crate::session::link::ConnectionHandle;

/// A call of the peer, to be answered.
///
/// When it is dropped unanswered, the peer is told that the call was cancelled or, while unwinding,
/// that the handler panicked.
#[derive(Debug)]
pub struct IncomingCall(Box<Parts>);

/// Boxed, since a call moves from future to future.
#[derive(Debug)]
struct Parts {
    payload: ReceivedPayload,
    channels: Option<IncomingChannels>,
    responder: Responder,
}

impl IncomingCall {
    pub(super) fn new(
        connection: ConnectionHandle,
        request: Request,
        deadline: Option<Deadline>,
    ) -> Self {
        let Request {
            request,
            method,
            metadata,
            channels,
            payload,
            ..
        } = request;
        let incoming = IncomingChannels::new(&connection, channels.clone());
        let context = Context {
            connection,
            request,
            method,
            metadata,
            channels,
            deadline,
            extras: Extras::default(),
        };
        Self(Box::new(Parts {
            payload,
            channels: Some(incoming),
            responder: Responder::new(context),
        }))
    }

    /// Splits off the part that the handler gets, whose answer `keeper` keeps. The rest is still to
    /// be answered.
    pub(crate) fn split_off(&mut self, keeper: Box<dyn KeepAnswer>) -> Self {
        Self(Box::new(Parts {
            payload: self.take_payload(),
            channels: self.take_channels(),
            responder: self.0.responder.split_off(keeper),
        }))
    }

    /// Returns what answers the call.
    pub(crate) fn responder(&mut self) -> &mut Responder {
        &mut self.0.responder
    }

    /// Returns what answers the call when this is dropped unanswered.
    pub(crate) fn back(&mut self, method: Option<&'static MethodDescriptor>) -> Backing {
        self.0.responder.back(method)
    }

    /// Returns the descriptor of the called method. It is known inside
    /// [layers](crate::server::LayeredDispatcher), unless the call is only forwarded.
    pub fn descriptor(&self) -> Option<&'static MethodDescriptor> {
        self.0.responder.descriptor()
    }

    /// Watches how the call is answered, and when its last channel has ended.
    pub fn watch(&mut self) -> CallWatch {
        self.0.responder.watch()
    }

    /// Refuses the call, for example because its caller may not make it.
    pub fn refuse(mut self, failure: &Failure) -> Ready<()> {
        self.responder().fail(failure);
        ready(())
    }

    /// Returns the encoded arguments.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    pub(crate) fn take_payload(&mut self) -> ReceivedPayload {
        std::mem::take(&mut self.0.payload)
    }

    /// Takes the channels of the arguments, in order.
    pub fn take_channels(&mut self) -> Option<IncomingChannels> {
        self.0.channels.take()
    }

    /// Returns what is known of the call.
    pub fn context(&self) -> &Context {
        self.0.responder.context()
    }

    /// Returns the id of the called method.
    pub fn method(&self) -> MethodId {
        self.context().method
    }

    /// Decodes the arguments, a tuple. When that fails, answers the call with `InvalidPayload` and
    /// returns `None`. When the caller has said that its signature of the method is another than that
    /// of `service`, nothing is decoded, and the answer is [`FailureKind::SignatureMismatch`].
    pub fn decode<A: DeserializeOwned>(
        &mut self,
        service: fn() -> &'static ServiceDescriptor,
    ) -> Option<A> {
        if !self.context().metadata().is_empty() && !self.verify(service()) {
            return None;
        }
        let channels = self.take_channels()?;
        let payload = self.take_payload();
        match channel::decode(&payload, channels) {
            Ok(args) => Some(args),
            Err(error) => {
                tracing::debug!(method = %self.method(), %error, "arguments do not decode");
                self.responder().answer(Outcome::InvalidPayload);
                None
            }
        }
    }

    /// Compares the signatures. Refuses the call and returns `false` when they differ.
    fn verify(&mut self, service: &ServiceDescriptor) -> bool {
        let method = service.method(self.method());
        if let Some(failure) = method.and_then(|method| self.mismatch(method)) {
            self.responder().fail(&failure);
            return false;
        }
        signature::remove(&mut self.responder().context_mut().metadata);
        true
    }

    /// Returns why the caller cannot decode what `method` returns, if it has said so.
    pub(crate) fn mismatch(&self, method: &MethodDescriptor) -> Option<Failure> {
        signature::mismatch(method, self.context().metadata())
    }

    /// Answers that the method is unknown.
    pub fn unknown_method(mut self) -> Ready<()> {
        self.responder().answer(Outcome::UnknownMethod);
        ready(())
    }

    /// Answers the call with the result of its method, which is encoded at once. The answer is sent
    /// when the future is awaited, as soon as there is send capacity.
    pub fn respond<T: Serialize, E: Serialize>(self, result: Result<T, E>) -> Respond {
        let encoded = match &result {
            Ok(value) => channel::encode(value, Outcome::Value(()).prefix()),
            Err(error) => channel::encode(error, Outcome::Error(()).prefix()),
        };
        drop(result);
        match encoded {
            Ok((payload, channels)) => {
                let metadata = self.context().extras.take_answer_metadata();
                Respond::new(self, metadata, payload, channels)
            }
            Err(error) => {
                tracing::error!(method = %self.method(), %error, "a result cannot be encoded");
                Respond::outcome(self, Outcome::Failed(FailureKind::Panic))
            }
        }
    }

    /// Answers the call at once with an encoded outcome. `kept` holds the direction of the half
    /// that stays here for each channel half in the payload, in order; those halves are returned.
    ///
    /// # Errors
    /// The call stays unanswered. [`RequestError::AlreadyAnswered`] means that it was cancelled in
    /// the meantime.
    pub fn respond_raw(
        &mut self,
        metadata: &Metadata,
        payload: &[u8],
        kept: &[Direction],
    ) -> Result<Vec<RemoteChannel>, RequestError> {
        self.responder().try_respond(metadata, payload, kept.into())
    }
}
