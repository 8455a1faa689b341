//! What `#[service]` checks of the types in a signature, at compile time.

use serde::{Serialize, de::DeserializeOwned};

use super::{Schema, channel_depth};

/// Fails to compile unless `T` can be an argument or a result.
pub const fn argument<T: Schema + Serialize + DeserializeOwned>() {
    assert!(
        channel_depth::<T>() <= 1,
        "the elements of a channel cannot hold a channel: send both in the arguments"
    );
}

/// Fails to compile unless `T` can be an error.
pub const fn error<T: Schema + Serialize + DeserializeOwned>() {
    assert!(
        channel_depth::<T>() == 0,
        "an error type cannot hold a channel (`Tx` or `Rx`): an error ends the call's channels"
    );
}
