//! Descriptions of other crates' types, each behind the feature named after its crate.
//!
//! A description states what the crate's own serde implementation writes in a format that is not
//! human readable.

// Sixteen bytes with their length before them.
#[cfg(feature = "uuid")]
same! {
    [] uuid::Uuid => Vec<u8>,
    [] uuid::NonNilUuid => Vec<u8>,
    [] uuid::fmt::Hyphenated => String,
    [] uuid::fmt::Simple => String,
    [] uuid::fmt::Urn => String,
    [] uuid::fmt::Braced => String,
}

#[cfg(feature = "chrono")]
same! {
    // RFC 3339.
    [Z: chrono::TimeZone + 'static] chrono::DateTime<Z> => String,
    // ISO 8601, without an offset.
    [] chrono::NaiveDateTime => String,
    [] chrono::NaiveDate => String,
    [] chrono::NaiveTime => String,
    // `Mon`
    [] chrono::Weekday => String,
    // `January`
    [] chrono::Month => String,
    // Seconds, and nanoseconds to add.
    [] chrono::TimeDelta => (i64, i32),
}

#[cfg(feature = "time")]
same! {
    // Year, day of the year, hour, minute, second, nanosecond; then hours, minutes and seconds of
    // the offset.
    [] time::OffsetDateTime => (i32, u16, u8, u8, u8, u32, i8, i8, i8),
    [] time::UtcDateTime => (i32, u16, u8, u8, u8, u32),
    [] time::PrimitiveDateTime => (i32, u16, u8, u8, u8, u32),
    [] time::Date => (i32, u16),
    [] time::Time => (u8, u8, u8, u32),
    [] time::UtcOffset => (i8, i8, i8),
    // Seconds and nanoseconds, both negative for a negative duration.
    [] time::Duration => (i64, i32),
    // 1 is January.
    [] time::Month => u8,
    // 1 is Monday.
    [] time::Weekday => u8,
}

#[cfg(feature = "jiff")]
same! {
    // RFC 3339 in UTC.
    [] jiff::Timestamp => String,
    // RFC 9557: `2024-06-19T15:22:45-04:00[America/New_York]`.
    [] jiff::ZonedDateTime => String,
    // ISO 8601.
    [] jiff::civil::DateTime => String,
    [] jiff::civil::Date => String,
    [] jiff::civil::Time => String,
    [] jiff::civil::ISOWeekDate => String,
    [] jiff::Span => String,
    [] jiff::SignedDuration => String,
}

#[cfg(feature = "url")]
same! {
    [] url::Url => String,
}

// A build in which any crate enables rust_decimal's `serde-float` writes an `f64` instead.
#[cfg(feature = "rust_decimal")]
same! {
    [] rust_decimal::Decimal => String,
}

#[cfg(feature = "smallvec")]
same! {
    [A: smallvec::Array<Item: crate::schema::Schema> + 'static] smallvec::SmallVec<A> => Vec<A::Item>,
}

#[cfg(feature = "indexmap")]
pairs! {
    [S: 'static] indexmap::IndexMap<A, B, S> => Map { key, value },
}

#[cfg(feature = "indexmap")]
holders! {
    [S: 'static] indexmap::IndexSet<T, S> => Set,
}
