//! How transports are closed: the codes and reasons of WebSocket's close frame.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use crate::event::CloseReason;
use crate::message::clamp;

/// The code and the reason with which a transport is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    code: u16,
    reason: String,
}

/// A code that nobody may close a transport with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("code {code}: only 1000 and 3000 to 4999 may be sent")]
#[non_exhaustive]
pub struct InvalidCloseCode {
    /// The code.
    pub code: u16,
}

impl Close {
    /// The code of a link that ended as it should.
    pub const NORMAL: u16 = 1000;
    /// The peer broke a rule of the protocol.
    pub const PROTOCOL: u16 = 4400;
    /// The peer must say who it is, by a valid token.
    pub const TOKEN: u16 = 4401;
    /// Another principal may not go on with the link.
    pub const OTHER_PRINCIPAL: u16 = 4403;
    /// There is no such link, or not any more.
    pub const UNKNOWN_LINK: u16 = 4404;
    /// The peer was silent for too long.
    pub const SILENT: u16 = 4408;
    /// The link goes on with another transport.
    pub const REPLACED: u16 = 4409;
    /// The link has ended.
    pub const ENDED: u16 = 4410;
    /// The peer made us hold too much.
    pub const TOO_MANY: u16 = 4429;
    /// The longest reason, in bytes: RFC 6455, section 5.5.
    pub const MAX_REASON: usize = 123;

    /// Creates what is sent. Of the reason, as many whole characters are kept as fit
    /// [`MAX_REASON`](Self::MAX_REASON): it is for people, so an end never fails for it.
    ///
    /// ```
    /// use roam_proto::Close;
    ///
    /// let close = Close::new(4000, "moved").unwrap();
    /// assert_eq!((close.code(), close.reason()), (4000, "moved"));
    /// assert!(Close::new(1006, "").is_err());
    /// ```
    ///
    /// # Errors
    /// Pages can send 1000 and 3000 to 4999, and so can everybody else.
    pub fn new(code: u16, reason: &str) -> Result<Self, InvalidCloseCode> {
        match code {
            Self::NORMAL | 3000..=4999 => Ok(Self::known(code, reason)),
            _ => Err(InvalidCloseCode { code }),
        }
    }

    /// Creates the end of a transport that ended as it should.
    pub fn normal() -> Self {
        Self::known(Self::NORMAL, "")
    }

    /// Creates the end of a transport whose link goes on with another.
    pub fn replaced() -> Self {
        Self::known(Self::REPLACED, "the link goes on with another transport")
    }

    /// Creates the end of a transport whose peer has said why.
    fn or_normal(code: u16, reason: &str) -> Self {
        Self::new(code, reason).unwrap_or_else(|_| Self::normal())
    }

    fn known(code: u16, reason: &str) -> Self {
        let reason = clamp(reason, Self::MAX_REASON).to_owned();
        Self { code, reason }
    }

    /// Returns the code: 1000, or 3000 to 4999.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Returns the reason, of at most [`MAX_REASON`](Self::MAX_REASON) bytes.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The peer, or something in between, closed the transport without a Goodbye.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct PeerClose {
    /// The code of WebSocket's close frame. 1005 stands for a close frame without one, and 1006 for
    /// an end without a close frame: a network that failed, or any byte stream.
    pub code: u16,
    /// The reason that the peer or the platform gave; often empty.
    pub reason: String,
}

impl PeerClose {
    /// An end without a close frame.
    pub const ABNORMAL: Self = Self {
        code: 1006,
        reason: String::new(),
    };
    /// A close frame without a code.
    pub const NO_CODE: Self = Self {
        code: 1005,
        reason: String::new(),
    };
}

impl PeerClose {
    /// Returns whether the peer does not want another transport for the link: its code says that the link has
    /// ended, or it is one of ours or of the application, other than that of a peer that was silent.
    pub fn is_final(&self) -> bool {
        match self.code {
            Close::SILENT => false,
            Close::NORMAL | 4_000..=4_999 => true,
            _ => false,
        }
    }
}

impl From<&Close> for PeerClose {
    fn from(close: &Close) -> Self {
        Self {
            code: close.code,
            reason: close.reason.clone(),
        }
    }
}

// A derived impl would add more code to a page than it is worth.
impl fmt::Debug for PeerClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PeerClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed with code {}", self.code)?;
        if self.reason.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.reason)
    }
}

