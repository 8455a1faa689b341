//! The services that roam is tested with from end to end, and a server of them.

pub mod testbed;
