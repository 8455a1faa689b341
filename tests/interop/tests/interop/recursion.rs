//! A recursive type.
//!
//! Quirk: the peer detects recursion by the address of a type's description, and a build may hold
//! several copies of a description. The peer may then expand the type more often than the protocol
//! does, which changes the method's id. So these tests call each side by the id that it computes.
//! The encoding of values is the same.

use roam_core::{Call, MethodDescriptor, MethodId};
use roam_session::{CallFuture, Never};

use crate::links::Kind;
use crate::types::Tree;
use crate::watch::watched;
use crate::{ours, theirs};

fn trees() -> [Tree; 3] {
    let leaf = Tree {
        value: i32::MIN,
        children: vec![],
    };
    let branch = Tree {
        value: 3,
        children: vec![leaf.clone(), leaf.clone()],
    };
    // Quirk: in a debug build, the peer's decoder uses about 40 KB of stack per level.
    let deep = (0..10).fold(branch.clone(), |tree, value| Tree {
        value,
        children: vec![tree],
    });
    [leaf, branch, deep]
}

fn our_method() -> &'static MethodDescriptor {
    let methods = &ours::testbed_service().methods;
    methods.iter().find(|method| method.name == "tree").unwrap()
}

/// Returns the method's id if `Tree` is expanded this often in the argument and in the result.
fn id(in_argument: usize, in_result: usize) -> u64 {
    let mut signature = b"\x25\x01".to_vec();
    for times in [in_argument, in_result] {
        // A struct of two fields, an i32 and a list.
        signature.extend(b"\x30\x02\x05value\x09\x08children\x20".repeat(times));
        signature.push(0x32);
    }
    roam_hash::method_id("Testbed", "tree", blake3::hash(&signature))
}

#[test]
fn our_id_matches_the_protocol() {
    assert_eq!(our_method().id.0, id(1, 1));
}

#[test]
fn their_id_is_of_a_repeatedly_expanded_type() {
    let theirs = theirs::testbed_method_id::tree();
    let times = || 1..=32;
    let found = times().any(|argument| times().any(|result| id(argument, result) == theirs));
    assert!(found, "{theirs:#x}");
}

fn their_method() -> &'static MethodDescriptor {
    let id = MethodId(theirs::testbed_method_id::tree());
    Box::leak(Box::new(MethodDescriptor {
        id,
        ..our_method().clone()
    }))
}

#[test]
fn trees_round_trip() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            for tree in trees() {
                let (caller, args) = (link.ours.clone(), (tree.clone(),));
                let call: Call<_, _, Tree> = Call::new(caller, their_method(), args);
                assert_eq!(call.await.unwrap(), tree);
                let (caller, args) = (link.theirs.clone(), (tree.clone(),));
                let call: CallFuture<_, _, Tree, Never> =
                    CallFuture::new(caller, our_method().id.0, args);
                assert_eq!(call.await.unwrap(), tree);
            }
        });
    }
}
