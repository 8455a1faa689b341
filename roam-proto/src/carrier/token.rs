//! Tokens that are asked for while frames flow.

use core::time::Duration;

use super::frame::{Attach, Token};
use super::{Carrier, End, Received};
use crate::coding::Reader;
use crate::metadata::Metadata;
use crate::violation::{Rule, Violation};

impl Carrier {
    /// Asks the initiator for a token, at once or with its next transport. One question is open at a time. Returns
    /// `false` to an initiator, who cannot ask.
    pub(crate) fn ask_for_token(&mut self, within: Duration) -> bool {
        let is_attached = self.is_attached();
        let End::Acceptor { asked, .. } = &mut self.end else {
            return false;
        };
        if asked.is_none() {
            *asked = Some(within);
            if is_attached {
                self.control.token = Some(Token::Asked(within).encode());
                self.refresh();
            }
        }
        true
    }

    /// Another transport was accepted. What its initiator said of itself is the answer to a question that is open,
    /// unless it said nothing: then asks again. Returns whether it was answered.
    pub(crate) fn on_token_attached(&mut self, attach: &Attach) -> bool {
        let End::Acceptor { asked, .. } = &mut self.end else {
            return false;
        };
        let Some(within) = *asked else {
            return false;
        };
        if !attach.metadata.is_empty() {
            *asked = None;
            return true;
        }
        self.control.token = Some(Token::Asked(within).encode());
        self.refresh();
        false
    }

    /// Answers the acceptor's question, if there is one on the present transport.
    pub(crate) fn give_token(&mut self, metadata: &Metadata) {
        if let End::Initiator { is_asked, .. } = &mut self.end
            && core::mem::take(is_asked)
        {
            self.control.token = Some(Token::Given(metadata.clone()).encode());
            self.refresh();
        }
    }

    pub(super) fn on_token(
        &mut self,
        token: Token,
        reader: &Reader<'_>,
    ) -> Result<Received, Violation> {
        reader.finish()?;
        if !self.is_attached() {
            return Err(Rule::HelloOrdering.because("Token before the transport is accepted"));
        }
        match (token, &mut self.end) {
            (Token::Asked(within), End::Initiator { is_asked, .. }) => {
                // Only one question is open, however often it is asked.
                if core::mem::replace(is_asked, true) {
                    return Ok(Received::Nothing);
                }
                Ok(Received::TokenAsked(within))
            }
            (Token::Given(metadata), End::Acceptor { asked, .. }) if asked.is_some() => {
                *asked = None;
                self.confirm();
                Ok(Received::TokenGiven(metadata))
            }
            _ => Err(Rule::HelloOrdering.because("Token that was not asked for")),
        }
    }
}
