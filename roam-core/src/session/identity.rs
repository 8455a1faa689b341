//! Who the peer of a link is.

use std::time::SystemTime;

/// Who the peer of a link is, as whoever authenticated it found out.
///
/// Set it by [`ConnectionHandle::set_identity`](crate::ConnectionHandle::set_identity). Handlers and
/// layers read it from their [`Context`](crate::Context::identity). What else is known of the peer,
/// such as its roles, goes into the link's
/// [`link_extensions`](crate::ConnectionHandle::link_extensions).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The name of the peer, unique among all peers of the service, such as a user's id.
    pub subject: Box<str>,
    /// When the identity ends, if it does. Nothing in this crate acts on it.
    pub expires_at: Option<SystemTime>,
}

impl Identity {
    /// Creates an identity that does not expire.
    pub fn new(subject: impl Into<Box<str>>) -> Self {
        Self {
            subject: subject.into(),
            expires_at: None,
        }
    }

    /// Sets when the identity ends.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }
}
