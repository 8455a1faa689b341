//! What few calls carry: extensions, and metadata of the answer.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::proto::Metadata;
use crate::session::extensions::Extensions;

/// What few calls carry, allocated when it is first used. Clones share it.
#[derive(Debug, Default)]
pub(super) struct Extras(OnceLock<Arc<Fields>>);

#[derive(Debug, Default)]
struct Fields {
    extensions: Extensions,
    answer_metadata: Mutex<Metadata>,
}

impl Extras {
    pub(super) fn extensions(&self) -> &Extensions {
        &self.fields().extensions
    }

    pub(super) fn set_answer_metadata(&self, metadata: Metadata) {
        *lock(&self.fields().answer_metadata) = metadata;
    }

    /// Takes the metadata that the answer is to carry.
    pub(super) fn take_answer_metadata(&self) -> Metadata {
        let Some(fields) = self.0.get() else {
            return Metadata::new();
        };
        std::mem::take(&mut *lock(&fields.answer_metadata))
    }

    fn fields(&self) -> &Arc<Fields> {
        self.0.get_or_init(Arc::default)
    }
}

fn lock(metadata: &Mutex<Metadata>) -> MutexGuard<'_, Metadata> {
    // Nothing panics under the lock.
    metadata.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clone for Extras {
    fn clone(&self) -> Self {
        Self(OnceLock::from(Arc::clone(self.fields())))
    }
}
