//! The interface between the page and the server.
//!
//! The page calls [`Demo`] and [`Chat`]; the server calls [`Page`], which the page implements.

mod chat;
mod demo;
mod page;

pub use chat::*;
pub use demo::*;
pub use page::*;
