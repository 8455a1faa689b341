//! How links live beside each other, and how they end.

mod crowds;
mod endings;
mod unread;
