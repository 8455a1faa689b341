//! Ends of links that survive their transports, and peers that only know version 2 of the protocol.

use std::time::Duration;

use roam_proto::{CloseReason, Framing, Link, Metadata, Role};

use super::harness::*;

const NOW: Duration = Duration::from_secs(3);

/// A machine that numbers its frames.
fn numbered(role: Role) -> Peer {
    Peer::new(role, Framing::Numbered, &small())
}

/// A peer that speaks version 2.
fn version_2(role: Role) -> Peer {
    Peer::new(role, Framing::Cobs, &small())
}

fn carry(a: &mut Link, b: &mut Link) {
    loop {
        let (from_a, from_b) = (a.poll_transmit(), b.poll_transmit());
        if from_a.is_none() && from_b.is_none() {
            return;
        }
        if let Some(frame) = from_a {
            b.handle_frame(&frame);
        }
        if let Some(frame) = from_b {
            a.handle_frame(&frame);
        }
    }
}

#[test]
fn an_acceptor_is_silent_until_it_knows_what_its_peer_speaks() {
    let (mut ours, mut theirs) = (numbered(Role::Acceptor), version_2(Role::Initiator));
    assert_eq!(ours.link.poll_transmit(), None);
    ours.link.fall_back(Framing::Cobs, NOW);
    assert_eq!(ours.link.framing(), Framing::Cobs);
    carry(&mut ours.link, &mut theirs.link);
    assert!(ours.link.has_agreed() && theirs.link.has_agreed());
    assert!(ours.link.keep().is_zero());
}

#[test]
fn an_initiator_says_hello_again_to_a_peer_that_only_knows_version_2() {
    let (mut ours, mut theirs) = (numbered(Role::Initiator), version_2(Role::Acceptor));
    ours.link.attach(&Metadata::new(), Duration::ZERO);
    let lost: Vec<_> = std::iter::from_fn(|| ours.link.poll_transmit()).collect();
    assert_eq!(lost.len(), 2, "Attach and Hello");
    ours.link.detach();
    ours.link.fall_back(Framing::Cobs, NOW);
    let deadline = NOW + small().handshake_timeout;
    assert_eq!(ours.link.poll_timeout(), Some(deadline));
    carry(&mut ours.link, &mut theirs.link);
    assert!(ours.link.has_agreed() && theirs.link.has_agreed());
}

#[test]
fn a_link_that_was_closed_before_says_so_in_version_2() {
    let (mut ours, mut theirs) = (numbered(Role::Acceptor), version_2(Role::Initiator));
    ours.link.close("that was all");
    assert_eq!(ours.link.poll_transmit(), None);
    ours.link.fall_back(Framing::Cobs, NOW);
    carry(&mut ours.link, &mut theirs.link);
    assert_eq!(
        theirs.link.close_reason().map(ToString::to_string),
        Some("closed by the peer: that was all".to_owned())
    );
    assert!(!ours.link.has_unsent());
}

#[test]
fn an_acceptor_whose_peer_never_speaks_has_nothing_to_send() {
    let mut ours = numbered(Role::Acceptor);
    let deadline = ours.link.poll_timeout().unwrap();
    ours.link.handle_timeout(deadline);
    assert!(matches!(
        ours.link.close_reason(),
        Some(CloseReason::HandshakeTimeout)
    ));
    assert!(!ours.link.has_unsent() && !ours.link.is_held_back());
}

#[test]
fn a_lost_link_says_nothing_in_version_2() {
    let mut ours = numbered(Role::Initiator);
    ours.link.handle_lost(std::sync::Arc::new(std::fmt::Error));
    ours.link.fall_back(Framing::Cobs, NOW);
    assert_eq!(ours.link.poll_transmit(), None);
    assert!(matches!(
        ours.link.close_reason(),
        Some(CloseReason::Lost(_))
    ));
}

#[test]
fn peers_that_have_agreed_keep_their_framing() {
    let mut pair = Pair::with(Framing::Packed, &small(), &small());
    pair.client.link.fall_back(Framing::Cobs, NOW);
    assert_eq!(pair.client.link.framing(), Framing::Packed);
    let mut ours = numbered(Role::Acceptor);
    ours.link.fall_back(Framing::Numbered, NOW);
    ours.link.fall_back(Framing::Cobs, NOW);
    ours.link.fall_back(Framing::Single, NOW);
    assert_eq!(ours.link.framing(), Framing::Cobs);
}
