//! Errors that are cheap to clone.

use alloc::sync::Arc;
use core::error::Error;
use core::fmt;
use core::ops::Deref;

/// Any error, cheap to clone: the [source](Error::source) of a [`CloseReason`](crate::CloseReason).
#[derive(Clone)]
pub struct SharedError(Arc<dyn Error + Send + Sync>);

impl From<Arc<dyn Error + Send + Sync>> for SharedError {
    fn from(error: Arc<dyn Error + Send + Sync>) -> Self {
        Self(error)
    }
}

impl SharedError {
    /// Returns the error itself.
    pub fn into_inner(self) -> Arc<dyn Error + Send + Sync> {
        self.0
    }
}

impl Deref for SharedError {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for SharedError {
    // An `Arc` is transparent: its source would be that of the error, never the error itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
