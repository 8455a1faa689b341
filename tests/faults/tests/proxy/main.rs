//! Tests of every fault, between real sockets.

mod admission;
mod closing;
mod cuts;
mod dark;
mod pace;
mod program;
mod site;
