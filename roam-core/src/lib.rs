//! roam-core
