//! What a peer can do wrong, and what it is told.

use std::borrow::Cow;
use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $id:literal,)*) => {
        /// A rule of the protocol that a peer can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$rule,)*];

            /// The rule's id, with which the reason of a Goodbye begins.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Rule::$rule => $id,)*
                }
            }
        }
    };
}

rules! {
    /// Anything but Hello before the handshake is done.
    HelloOrdering = "message.hello.ordering",
    /// A Hello that is not of version 2.
    HelloUnknownVersion = "message.hello.unknown-version",
    /// A second Hello.
    HelloDuplicate = "message.hello.duplicate",
    /// A Hello with a `max_payload_size` of 0.
    HelloParameters = "message.hello.parameters",
    /// A message discriminant that is not known.
    UnknownVariant = "message.unknown-variant",
    /// A frame that does not decode.
    DecodeError = "message.decode-error",
    /// A frame, list or reason over its bound.
    TooLarge = "message.too-large",
    /// A message on a connection that never was.
    UnknownConnection = "message.conn-id",
    /// An Accept with id 0 or with one in use.
    AcceptConnectionId = "message.accept.conn-id",
    /// A Request with an id that is still in flight.
    DuplicateRequestId = "call.request-id.duplicate-detection",
    /// Metadata over a limit.
    MetadataLimits = "call.metadata.limits",
    /// A payload over the negotiated `max_payload_size`.
    PayloadLimit = "flow.call.payload-limit",
    /// Channel id 0.
    ZeroChannelId = "channeling.id.zero-reserved",
    /// An opened channel id that is not one of the opener's.
    ChannelIdParity = "channeling.id.parity",
    /// An opened channel id that is live, is over, or stands twice in one list.
    ChannelIdReused = "channeling.id.reused",
    /// A channel message with an id that never was.
    UnknownChannel = "channeling.unknown",
    /// Data or Close from a receiving end, Credit from a sending end.
    ChannelDirection = "channeling.direction",
    /// Data or Close after Close.
    DataAfterClose = "channeling.data-after-close",
    /// Data beyond the credit.
    CreditOverrun = "flow.channel.credit-overrun",
    /// The sum of the credit exceeds `u32`.
    CreditOverflow = "flow.channel.credit-overflow",
}

impl Rule {
    /// Whether breaking the rule ends the whole link, not only the connection it happened on.
    pub fn ends_link(self) -> bool {
        self.id().starts_with("message.")
    }

    /// A violation of this rule, with what was wrong.
    #[cold]
    pub fn because(self, context: impl Into<Cow<'static, str>>) -> Violation {
        Violation {
            rule: self,
            context: context.into(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl From<Rule> for Violation {
    #[cold]
    fn from(rule: Rule) -> Self {
        rule.because("")
    }
}

/// A rule that a peer broke, and what was wrong. Displayed, it is the reason of our Goodbye.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What was wrong; may be empty.
    pub context: Cow<'static, str>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.id())?;
        if self.context.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.context)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_message_rules_end_the_link() {
        let ending: Vec<_> = Rule::ALL.iter().filter(|rule| rule.ends_link()).collect();
        assert_eq!(ending.len(), 9);
        assert!(!Rule::CreditOverrun.ends_link());
    }

    #[test]
    fn the_reason_begins_with_the_rule() {
        assert_eq!(
            Violation::from(Rule::TooLarge).to_string(),
            "message.too-large"
        );
        assert_eq!(
            Rule::CreditOverrun
                .because("channel 3: 9 bytes, 4 allowed")
                .to_string(),
            "flow.channel.credit-overrun: channel 3: 9 bytes, 4 allowed"
        );
    }
}
