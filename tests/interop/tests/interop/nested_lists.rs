//! Lists with elements of a generic type, such as lists and options.
//!
//! Quirk: when the peer searches such a list for channel halves, it mistakes the size of the inner
//! value for that of the element, reads invalid memory, and aborts or hangs. It searches arguments
//! that its server receives and results that its client receives, so the tests only cover the
//! opposite direction.

use crate::links::Kind;
use crate::watch::watched;

#[test]
fn arguments_from_their_client_to_our_server() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let lists = vec![vec![Some(1), None], vec![], vec![Some(u32::MAX)]];
            let joined = link.their_client().join_lists(lists.clone()).await.unwrap();
            assert_eq!(joined, lists.concat());
        });
    }
}

#[test]
fn results_from_their_server_to_our_client() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let lists = link.our_client().lists(3).await.unwrap();
            assert_eq!(lists, [vec![], vec![Some(0)], vec![Some(0), None]]);
        });
    }
}
