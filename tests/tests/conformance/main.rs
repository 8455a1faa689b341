//! Raw messages over a real WebSocket, against our server and our client: every rule that a peer
//! can break, the Goodbye that it receives, and what must keep working.

mod arguments;
mod calls;
mod channel_ids;
mod channels;
mod connections;
mod credit;
mod handshake;
mod malformed;
mod metadata;
mod payloads;
mod responses;
