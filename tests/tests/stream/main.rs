//! Links over byte streams: pipes, TCP, Unix sockets.

mod bad_input;
mod calls;
mod end;
mod raw;
