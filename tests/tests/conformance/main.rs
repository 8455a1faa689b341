//! Raw messages over a real WebSocket, at our server and at our client: every rule that a peer can
//! break, with the Goodbye that it is told, and what must go on all the same.

mod answers;
mod arguments;
mod calls;
mod channel_ids;
mod channels;
mod connections;
mod credit;
mod envelope;
mod handshake;
mod metadata;
mod payloads;