impl CloseReason {
    /// Returns how to close the transport of a link that ended for this reason. The reason is that
    /// of our Goodbye.
    ///
    /// | the link ended | code |
    /// |---|---|
    /// | by [`Local`](Self::Local), [`Goodbye`](Self::Goodbye), [`Idle`](Self::Idle), [`Lost`](Self::Lost) | 1000 |
    /// | by [`ClosedHere`](Self::ClosedHere) | the one that was chosen |
    /// | by [`ClosedByPeer`](Self::ClosedByPeer), [`Refused`](Self::Refused) | that of the peer |
    /// | by a [`Violation`](Self::Violation) | 4400 |
    /// | by [`HandshakeTimeout`](Self::HandshakeTimeout) | 4408 |
    /// | by [`RepliesUnread`](Self::RepliesUnread) | 4429 |
    pub fn close(&self) -> Close {
        let code = match self {
            Self::Local(_) | Self::Goodbye(_) | Self::Idle | Self::Lost(_) => Close::NORMAL,
            Self::ClosedHere(close) => return close.clone(),
            Self::ClosedByPeer(close) => return Close::or_normal(close.code, &close.reason),
            Self::Refused(refusal) => return Close::or_normal(refusal.code, &refusal.reason),
            Self::Violation(_) => Close::PROTOCOL,
            Self::HandshakeTimeout => Close::SILENT,
            Self::RepliesUnread => Close::TOO_MANY,
        };
        Close::known(code, &self.goodbye())
    }

    /// Returns the peer's code and reason, if it ended or refused the link with a code, or if the link is lost because
    /// its transport was closed.
    pub fn peer_close(&self) -> Option<PeerClose> {
        match self {
            Self::ClosedByPeer(close) => Some(close.clone()),
            Self::Refused(refusal) => Some(refusal.into()),
            Self::Lost(error) => error.downcast_ref().cloned(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::violation::Rule;

    #[test]
    fn only_codes_that_pages_can_send_are_valid() {
        for code in [1000, 3000, 4999] {
            assert_eq!(Close::new(code, "").unwrap().code(), code);
        }
        for code in [0, 999, 1001, 1005, 1006, 2999, 5000] {
            assert_eq!(Close::new(code, ""), Err(InvalidCloseCode { code }));
        }
    }

    #[test]
    fn reasons_are_cut_between_characters() {
        let fits = "é".repeat(61) + "x";
        assert_eq!(Close::new(4000, &fits).unwrap().reason(), fits);
        let longer = "é".repeat(62);
        assert_eq!(Close::new(4000, &longer).unwrap().reason(), "é".repeat(61));
    }

    #[test]
    fn each_end_has_a_code_that_may_be_sent() {
        let violation = CloseReason::Violation(Rule::TooLarge.into());
        let moved = Close::new(4_001, "moved").unwrap();
        for (reason, code) in [
            (CloseReason::ClosedByPeer(PeerClose::from(&moved)), 4001),
            (CloseReason::ClosedByPeer(PeerClose::ABNORMAL), 1000),
            (CloseReason::ClosedHere(moved), 4001),
            (CloseReason::Local("done".into()), 1000),
            (CloseReason::Goodbye("bye".into()), 1000),
            (CloseReason::Idle, 1000),
            (violation, 4400),
            (CloseReason::HandshakeTimeout, 4408),
            (CloseReason::RepliesUnread, 4429),
        ] {
            let close = reason.close();
            assert_eq!(Close::new(code, close.reason()).unwrap(), close);
        }
    }

    #[test]
    fn a_lost_link_tells_the_peers_code() {
        let close = PeerClose {
            code: 1001,
            reason: "restarting".to_owned(),
        };
        let error: Arc<dyn core::error::Error + Send + Sync> = Arc::new(close.clone());
        let reason = CloseReason::Lost(error.into());
        assert_eq!(reason.peer_close(), Some(close));
        assert_eq!(CloseReason::Idle.peer_close(), None);
    }

    #[test]
    fn codes_of_the_application_are_final() {
        for (code, is_final) in [
            (1000, true),
            (1001, false),
            (3999, false),
            (4000, true),
            (4408, false),
            (4999, true),
        ] {
            let reason = String::new();
            assert_eq!(PeerClose { code, reason }.is_final(), is_final, "{code}");
        }
    }
}
