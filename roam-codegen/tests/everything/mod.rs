//! A service with every kind of type.
#![expect(clippy::option_option, reason = "TypeScript must distinguish them too")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::CString;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::{self, Bound, RangeFrom, RangeInclusive, RangeTo};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use indexmap::{IndexMap, IndexSet};
use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A point in a plane.
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Point {
    /// To the right, in metres.
    pub x: f64,
    /// Upwards, in metres.
    pub y: f64,
}

/// A user account.
///
/// A second paragraph, with the end of a comment: */
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub account_id: UserId,
    pub full_name: String,
    pub e_mail: Option<String>,
    #[serde(rename = "last-seen")]
    pub last_seen: Duration,
    pub avatar: Vec<u8>,
}

/// The id of a user.
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct UserId(pub u64);

#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Marker;

#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Range(pub i32, pub i32);

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<u64>,
}

/// A primary color.
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Color {
    Red,
    Green,
    /// The best one.
    Blue,
}

#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) enum Side {
    Left,
    Right,
}

#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
    Dot,
}

/// A chat message.
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) enum Message {
    /// Nothing.
    Silence,
    Text(String),
    Pair(u8, String),
    /// Has a field named `tag`.
    Html {
        tag: String,
        children: Vec<Message>,
    },
    Said {
        /// Who said it.
        who: UserId,
        what: Box<Message>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Tree {
    pub value: i32,
    pub kids: Vec<Tree>,
}

/// A name already used in TypeScript.
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Map {
    pub width: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) enum MathError {
    DivisionByZero,
    Overflow { limit: i64 },
}

#[derive(Debug, Serialize, Deserialize, Schema)]
pub(crate) enum Documented {
    /// The only variant.
    Only {
        /// The only field.
        field: u8,
    },
}

#[derive(Debug, Serialize, Deserialize, Schema)]
pub(crate) enum Bare {
    Only {
        /// The only field.
        field: u8,
    },
}

#[derive(Debug, Serialize, Deserialize, Schema)]
pub(crate) struct Job {
    pub name: String,
    pub input: Option<Rx<String>>,
    pub progress: Tx<u32>,
}

/// A moment, for people and for machines.
#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Moment {
    #[serde(with = "chrono::serde::ts_milliseconds")]
    #[schema(with = i64)]
    pub millis: chrono::DateTime<chrono::Utc>,
    pub text: chrono::DateTime<chrono::Utc>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Schema)]
pub(crate) struct Offset {
    pub at: time::OffsetDateTime,
}

/// Every kind of type.
#[service]
pub(crate) trait Everything {
    /// Unsigned integers.
    async fn unsigned(&self, a: u8, b: u16, c: u32, d: u64, e: u128, f: usize);
    async fn signed(&self, a: i8, b: i16, c: i32, d: i64, e: i128, f: isize);
    async fn scalars(&self, flag: bool, single: f32, double: f64, letter: char, text: String);
    async fn bytes(&self, data: Vec<u8>, digest: [u8; 4], queue: VecDeque<u8>) -> Vec<u8>;
    async fn lists(
        &self,
        numbers: Vec<i32>,
        names: Vec<Option<String>>,
        set: BTreeSet<u16>,
        corner: [f64; 2],
        pair: (u8, String),
    ) -> Vec<(i32, String)>;
    async fn maps(&self, ages: BTreeMap<String, u32>, words: BTreeMap<u32, Vec<String>>);
    async fn options(&self, one: Option<u32>, two: Option<Option<u32>>, unit: Option<()>);
    async fn structs(&self, point: Point, user: User, marker: Marker, range: Range);
    async fn generics(&self, points: Page<Point>, numbers: Page<u64>) -> Page<User>;
    async fn enums(&self, color: Color, side: Side, shape: Shape);
    async fn single(&self, documented: Documented, bare: Bare);
    async fn message(&self, message: Message) -> Message;
    async fn tree(&self, tree: Tree);
    async fn timeout(&self, after: Duration, map: Map);
    async fn outcome(&self, outcome: Result<u8, String>);
    /// Divides.
    #[roam(idempotent)]
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, MathError>;
    async fn sum(&self, numbers: Rx<i32>) -> i64;
    async fn upload(&self, chunks: Rx<Vec<u8>>) -> [u8; 32];
    /// Counts.
    async fn ticks(&self, interval_ms: u32, out: Tx<Point>) -> Result<u64, MathError>;
    async fn transform(&self, input: Rx<String>, output: Tx<String>);
    async fn copy(&self, left: Tx<u8>, right: Tx<u8>);
    async fn run(&self, job: Job) -> Option<Rx<Message>>;
    async fn delete(&self, r#in: u8, options: u8);
    async fn wrapped(
        &self,
        small: NonZero<u8>,
        large: NonZero<i64>,
        wrapping: Wrapping<u16>,
        saturating: Saturating<i8>,
        path: PathBuf,
        c_string: CString,
    );
    async fn addresses(&self, host: IpAddr, socket: SocketAddr, at: SystemTime);
    async fn ranges(
        &self,
        half_open: ops::Range<u8>,
        closed: RangeInclusive<i16>,
        from: RangeFrom<String>,
        to: RangeTo<u8>,
        bounds: (Bound<u8>, Bound<u8>),
    );
    async fn ids(
        &self,
        uuid: uuid::Uuid,
        non_nil: uuid::NonNilUuid,
        hyphenated: uuid::fmt::Hyphenated,
        simple: uuid::fmt::Simple,
        urn: uuid::fmt::Urn,
        braced: uuid::fmt::Braced,
        url: url::Url,
    );
    async fn ordered(
        &self,
        map: IndexMap<String, u8>,
        set: IndexSet<u16>,
        few: SmallVec<[u32; 4]>,
        bytes: SmallVec<[u8; 4]>,
        price: rust_decimal::Decimal,
    );
    async fn chrono(
        &self,
        moment: Moment,
        fixed: chrono::DateTime<chrono::FixedOffset>,
        local: chrono::NaiveDateTime,
        date: chrono::NaiveDate,
        time: chrono::NaiveTime,
        day: chrono::Weekday,
        month: chrono::Month,
        delta: chrono::TimeDelta,
    );
    async fn time(
        &self,
        moment: Offset,
        utc: time::UtcDateTime,
        local: time::PrimitiveDateTime,
        date: time::Date,
        time: time::Time,
        offset: time::UtcOffset,
        duration: time::Duration,
        month: time::Month,
        day: time::Weekday,
    );
    async fn jiff(
        &self,
        moment: jiff::Timestamp,
        zoned: jiff::ZonedDateTime,
        local: jiff::civil::DateTime,
        date: jiff::civil::Date,
        time: jiff::civil::Time,
        week: jiff::civil::ISOWeekDate,
        span: jiff::Span,
        duration: jiff::SignedDuration,
    );
}
