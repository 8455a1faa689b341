//! The rules that a peer can break, and how violations are reported.

use alloc::borrow::Cow;
use core::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $id:literal,)*) => {
        /// A rule of the protocol that a peer can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$rule,)*];

            /// Returns the rule's id, which starts the reason of a Goodbye.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Rule::$rule => $id,)*
                }
            }
        }
    };
}

rules! {
    /// A message other than Hello before the handshake is complete.
    HelloOrdering = "message.hello.ordering",
    /// A Hello of a version other than 2.
    HelloUnknownVersion = "message.hello.unknown-version",
    /// A second Hello.
    HelloDuplicate = "message.hello.duplicate",
    /// A Hello with a `max_payload_size` of 0.
    HelloParameters = "message.hello.parameters",
    /// An unknown message discriminant.
    UnknownVariant = "message.unknown-variant",
    /// A frame that does not decode.
    DecodeError = "message.decode-error",
    /// A frame, list or reason over its limit.
    TooLarge = "message.too-large",
    /// A message on a connection that never existed.
    UnknownConnection = "message.conn-id",
    /// An Accept with connection id 0 or one in use.
    AcceptConnectionId = "message.accept.conn-id",
    /// A Request whose id is still in flight.
    DuplicateRequestId = "call.request-id.duplicate-detection",
    /// Metadata over a limit.
    MetadataLimits = "call.metadata.limits",
    /// A payload over the negotiated `max_payload_size`.
    PayloadLimit = "flow.call.payload-limit",
    /// Channel id 0.
    ZeroChannelId = "channeling.id.zero-reserved",
    /// An opened channel id of the wrong parity for its opener.
    ChannelIdParity = "channeling.id.parity",
    /// An opened channel id that is open, was used before, or is listed twice in one message.
    ChannelIdReused = "channeling.id.reused",
    /// A message for a channel that never existed.
    UnknownChannel = "channeling.unknown",
    /// Data or Close from a receiver, or Credit from a sender.
    ChannelDirection = "channeling.direction",
    /// Data or Close after Close.
    DataAfterClose = "channeling.data-after-close",
    /// Data beyond the credit.
    CreditOverrun = "flow.channel.credit-overrun",
    /// Credit that adds up to more than a `u32`.
    CreditOverflow = "flow.channel.credit-overflow",
}

impl Rule {
    /// Returns whether breaking the rule ends the whole link, not only the connection.
    pub fn ends_link(self) -> bool {
        self.id().starts_with("message.")
    }

    /// Creates a violation of this rule that says what was wrong.
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

/// A broken protocol rule. `Display` formats it as the reason of our Goodbye.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What was wrong. May be empty.
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
    fn reasons_start_with_the_rule() {
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
