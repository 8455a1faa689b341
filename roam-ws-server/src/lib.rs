//! roam-ws-server
