//! How links have ended, for initiators that come back to learn it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::proto::{Close, CloseReason, LinkId, Refusal};

/// How links have ended, and until when that is remembered.
#[derive(Debug, Default)]
pub(super) struct EndedLinks {
    refusals: HashMap<LinkId, Refusal>,
    /// The first that is forgotten first: all are kept equally long.
    order: VecDeque<(Duration, LinkId)>,
}

impl EndedLinks {
    /// Remembers a link from now on for this long, and at most `max` of them.
    pub(super) fn add(
        &mut self,
        id: &LinkId,
        refusal: Refusal,
        (now, keep): (Duration, Duration),
        max: usize,
    ) {
        self.order.push_back((now.saturating_add(keep), id.clone()));
        self.refusals.insert(id.clone(), refusal);
        while let Some((until, first)) = self.order.front()
            && (*until <= now || self.order.len() > max)
        {
            self.refusals.remove(first);
            self.order.pop_front();
        }
    }

    /// Returns what to tell an initiator that wants to go on with the link, if it is remembered.
    pub(super) fn get(&mut self, id: &LinkId, now: Duration) -> Option<Refusal> {
        while let Some((until, first)) = self.order.front()
            && *until <= now
        {
            self.refusals.remove(first);
            self.order.pop_front();
        }
        self.refusals.get(id).cloned()
    }
}

/// Returns what to tell an initiator that has not learnt how its link ended; `None` if it ended the link itself, or
/// if there was nothing to say.
pub(super) fn refusal(reason: &CloseReason) -> Option<Refusal> {
    match reason {
        CloseReason::Goodbye(_)
        | CloseReason::ClosedByPeer(_)
        | CloseReason::Lost(_)
        | CloseReason::Refused(_) => return None,
        _ => {}
    }
    let close = reason.close();
    let code = match close.code() {
        // A refusal is no end as it should be.
        Close::NORMAL => Close::ENDED,
        code => code,
    };
    Some(match close.reason() {
        "" => Refusal::ended(),
        reason => Refusal::new(code, reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(10);

    fn id(number: u8) -> LinkId {
        LinkId::new(vec![number]).unwrap()
    }

    fn at(seconds: u64) -> (Duration, Duration) {
        (Duration::from_secs(seconds), KEEP)
    }

    #[test]
    fn an_end_is_remembered_for_as_long_as_a_link_is_kept() {
        let mut ended = EndedLinks::default();
        let refusal = Refusal::new(4_001, "moved");
        ended.add(&id(1), refusal.clone(), at(0), 10);
        assert_eq!(ended.get(&id(1), Duration::from_secs(9)), Some(refusal));
        assert_eq!(ended.get(&id(2), Duration::from_secs(9)), None);
        assert_eq!(ended.get(&id(1), KEEP), None);
        assert!(ended.refusals.is_empty() && ended.order.is_empty());
    }

    #[test]
    fn the_first_of_too_many_is_forgotten() {
        let mut ended = EndedLinks::default();
        for number in 1..=3 {
            ended.add(&id(number), Refusal::ended(), at(0), 2);
        }
        let known = [1, 2, 3].map(|number| ended.get(&id(number), Duration::ZERO).is_some());
        assert_eq!(known, [false, true, true]);
        ended.add(&id(4), Refusal::ended(), at(0), 0);
        assert!(ended.refusals.is_empty());
    }

    #[test]
    fn only_an_end_that_the_initiator_may_not_know_is_told() {
        let told = |reason: CloseReason| refusal(&reason).map(|it| (it.code, it.reason));
        let close = Close::new(4_001, "moved").unwrap();
        let closed = told(CloseReason::ClosedHere(close.clone()));
        assert_eq!(closed, Some((4_001, "moved".into())));
        let local = told(CloseReason::Local("done".into()));
        assert_eq!(local, Some((Close::ENDED, "done".into())));
        let silent = told(CloseReason::Local("".into()));
        assert_eq!(silent, Some((Close::ENDED, "the link has ended".into())));
        assert_eq!(told(CloseReason::Goodbye("bye".into())), None);
        assert_eq!(told(CloseReason::ClosedByPeer((&close).into())), None);
    }
}
