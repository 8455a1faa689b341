//! What the page and the server agree on.
//!
//! The page calls [`Demo`] and [`Chat`]; the server calls [`Page`], which the page implements.

mod chat;
mod demo;
mod page;

pub use chat::*;
pub use demo::*;
pub use page::*;
