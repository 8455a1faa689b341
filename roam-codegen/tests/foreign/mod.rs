//! Values of types of std and of other crates. Each type is named, so that what is encoded is what
//! the service declares.

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::Bound;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use indexmap::{IndexMap, IndexSet};
use roam_core::Schema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::{SmallVec, smallvec};

use super::everything::{Moment, Offset};
use super::{Vectors, vector};

/// Encodes a value after checking that Rust decodes what it encodes.
fn checked<A: Schema + Serialize + DeserializeOwned>(
    method: &'static str,
    args: A,
) -> (&'static str, Vec<u8>) {
    let (method, bytes) = vector(method, args);
    let (decoded, rest) = postcard::take_from_bytes::<A>(&bytes).unwrap();
    assert!(rest.is_empty());
    assert_eq!(postcard::to_allocvec(&decoded).unwrap(), bytes);
    (method, bytes)
}

pub(crate) fn std_types() -> Vectors {
    let wrapped = (
        NonZero::<u8>::MAX,
        NonZero::<i64>::MIN,
        Wrapping(300u16),
        Saturating(-2i8),
        PathBuf::from("/tmp/grüße"),
        CString::new("c").unwrap(),
    );
    let v4 = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let v6 = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    let at = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5);
    vec![
        checked("wrapped", wrapped),
        checked("addresses", (v4, SocketAddr::new(v4, 80), at)),
        checked(
            "addresses",
            (v6, SocketAddr::new(v6, 443), SystemTime::UNIX_EPOCH),
        ),
        checked(
            "ranges",
            (
                1u8..2,
                -1i16..=300,
                "m".to_owned()..,
                ..9u8,
                (Bound::Included(1u8), Bound::<u8>::Unbounded),
            ),
        ),
        checked(
            "ranges",
            (
                0u8..0,
                0i16..=0,
                String::new()..,
                ..0u8,
                (Bound::Excluded(7u8), Bound::Excluded(8u8)),
            ),
        ),
    ]
}

pub(crate) fn crates() -> Vectors {
    let uuid = uuid::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let url: url::Url = "https://example.org/a?b=c".parse().unwrap();
    let few: SmallVec<[u32; 4]> = smallvec![1, 2, 300];
    let bytes: SmallVec<[u8; 4]> = smallvec![1, 2, 3, 4, 255];
    let price: rust_decimal::Decimal = "-12.50".parse().unwrap();
    vec![
        checked(
            "ids",
            (
                uuid,
                uuid::NonNilUuid::new(uuid).unwrap(),
                uuid.hyphenated(),
                uuid.simple(),
                uuid.urn(),
                uuid.braced(),
                url,
            ),
        ),
        checked(
            "ordered",
            (
                IndexMap::<String, u8>::from_iter([("z".to_owned(), 1), ("a".to_owned(), 2)]),
                IndexSet::<u16>::from_iter([500, 1]),
                few,
                bytes,
                price,
            ),
        ),
        chrono_times(),
        time_times(),
        jiff_times(),
    ]
}

fn chrono_times() -> (&'static str, Vec<u8>) {
    let text = "2024-02-29T23:59:58.25Z".parse().unwrap();
    let fixed = chrono::DateTime::parse_from_rfc3339("1999-12-31T23:00:00+02:30").unwrap();
    checked(
        "chrono",
        (
            Moment { millis: text, text },
            fixed,
            text.naive_utc(),
            text.date_naive(),
            text.time(),
            chrono::Weekday::Sun,
            chrono::Month::February,
            chrono::TimeDelta::new(-2, 500_000_000).unwrap(),
        ),
    )
}

fn time_times() -> (&'static str, Vec<u8>) {
    let date = time::Date::from_calendar_date(2024, time::Month::February, 29).unwrap();
    let time = time::Time::from_hms_nano(23, 59, 58, 250_000_000).unwrap();
    let offset = time::UtcOffset::from_hms(-2, -30, 0).unwrap();
    let local = time::PrimitiveDateTime::new(date, time);
    checked(
        "time",
        (
            Offset {
                at: local.assume_offset(offset),
            },
            time::UtcDateTime::new(date, time),
            local,
            date,
            time,
            offset,
            time::Duration::new(-1, -500_000_000),
            time::Month::December,
            time::Weekday::Sunday,
        ),
    )
}

fn jiff_times() -> (&'static str, Vec<u8>) {
    let moment: jiff::Timestamp = "2024-02-29T23:59:58.25Z".parse().unwrap();
    let zoned = moment.to_zoned_datetime(jiff::tz::TimeZone::fixed(jiff::tz::offset(-5)));
    let local = zoned.datetime();
    checked(
        "jiff",
        (
            moment,
            zoned,
            local,
            local.date(),
            local.time(),
            local.date().iso_week_date(),
            jiff::Span::new().hours(1).minutes(30),
            jiff::SignedDuration::new(-90, -500_000_000),
        ),
    )
}
