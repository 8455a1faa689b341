//! The lifecycle of links: load, crashes, reconnecting, and peers that do not read.

mod crashes;
mod killed;
mod load;
mod reconnecting;
mod unread_data;
