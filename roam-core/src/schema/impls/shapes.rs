//! What serde writes for types whose fields are private or whose form depends on the format.
//!
//! The formats here are not human readable, so an address is its octets. No value of these types
//! exists: only their descriptions are used.
#![expect(dead_code, reason = "only described")]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::schema::Schema;

/// The address of a host.
#[derive(Schema)]
pub enum IpAddr {
    /// Four octets, in the order in which they are written.
    V4(Ipv4Addr),
    /// Sixteen octets, in the order in which they are written.
    V6(Ipv6Addr),
}

/// The address of a host and a port.
#[derive(Schema)]
pub enum SocketAddr {
    V4(SocketAddrV4),
    V6(SocketAddrV6),
}

/// A time, counted from 1970-01-01 00:00:00 UTC; earlier ones cannot be encoded.
#[derive(Schema)]
pub struct SystemTime {
    /// Whole seconds.
    secs_since_epoch: u64,
    /// Nanoseconds of the second, less than 1,000,000,000.
    nanos_since_epoch: u32,
}

/// The values from `start` up to, but without, `end`.
#[derive(Schema)]
pub struct Range<T> {
    start: T,
    end: T,
}

/// The values from `start` up to and including `end`.
#[derive(Schema)]
pub struct RangeInclusive<T> {
    start: T,
    end: T,
}

/// The values from `start`.
#[derive(Schema)]
pub struct RangeFrom<T> {
    start: T,
}

/// The values before `end`.
#[derive(Schema)]
pub struct RangeTo<T> {
    end: T,
}

/// An end of a range.
#[derive(Schema)]
pub enum Bound<T> {
    /// There is no end.
    Unbounded,
    /// The value belongs to the range.
    Included(T),
    /// The value is the first beyond the range.
    Excluded(T),
}
