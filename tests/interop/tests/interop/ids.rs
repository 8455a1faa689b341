//! Method ids.

use crate::{ours, theirs};

/// The method with a recursive type, whose ids may differ; see `recursion.rs`.
const RECURSIVE: &str = "tree";

#[test]
fn both_compute_the_same_ids() {
    let theirs = theirs::TestbedDispatcher::<theirs::TestbedHandler>::method_ids();
    let methods = &ours::testbed_service().methods;
    assert_eq!(methods.len(), theirs.len());
    for (method, theirs) in methods.iter().zip(theirs) {
        if method.name != RECURSIVE {
            assert_eq!(method.id.0, theirs, "{}", method.name);
        }
    }
}

#[test]
fn our_ids_match_the_protocol() {
    let id = |name: &str| {
        let methods = &ours::testbed_service().methods;
        methods
            .iter()
            .find(|method| method.name == name)
            .unwrap()
            .id
            .0
    };
    for (name, expected) in [
        ("echo", 0x9aab_c4ba_61fd_5df3),
        ("divide", 0xc396_4cbe_e4b1_d590),
        ("sum", 0x855b_3a25_d97b_fefd),
        ("generate", 0x54d2_273d_8cdb_9c38),
        ("transform", 0x5d98_9560_4eb1_8b19),
        ("rectangle_area", 0x04ef_653f_df06_53c4),
        ("parse_color", 0xe285_f31c_6dff_fbfc),
        ("shape_area", 0x6e70_6354_167c_00c2),
        ("process_message", 0xed1d_c0c6_2588_9d30),
        ("get_points", 0x5c87_07f5_ae4c_cbcc),
        ("swap_pair", 0xacd1_9a29_fe0d_470c),
    ] {
        assert_eq!(id(name), expected, "{name}");
    }
}
