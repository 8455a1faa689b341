//! Descriptors from `#[service]`.

use roam_core::schema::{Attribute, Type};
use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Schema)]
enum MathError {
    DivisionByZero,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Rectangle {
    top_left: Point,
    bottom_right: Point,
    label: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
enum Color {
    Red,
    Green,
    Blue,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
    Point,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
enum Message {
    Text(String),
    Number(i64),
    Data(Vec<u8>),
}

/// The example service of the protocol.
///
/// Only for tests.
#[service]
trait Testbed {
    /// Returns the message.
    #[roam(idempotent)]
    async fn echo(&self, message: String) -> String;
    #[roam(resumable, inline, idempotent)]
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, MathError>;
    #[roam(inline)]
    async fn sum(&self, numbers: Rx<i32>) -> i64;
    async fn generate(&self, count: u32, output: Tx<i32>);
    async fn transform(&self, input: Rx<String>, output: Tx<String>);
    async fn rectangle_area(&self, rect: Rectangle) -> f64;
    async fn parse_color(&self, name: String) -> Option<Color>;
    async fn shape_area(&self, shape: Shape) -> f64;
    async fn process_message(&self, msg: Message) -> Message;
    async fn get_points(&self, count: u32) -> Vec<Point>;
    async fn swap_pair(&self, pair: (i32, String)) -> (String, i32);
}

#[test]
fn method_ids_match_the_protocol() {
    let ids: Vec<_> = testbed_service()
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
fn descriptor_matches_the_trait() {
    let testbed = testbed_service();
    assert_eq!(testbed.name, "Testbed");
    assert_eq!(
        testbed.doc,
        "The example service of the protocol.\n\nOnly for tests."
    );

    let echo = &testbed.methods[0];
    assert_eq!(echo.doc, "Returns the message.");
    assert_eq!(echo.attributes, [Attribute::IDEMPOTENT]);
    assert!(!echo.inline);
    assert_eq!(echo.args[0].name, "message");
    assert_eq!(testbed.types.get(echo.args[0].ty), &Type::String);
    assert_eq!(echo.err, None);

    let divide = &testbed.methods[1];
    assert_eq!(
        divide.attributes,
        [Attribute::RESUMABLE, Attribute::IDEMPOTENT]
    );
    assert!(divide.inline);
    assert_eq!(testbed.types.get(divide.ok), &Type::I64);
    let err = divide.err.map(|err| testbed.types.get(err));
    assert!(matches!(err, Some(Type::Enum(it)) if it.name == "MathError"));

    let sum = &testbed.methods[2];
    assert_eq!(sum.attributes, []);
    assert!(sum.inline);
    assert_eq!(testbed.types.get(testbed.methods[3].ok), &Type::Unit);
}

#[test]
fn descriptor_function_is_named_in_snake_case() {
    #[service]
    trait HTTPProxy {
        async fn r#fn(&self, r#type: u8);
    }

    let method = &http_proxy_service().methods[0];
    assert_eq!(method.name, "fn");
    assert_eq!(method.args[0].name, "type");
}
