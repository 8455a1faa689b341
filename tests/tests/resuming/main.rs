//! Links that outlive their sockets, over a network that fails.

mod codes;
mod cuts;
mod drain;
mod ends;
mod postponed;
mod silence;
mod tokens;
#[cfg(unix)]
mod unix;
mod world;
