//! How links live beside each other, and how they end.

mod crowds;
mod endings;
mod reconnecting;
mod unread;
