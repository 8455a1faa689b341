//! Links over byte streams: pipes, TCP and Unix sockets.

mod bad_input;
mod calls;
mod closing;
#[cfg(unix)]
mod handover;
mod preface;
mod raw;
