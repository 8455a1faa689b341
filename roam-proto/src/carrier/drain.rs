//! Advice to go on elsewhere.

use super::frame::Drain;
use super::{Carrier, End, Received};
use crate::coding::Reader;
use crate::violation::{Rule, Violation};

impl Carrier {
    /// Advises the initiator, at once or with its next transport. Later advice replaces what was not sent. Returns
    /// `false` to an initiator, who cannot advise.
    pub(crate) fn drain(&mut self, advice: Drain) -> bool {
        let is_attached = self.is_attached();
        let End::Acceptor { drain, .. } = &mut self.end else {
            return false;
        };
        *drain = Some(advice);
        if is_attached {
            self.control.drain = Some(advice.encode());
            self.refresh();
        }
        true
    }

    /// Another transport was accepted: whoever was advised to open one has done so.
    pub(super) fn on_drain_attached(&mut self) {
        if let End::Acceptor { drain, .. } = &mut self.end {
            *drain = drain.filter(|advice| advice.another_link);
            self.control.drain = drain.map(|advice| advice.encode());
        }
    }

    pub(super) fn on_drain(
        &mut self,
        advice: Drain,
        reader: &Reader<'_>,
    ) -> Result<Received, Violation> {
        reader.finish()?;
        match &self.end {
            End::Initiator { .. } if self.is_attached() => Ok(Received::Drain(advice)),
            _ => Err(Rule::HelloOrdering.because("an unexpected Drain")),
        }
    }
}
