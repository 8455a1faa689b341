//! Metadata: key-value pairs that travel with calls and connections.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::coding::{Reader, WireError, WriteBytes};
use crate::violation::{Rule, Violation};

/// Key-value pairs that travel with a Request, a Response or a Connect.
///
/// Order and duplicates are preserved. Readers ignore keys that they do not know. Keys that begin
/// with `roam-` are reserved for roam.
///
/// ```
/// use roam_proto::{Metadata, MetadataValue};
///
/// let metadata = Metadata::new().with("tenant", "acme").with("attempt", 2);
/// assert_eq!(metadata.get("attempt"), Some(&MetadataValue::U64(2)));
/// assert_eq!(metadata.get_str("tenant"), Some("acme"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `None` when empty, never an empty list: most metadata is empty and stays cheap to move.
    entries: Option<Box<Entries>>,
}

type Entries = Vec<(String, MetadataValue)>;

/// A value of [`Metadata`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataValue {
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A number.
    U64(u64),
}

const STRING: u64 = 0;
const BYTES: u64 = 1;
const U64: u64 = 2;

/// Why metadata exceeds a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// There are more entries than [`Metadata::MAX_ENTRIES`].
    #[error("{0} metadata entries, MAX_ENTRIES is {max}", max = Metadata::MAX_ENTRIES)]
    TooManyEntries(usize),
    /// A key is longer than [`Metadata::MAX_KEY`].
    #[error("a metadata key of {0} bytes, MAX_KEY is {max}", max = Metadata::MAX_KEY)]
    KeyTooLong(usize),
    /// A value is longer than [`Metadata::MAX_VALUE`].
    #[error("a metadata value of {0} bytes, MAX_VALUE is {max}", max = Metadata::MAX_VALUE)]
    ValueTooLong(usize),
    /// Keys and values are longer in total than [`Metadata::MAX_TOTAL`]: so long, up to the first
    /// entry that exceeds it.
    #[error("metadata of at least {0} bytes, MAX_TOTAL is {max}", max = Metadata::MAX_TOTAL)]
    TooLarge(usize),
}

impl Metadata {
    /// The most entries.
    pub const MAX_ENTRIES: usize = 128;
    /// The longest key, in bytes.
    pub const MAX_KEY: usize = 256;
    /// The longest value, in bytes. A number counts as 8.
    pub const MAX_VALUE: usize = 16_384;
    /// The most bytes of keys and values in total.
    pub const MAX_TOTAL: usize = 65_536;

    /// Creates empty metadata.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: None }
    }

    /// Appends an entry and returns the metadata.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.push(key, value);
        self
    }

    /// Appends an entry.
    pub fn push(&mut self, key: impl Into<String>, value: impl Into<MetadataValue>) {
        self.entries_mut().push((key.into(), value.into()));
    }

    /// Sets the only value of `key`: replaces its first entry or appends one, and removes others.
    pub fn set(&mut self, key: &str, value: impl Into<MetadataValue>) {
        let entries = self.entries_mut();
        let index = entries.iter().position(|(k, _)| k == key);
        entries.retain(|(k, _)| k != key);
        let index = index.unwrap_or(entries.len());
        entries.insert(index, (key.to_owned(), value.into()));
    }

    /// Removes all entries of `key`.
    pub fn remove(&mut self, key: &str) {
        if let Some(entries) = &mut self.entries {
            entries.retain(|(k, _)| k != key);
            if entries.is_empty() {
                self.entries = None;
            }
        }
    }

    /// Returns the first value of `key`.
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// Returns the first value of `key` if it is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(MetadataValue::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the first value of `key` if it is a number.
    pub fn get_u64(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(MetadataValue::U64(number)) => Some(*number),
            _ => None,
        }
    }

    /// Iterates over the entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetadataValue)> {
        self.entries()
            .iter()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    fn from_entries(entries: Entries) -> Self {
        Self {
            entries: (!entries.is_empty()).then(|| Box::new(entries)),
        }
    }

    #[inline]
    fn entries(&self) -> &[(String, MetadataValue)] {
        self.entries.as_deref().map_or(&[], Vec::as_slice)
    }

    fn entries_mut(&mut self) -> &mut Entries {
        self.entries.get_or_insert_default()
    }

    /// Checks the limits (`call.metadata.limits`), which apply to senders and receivers.
    pub fn check(&self) -> Result<(), MetadataError> {
        let mut limits = LimitChecker::for_entries(self.len())?;
        self.iter()
            .try_for_each(|(key, value)| limits.add(key.len(), value.counted_len()))
    }

    /// Decodes metadata from the form that it has in messages.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(bytes);
        let metadata = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(metadata)
    }

    /// Encodes the metadata in the form that it has in messages.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }

    #[inline]
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Violation> {
        // The shortest entry is an empty key, a kind and an empty value.
        match reader.count(3)? {
            0 => Ok(Self::new()),
            count => Self::decode_entries(reader, count),
        }
    }

    fn decode_entries(reader: &mut Reader<'_>, count: usize) -> Result<Self, Violation> {
        let mut limits = LimitChecker::for_entries(count)?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let key = reader.str()?;
            let value = MetadataValue::decode(reader)?;
            limits.add(key.len(), value.counted_len())?;
            entries.push((key.to_owned(), value));
        }
        Ok(Self::from_entries(entries))
    }

    #[inline]
    pub(crate) fn encode(&self, out: &mut impl WriteBytes) {
        out.write_varint(self.len() as u64);
        for (key, value) in self.entries() {
            out.write_prefixed(key.as_bytes());
            value.encode(out);
        }
    }

    /// The memory of an entry in addition to its bytes, rounded up.
    const ENTRY_OVERHEAD: usize = 64;

    /// Returns how many bytes of memory the metadata takes, rounded up.
    pub fn memory_size(&self) -> usize {
        let entry = |(key, value): (&str, &MetadataValue)| {
            Self::ENTRY_OVERHEAD + key.len() + value.counted_len()
        };
        self.iter().map(entry).sum()
    }
}

