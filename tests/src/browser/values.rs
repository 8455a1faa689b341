//! The service `Values`: values of every kind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::time::Duration;

use roam_core::{Context, Schema, service};
use serde::{Deserialize, Serialize};

/// Returns each value along with its `Debug` form in Rust.
#[service]
pub trait Values {
    /// Integers.
    async fn integers(&self, value: Integers) -> Seen<Integers>;
    /// Other scalar values.
    async fn scalars(&self, value: Scalars) -> Seen<Scalars>;
    /// Lists, sets, arrays, tuples and maps.
    async fn collections(&self, value: Collections) -> Seen<Collections>;
    /// Optional values.
    async fn options(&self, value: Options) -> Seen<Options>;
    /// Structs of every kind.
    async fn structs(&self, value: Structs) -> Seen<Structs>;
    /// Enums of every kind.
    async fn enums(&self, values: Vec<Shape>, color: Color) -> (Seen<Vec<Shape>>, Color);
    /// A recursive type.
    async fn tree(&self, value: Tree) -> Seen<Tree>;
    /// A result as a value.
    async fn outcome(&self, value: Result<u8, String>) -> Seen<Result<u8, String>>;
    /// Returns the sum of the numbers of `jobs`.
    async fn jobs(&self, jobs: Vec<Job>) -> u32;
}

/// A value and its `Debug` form in Rust.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
pub struct Seen<T> {
    /// The value.
    pub value: T,
    /// Its `Debug` form.
    pub debug: String,
}

/// Integers of every width.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the fields are self-explanatory")]
pub struct Integers {
    pub u8: u8,
    pub u16: u16,
    pub u32: u32,
    pub u64: u64,
    pub u128: u128,
    pub usize: usize,
    pub i8: i8,
    pub i16: i16,
    pub i32: i32,
    pub i64: i64,
    pub i128: i128,
    pub isize: isize,
}

/// Scalars other than integers.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the fields are self-explanatory")]
pub struct Scalars {
    pub yes: bool,
    pub single: f32,
    pub double: f64,
    pub letter: char,
    pub text: String,
    pub nothing: (),
    pub after: Duration,
    pub bytes: Vec<u8>,
    pub hash: [u8; 4],
}

/// Collections.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the fields are self-explanatory")]
pub struct Collections {
    pub list: Vec<i32>,
    pub queue: VecDeque<String>,
    pub set: BTreeSet<u16>,
    pub corner: [f64; 2],
    pub pair: (u8, String),
    pub ages: BTreeMap<String, u32>,
    pub words: BTreeMap<u32, Vec<String>>,
}

/// Optional values.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the fields are self-explanatory")]
pub struct Options {
    pub there: Option<u32>,
    pub missing: Option<u32>,
    pub twice: Option<Option<u32>>,
    pub unit: Option<()>,
}

/// Structs of every kind.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are self-explanatory")]
pub struct Structs {
    pub newtype_field: Meters,
    #[serde(rename = "two words")]
    pub range: Range,
    pub marker: Marker,
    pub boxed: Box<Meters>,
    pub page: Page<Job>,
}

/// A struct with one unnamed field.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
pub struct Meters(pub f64);

/// A struct with two unnamed fields.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
pub struct Range(pub i32, pub i32);

/// A struct without fields.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
pub struct Marker;

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
pub struct Job {
    /// The job's number.
    pub n: u32,
}

/// An enum without data.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Color {
    Red,
    Green,
}

/// An enum with data of every kind.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Shape {
    Dot,
    Circle { radius: f64 },
    Text(String),
    Segment(i32, i32),
    Group(Vec<Shape>),
}

/// A recursive type.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Tree {
    pub value: i32,
    pub kids: Vec<Tree>,
}

/// The handler of [`Values`].
#[derive(Clone, Copy, Debug)]
pub struct ValuesHandler;

impl Values for ValuesHandler {
    async fn integers(&self, _: &Context, value: Integers) -> Seen<Integers> {
        seen(value)
    }

    async fn scalars(&self, _: &Context, value: Scalars) -> Seen<Scalars> {
        seen(value)
    }

    async fn collections(&self, _: &Context, value: Collections) -> Seen<Collections> {
        seen(value)
    }

    async fn options(&self, _: &Context, value: Options) -> Seen<Options> {
        seen(value)
    }

    async fn structs(&self, _: &Context, value: Structs) -> Seen<Structs> {
        seen(value)
    }

    async fn enums(
        &self,
        _: &Context,
        values: Vec<Shape>,
        color: Color,
    ) -> (Seen<Vec<Shape>>, Color) {
        (seen(values), color)
    }

    async fn tree(&self, _: &Context, value: Tree) -> Seen<Tree> {
        seen(value)
    }

    async fn outcome(&self, _: &Context, value: Result<u8, String>) -> Seen<Result<u8, String>> {
        seen(value)
    }

    async fn jobs(&self, _: &Context, jobs: Vec<Job>) -> u32 {
        jobs.iter().map(|job| job.n).sum()
    }
}

fn seen<T: Debug>(value: T) -> Seen<T> {
    let debug = format!("{value:?}");
    Seen { value, debug }
}
