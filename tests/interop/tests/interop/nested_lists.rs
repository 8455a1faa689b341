//! Lists whose elements are of a generic type, such as lists and options.
//!
//! Quirk: looking for channel ends in such a list, the peer takes an element for as large as what
//! it holds, and reads wild memory: it aborts or hangs. It looks in the arguments that its server
//! receives and in the results that its client does, so that only the other way is tried here.

use crate::links::Kind;
use crate::watch::watched;

#[test]
fn in_arguments_from_their_client_to_our_server() {
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
fn in_results_from_their_server_to_our_client() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let lists = link.our_client().lists(3).await.unwrap();
            assert_eq!(lists, [vec![], vec![Some(0)], vec![Some(0), None]]);
        });
    }
}
