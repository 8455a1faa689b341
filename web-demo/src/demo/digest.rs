//! The digest of a stream.

use roam_core::Rx;
use sha2::{Digest as _, Sha256};

use crate::api::{Digest, DigestError};

/// Hashes the chunks as they arrive.
pub(super) async fn digest(mut chunks: Rx<Vec<u8>>) -> Result<Digest, DigestError> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    loop {
        match chunks.recv().await {
            Ok(Some(chunk)) => {
                hash.update(&chunk);
                bytes += chunk.len() as u64;
            }
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(%error, bytes, "an uploaded stream was interrupted");
                return Err(DigestError::Interrupted { bytes });
            }
        }
    }
    let sha256 = hash.finalize().into();
    Ok(Digest { sha256, bytes })
}