impl MetadataValue {
    fn counted_len(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::U64(_) => 8,
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Violation> {
        match reader.varint()? {
            STRING => Ok(Self::String(reader.str()?.to_owned())),
            BYTES => Ok(Self::Bytes(reader.bytes()?.to_vec())),
            U64 => Ok(Self::U64(reader.varint()?)),
            other => Err(Rule::DecodeError.because(format!("metadata value of kind {other}"))),
        }
    }

    fn encode(&self, out: &mut impl WriteBytes) {
        match self {
            Self::String(text) => {
                out.write_varint(STRING);
                out.write_prefixed(text.as_bytes());
            }
            Self::Bytes(bytes) => {
                out.write_varint(BYTES);
                out.write_prefixed(bytes);
            }
            Self::U64(number) => {
                out.write_varint(U64);
                out.write_varint(*number);
            }
        }
    }
}

/// Checks entries against the limits one by one.
struct LimitChecker {
    total: usize,
}

impl LimitChecker {
    fn for_entries(count: usize) -> Result<Self, MetadataError> {
        if count > Metadata::MAX_ENTRIES {
            return Err(MetadataError::TooManyEntries(count));
        }
        Ok(Self { total: 0 })
    }

    fn add(&mut self, key: usize, value: usize) -> Result<(), MetadataError> {
        self.total += key + value;
        if key > Metadata::MAX_KEY {
            Err(MetadataError::KeyTooLong(key))
        } else if value > Metadata::MAX_VALUE {
            Err(MetadataError::ValueTooLong(value))
        } else if self.total > Metadata::MAX_TOTAL {
            Err(MetadataError::TooLarge(self.total))
        } else {
            Ok(())
        }
    }
}

impl From<MetadataError> for Violation {
    #[cold]
    fn from(error: MetadataError) -> Self {
        Rule::MetadataLimits.because(error.to_string())
    }
}

impl From<WireError> for Violation {
    #[cold]
    fn from(error: WireError) -> Self {
        Rule::DecodeError.because(error.to_string())
    }
}

impl From<&str> for MetadataValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for MetadataValue {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Vec<u8>> for MetadataValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<u64> for MetadataValue {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl<K: Into<String>, V: Into<MetadataValue>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entry = |(key, value): (K, V)| (key.into(), value.into());
        Self::from_entries(entries.into_iter().map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(metadata: &Metadata) -> Result<Metadata, Violation> {
        let mut bytes = Vec::new();
        metadata.encode(&mut bytes);
        Metadata::decode(&mut Reader::new(&bytes))
    }

    #[test]
    fn preserves_order_and_duplicates() {
        let metadata = Metadata::new()
            .with("b", 1)
            .with("a", vec![0, 1])
            .with("b", "two");
        assert_eq!(decode(&metadata), Ok(metadata.clone()));
        assert_eq!(metadata.get("b"), Some(&MetadataValue::U64(1)));
    }

    #[test]
    fn enforces_each_limit_on_both_sides() {
        let entries: Metadata = (0..129).map(|n| (n.to_string(), n)).collect();
        let key = Metadata::new().with("k".repeat(257), 1);
        let value = Metadata::new().with("k", vec![0; 16_385]);
        let total: Metadata = (0..5).map(|n| (n.to_string(), vec![0; 16_384])).collect();
        for (metadata, error) in [
            (entries, MetadataError::TooManyEntries(129)),
            (key, MetadataError::KeyTooLong(257)),
            (value, MetadataError::ValueTooLong(16_385)),
            (total, MetadataError::TooLarge(65_540)),
        ] {
            assert_eq!(metadata.check(), Err(error));
            assert_eq!(decode(&metadata), Err(error.into()));
        }
    }

    #[test]
    fn accepts_metadata_exactly_at_the_limits() {
        let mut metadata = Metadata::new().with("k".repeat(256), vec![0; 16_384]);
        for _ in 0..3 {
            metadata.push("", vec![0; 16_256]);
        }
        metadata.push("", vec![0; 65_536 - 256 - 16_384 - 3 * 16_256]);
        while metadata.len() < Metadata::MAX_ENTRIES {
            metadata.push("", "");
        }
        assert_eq!(metadata.check(), Ok(()));
        assert_eq!(decode(&metadata), Ok(metadata));
    }

    #[test]
    fn rejects_entry_counts_beyond_the_input() {
        let violation = Metadata::decode(&mut Reader::new(&[0xff, 0xff, 0xff, 0x7f])).unwrap_err();
        assert_eq!(violation.rule, Rule::DecodeError);
    }
}
