//! A strict postcard deserializer.
//!
//! The peer chooses the bytes, and postcard's own deserializer accepts overlong varints, follows
//! recursive types as deep as the stack goes, and loops as often as a list of empty elements
//! claims. Refusing all that means wrapping each of serde's methods; decoding the format here as
//! well is the smaller half.
//!
//! The bytes bound what a value can cost: nesting and elements that take no bytes are counted, and
//! no claimed length is trusted before the bytes are there.

mod access;

use serde::Deserializer;
use serde::de::Visitor;

use crate::proto::coding::{Reader, WireError};

use super::Malformed;

use access::{Elements, Fields};

/// How deeply values may be nested.
pub(super) const MAX_DEPTH: u32 = 128;
/// How many list elements of a value may take no bytes, in total. The others are bounded by the
/// bytes.
pub(super) const MAX_EMPTY: u32 = 65_536;

/// Decodes a value from the front of some bytes.
pub(super) struct Decoder<'de> {
    reader: Reader<'de>,
    /// Remaining levels of nesting.
    depth: u32,
    /// Remaining elements that may take no bytes.
    empty: u32,
}

/// An error that is cheap to return.
#[derive(Debug)]
pub(super) struct Fault(pub(super) Box<Malformed>);

type Result<T> = std::result::Result<T, Fault>;

impl<'de> Decoder<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
            depth: MAX_DEPTH,
            empty: MAX_EMPTY,
        }
    }

    /// Returns how many bytes are unread.
    #[inline]
    pub(super) fn remaining(&self) -> usize {
        self.reader.remaining()
    }

    /// Checks that all bytes were read.
    pub(super) fn finish(&self) -> Result<()> {
        Ok(self.reader.finish()?)
    }

    /// Counts an element that takes no bytes.
    fn count_empty(&mut self) -> Result<()> {
        self.empty = self.empty.checked_sub(1).ok_or(Malformed::TooManyEmpty)?;
        Ok(())
    }

    /// Reads a byte that is 0 or 1.
    #[inline]
    fn flag(&mut self) -> Result<bool> {
        match self.reader.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Malformed::Flag(other).into()),
        }
    }

    #[inline]
    fn unsigned<N: TryFrom<u64>>(&mut self) -> Result<N> {
        N::try_from(self.reader.varint()?).map_err(|_| WireError::OutOfRange.into())
    }

    #[inline]
    fn signed<N: TryFrom<i64>>(&mut self) -> Result<N> {
        let zigzag = self.reader.varint()?;
        let value = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        N::try_from(value).map_err(|_| WireError::OutOfRange.into())
    }

    fn unsigned_128(&mut self) -> Result<u128> {
        let mut value = 0;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.reader.byte()?;
            let bits = u128::from(byte & 0x7f);
            if bits > u128::MAX >> shift || (byte == 0 && shift > 0) {
                return Err(WireError::OverlongVarint.into());
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::OverlongVarint.into())
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.reader.take(N as u64)?;
        <[u8; N]>::try_from(bytes).map_err(|_| WireError::Truncated.into())
    }

    /// Reads a nested value.
    #[inline]
    fn nested<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.depth = self.depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
        let value = read(self)?;
        self.depth += 1;
        Ok(value)
    }

    #[inline]
    fn elements<V: Visitor<'de>>(
        &mut self,
        left: u64,
        visit: impl FnOnce(&mut Elements<'_, 'de>) -> Result<V::Value>,
    ) -> Result<V::Value> {
        self.nested(|decoder| {
            let mut elements = Elements::new(decoder, left);
            let value = visit(&mut elements)?;
            elements.finish()?;
            Ok(value)
        })
    }

    /// Reads fields whose number the type knows.
    #[inline]
    fn fields<V: Visitor<'de>>(&mut self, len: usize, visitor: V) -> Result<V::Value> {
        self.nested(|decoder| visitor.visit_seq(Fields::new(decoder, len)))
    }
}

macro_rules! numbers {
    ($($deserialize:ident => $read:ident, $visit:ident;)*) => {$(
        #[inline]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.$visit(self.$read()?)
        }
    )*};
}

macro_rules! refused {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
            Err(Malformed::SelfDescribing.into())
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = Fault;

    numbers! {
        deserialize_bool => flag, visit_bool;
        deserialize_u16 => unsigned, visit_u16;
        deserialize_u32 => unsigned, visit_u32;
        deserialize_u64 => unsigned, visit_u64;
        deserialize_u128 => unsigned_128, visit_u128;
        deserialize_i16 => signed, visit_i16;
        deserialize_i32 => signed, visit_i32;
        deserialize_i64 => signed, visit_i64;
    }

    refused! { deserialize_any deserialize_identifier deserialize_ignored_any }

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_u8(self.reader.byte()?)
    }

    #[inline]
    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_i8(self.reader.byte()?.cast_signed())
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let zigzag = self.unsigned_128()?;
        visitor.visit_i128((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_f32(f32::from_le_bytes(self.array()?))
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_f64(f64::from_le_bytes(self.array()?))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mut chars = self.reader.str()?.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => visitor.visit_char(only),
            _ => Err(Malformed::NotOneChar.into()),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(self.reader.str()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_bytes(self.reader.bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.flag()? {
            self.nested(|decoder| visitor.visit_some(decoder))
        } else {
            visitor.visit_none()
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.nested(|decoder| visitor.visit_newtype_struct(decoder))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let len = self.reader.varint()?;
        self.elements::<V>(len, |elements| visitor.visit_seq(elements))
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let len = self.reader.varint()?;
        self.elements::<V>(len, |elements| visitor.visit_map(elements))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.fields(len, visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.fields(len, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.fields(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(self)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}
