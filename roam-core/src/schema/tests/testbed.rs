//! The method ids of the service `Testbed` in `protocol.md`.

use crate::schema::{MethodSource, OutputSource, Schema, ServiceSource, arg, can_fail, returns};
use crate::{MethodId, Rx, Tx};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Schema)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Serialize, Deserialize, Schema)]
struct Rectangle {
    top_left: Point,
    bottom_right: Point,
    label: Option<String>,
}

#[derive(Serialize, Deserialize, Schema)]
enum Color {
    Red,
    Green,
    Blue,
}

#[derive(Serialize, Deserialize, Schema)]
enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
    Point,
}

#[derive(Serialize, Deserialize, Schema)]
enum Message {
    Text(String),
    Number(i64),
    Data(Vec<u8>),
}

const fn method(
    name: &'static str,
    args: &'static [crate::schema::ArgSource],
    output: OutputSource,
) -> MethodSource {
    MethodSource {
        name,
        doc: "",
        args,
        output,
        inline: false,
        attributes: &[],
    }
}

const TESTBED: ServiceSource = ServiceSource {
    name: "Testbed",
    doc: "",
    methods: &[
        method("echo", &[arg::<String>("message")], returns::<String>()),
        method(
            "divide",
            &[arg::<i64>("dividend"), arg::<i64>("divisor")],
            can_fail::<i64, String>(),
        ),
        method("sum", &[arg::<Rx<i32>>("numbers")], returns::<i64>()),
        method(
            "generate",
            &[arg::<u32>("count"), arg::<Tx<i32>>("output")],
            returns::<()>(),
        ),
        method(
            "transform",
            &[arg::<Rx<String>>("input"), arg::<Tx<String>>("output")],
            returns::<()>(),
        ),
        method(
            "rectangle_area",
            &[arg::<Rectangle>("rect")],
            returns::<f64>(),
        ),
        method(
            "parse_color",
            &[arg::<String>("name")],
            returns::<Option<Color>>(),
        ),
        method("shape_area", &[arg::<Shape>("shape")], returns::<f64>()),
        method(
            "process_message",
            &[arg::<Message>("msg")],
            returns::<Message>(),
        ),
        method(
            "get_points",
            &[arg::<u32>("count")],
            returns::<Vec<Point>>(),
        ),
        method(
            "swap_pair",
            &[arg::<(i32, String)>("pair")],
            returns::<(String, i32)>(),
        ),
    ],
};

#[test]
fn ids_match_the_protocol() {
    let testbed = TESTBED.describe();
    let ids: Vec<_> = testbed
        .methods
        .iter()
        .map(|method| (&*method.name, method.id.0))
        .collect();
    assert_eq!(
        ids,
        [
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
        ]
    );
}

#[test]
fn methods_are_found_by_id() {
    let testbed = TESTBED.describe();
    for (position, method) in testbed.methods.iter().enumerate() {
        assert_eq!(testbed.position(method.id), Some(position));
        assert_eq!(testbed.method(method.id), Some(method));
    }
    assert_eq!(testbed.position(MethodId(42)), None);
}
