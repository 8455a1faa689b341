//! The types of the service, for both libraries.

use std::collections::{BTreeMap, BTreeSet};

use facet::Facet;
use roam_core::Schema;
use serde::{Deserialize, Serialize};

macro_rules! types {
    ($($item:item)*) => {$(
        #[derive(Clone, Debug, PartialEq, Facet, Serialize, Deserialize, Schema)]
        $item
    )*};
}

types! {
    #[repr(u8)]
    pub enum MathError {
        DivisionByZero,
        Overflow,
    }

    #[repr(u8)]
    pub enum LookupError {
        NotFound,
        AccessDenied { id: u32, why: String },
    }

    pub struct Person {
        pub name: String,
        pub age: u8,
        pub email: Option<String>,
    }

    pub struct Point {
        pub x: i32,
        pub y: i32,
    }

    pub struct Rectangle {
        pub top_left: Point,
        pub bottom_right: Point,
        pub label: Option<String>,
    }

    #[repr(u8)]
    pub enum Color {
        Red,
        Green,
        Blue,
    }

    #[repr(u8)]
    pub enum Shape {
        Circle { radius: f64 },
        Rectangle { width: f64, height: f64 },
        Point,
    }

    pub struct Canvas {
        pub name: String,
        pub shapes: Vec<Shape>,
        pub background: Color,
    }

    #[repr(u8)]
    pub enum Message {
        Text(String),
        Number(i64),
        Data(Vec<u8>),
    }

    /// A variant of every kind.
    #[repr(u8)]
    pub enum Kind {
        Unit,
        Newtype(u16),
        Tuple(u8, String, Option<bool>),
        Struct { id: u64, tags: Vec<String> },
        Nested(Point),
        // The encoding ignores the discriminant and uses the position.
        Last = 200,
    }

    pub struct Unsigned {
        pub byte: u8,
        pub short: u16,
        pub int: u32,
        pub long: u64,
        pub longest: u128,
        pub size: usize,
    }

    pub struct Signed {
        pub byte: i8,
        pub short: i16,
        pub int: i32,
        pub long: i64,
        pub longest: i128,
        pub size: isize,
    }

    pub struct Scalars {
        pub yes: bool,
        pub single: f32,
        pub double: f64,
        pub letter: char,
        pub text: String,
        pub nothing: (),
    }

    pub struct Meters(pub f64);

    pub struct Mixed(pub u8, pub String);

    pub struct Marker;

    pub struct Containers {
        pub bytes: Vec<u8>,
        pub list: Vec<u32>,
        pub array: [u16; 3],
        pub map: BTreeMap<String, Vec<u8>>,
        pub set: BTreeSet<i32>,
        pub tuple: (bool, (char, u8)),
        pub some: Option<Vec<i16>>,
        pub boxed: Box<u32>,
        pub meters: Meters,
        pub mixed: Mixed,
        pub marker: Marker,
    }

    pub struct Tree {
        pub value: i32,
        pub children: Vec<Tree>,
    }

    /// A metadata value.
    #[repr(u8)]
    pub enum Value {
        Text(String),
        Bytes(Vec<u8>),
        Number(u64),
    }
}
