//! roam-macros
