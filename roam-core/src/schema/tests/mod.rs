//! Tests by behaviour.

mod identity;
mod parts;
mod std_types;
mod tables;
mod testbed;
