//! roam-tests
