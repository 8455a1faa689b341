//! web-demo
