//! Arguments encoded by Rust. The npm package's tests encode the same values in the same order and
//! compare the bytes.

mod everything;
mod foreign;
mod golden_file;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::Serialize;

use everything::{
    Color, Map, Marker, Message, Page, Point, Range, Shape, Side, Tree, User, UserId,
};

#[test]
fn vectors_match_the_golden_file() {
    let lines: Vec<String> = vectors()
        .iter()
        .map(|(method, bytes)| format!("  [\"{method}\", \"{}\"]", hex(bytes)))
        .collect();
    golden_file::check("vectors.json", &format!("[\n{}\n]\n", lines.join(",\n")));
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn vector<A: Serialize>(method: &'static str, args: A) -> (&'static str, Vec<u8>) {
    (method, postcard::to_allocvec(&args).unwrap())
}

fn vectors() -> Vec<(&'static str, Vec<u8>)> {
    [
        numbers(),
        scalars(),
        collections(),
        named(),
        enums(),
        foreign::std_types(),
        foreign::crates(),
    ]
    .concat()
}

type Vectors = Vec<(&'static str, Vec<u8>)>;

fn numbers() -> Vectors {
    vec![
        vector("unsigned", (0u8, 0u16, 0u32, 0u64, 0u128, 0usize)),
        vector(
            "unsigned",
            (127u8, 127u16, 127u32, 127u64, 127u128, 127usize),
        ),
        vector(
            "unsigned",
            (128u8, 128u16, 128u32, 128u64, 128u128, 128usize),
        ),
        vector(
            "unsigned",
            (
                255u8,
                65_535u16,
                4_294_967_295u32,
                (1u64 << 53) - 1,
                1u128 << 53,
                1usize << 49,
            ),
        ),
        vector(
            "unsigned",
            (1u8, 300u16, 1u32 << 28, u64::MAX, u128::MAX, usize::MAX),
        ),
        vector("signed", (0i8, 0i16, 0i32, 0i64, 0i128, 0isize)),
        vector("signed", (-1i8, -1i16, -1i32, -1i64, -1i128, -1isize)),
        vector(
            "signed",
            (i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN, isize::MIN),
        ),
        vector(
            "signed",
            (i8::MAX, i16::MAX, i32::MAX, i64::MAX, i128::MAX, isize::MAX),
        ),
        vector(
            "signed",
            (
                64i8,
                -65i16,
                1i32 << 30,
                -(1i64 << 53),
                1i128 << 100,
                63isize,
            ),
        ),
    ]
}

fn scalars() -> Vectors {
    vec![
        vector("scalars", (true, 1.5f32, -0.1f64, 'a', "")),
        vector(
            "scalars",
            (false, f32::INFINITY, f64::MAX, 'ß', "sixteen letters."),
        ),
        vector(
            "scalars",
            (false, -0.0f32, f64::MIN_POSITIVE, '€', "seventeen letters"),
        ),
        vector(
            "scalars",
            (
                true,
                f32::MIN,
                f64::NEG_INFINITY,
                '😀',
                "grüße 😀\u{feff}\0",
            ),
        ),
        vector("scalars", (true, 0f32, 0f64, '\u{feff}', "ä".repeat(100))),
        vector("scalars", (true, 0f32, 0f64, 'x', "x".repeat(128))),
        vector(
            "bytes",
            (Vec::<u8>::new(), [1u8, 2, 3, 4], VecDeque::from([5u8])),
        ),
        vector("bytes", (vec![255u8; 200], [0u8; 4], VecDeque::<u8>::new())),
        vector("timeout", (Duration::ZERO, Map { width: 7 })),
        vector("timeout", (Duration::new(1, 500_000_001), Map { width: 0 })),
        vector(
            "timeout",
            (Duration::new(1 << 40, 250_000_000), Map { width: 0 }),
        ),
    ]
}

fn collections() -> Vectors {
    vec![
        vector(
            "lists",
            (
                vec![1i32, -2, 300],
                vec![Some("a"), None],
                BTreeSet::from([1u16, 500]),
                [0.5f64, -1.0],
                (9u8, "nine"),
            ),
        ),
        vector(
            "lists",
            (
                Vec::<i32>::new(),
                Vec::<Option<String>>::new(),
                BTreeSet::<u16>::new(),
                [0f64; 2],
                (0u8, ""),
            ),
        ),
        vector(
            "lists",
            (
                vec![7i32; 300],
                vec![None::<String>; 2],
                BTreeSet::<u16>::new(),
                [0f64; 2],
                (0u8, ""),
            ),
        ),
        vector(
            "maps",
            (
                BTreeMap::from([("ann", 40u32), ("bob", 7)]),
                BTreeMap::from([(1u32, vec!["one", "eins"]), (2, vec![])]),
            ),
        ),
        vector("options", (Some(5u32), Some(Some(6u32)), Some(()))),
        vector("options", (None::<u32>, Some(None::<u32>), None::<()>)),
        vector("options", (None::<u32>, None::<Option<u32>>, None::<()>)),
        vector("outcome", (Ok::<u8, String>(3),)),
        vector("outcome", (Err::<u8, _>("no"),)),
    ]
}

fn named() -> Vectors {
    let user = User {
        account_id: UserId(u64::MAX),
        full_name: "Ann Other".into(),
        e_mail: Some("ann@example.org".into()),
        last_seen: Duration::from_millis(1500),
        avatar: vec![1, 2, 3],
    };
    let points = Page {
        items: vec![Point { x: 1.0, y: 2.0 }, Point { x: -1.0, y: 0.25 }],
        next: Some(2),
    };
    let numbers = Page {
        items: vec![1u64, 1 << 60],
        next: None,
    };
    let leaf = |value| Tree {
        value,
        kids: vec![],
    };
    let tree = Tree {
        value: 1,
        kids: vec![
            leaf(2),
            Tree {
                value: 3,
                kids: vec![leaf(-4)],
            },
        ],
    };
    vec![
        vector(
            "structs",
            (Point { x: 0.5, y: -0.5 }, user, Marker, Range(-3, 3)),
        ),
        vector("generics", (points, numbers)),
        vector("tree", (tree,)),
    ]
}

fn enums() -> Vectors {
    let said = |what| Message::Said {
        who: UserId(1),
        what: Box::new(what),
    };
    vec![
        vector(
            "enums",
            (Color::Red, Side::Right, Shape::Circle { radius: 2.5 }),
        ),
        vector(
            "enums",
            (
                Color::Green,
                Side::Left,
                Shape::Rectangle {
                    width: 1.0,
                    height: 2.0,
                },
            ),
        ),
        vector("enums", (Color::Blue, Side::Left, Shape::Dot)),
        vector("message", (Message::Silence,)),
        vector("message", (Message::Text("hi".into()),)),
        vector("message", (Message::Pair(1, "one".into()),)),
        vector(
            "message",
            (Message::Html {
                tag: "p".into(),
                children: vec![Message::Silence],
            },),
        ),
        vector("message", (said(said(Message::Text("deep".into()))),)),
    ]
}
