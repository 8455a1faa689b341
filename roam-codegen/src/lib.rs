//! roam-codegen
