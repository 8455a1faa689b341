//! Links that outlive their sockets, over a network that fails.

mod cuts;
mod ends;
mod silence;
mod world;
