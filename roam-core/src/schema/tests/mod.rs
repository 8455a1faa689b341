//! Tests, one module per behaviour.

mod difference;
mod identity;
mod parts;
mod std_types;
mod tables;
mod testbed;
