//! Access to the contents of lists, maps, structs and enums.

use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Decoder, Fault, Malformed, Result};

/// For how many elements memory is reserved before they arrive.
const MAX_RESERVED: usize = 4_096;

/// The elements of a list, or the entries of a map.
pub(super) struct Elements<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: u64,
    /// How many bytes were unread where the last element begins.
    begun: usize,
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    pub(super) fn new(decoder: &'a mut Decoder<'de>, left: u64) -> Self {
        let begun = decoder.remaining();
        Self {
            decoder,
            left,
            begun,
        }
    }

    /// Checks that all elements were read.
    #[inline]
    pub(super) fn finish(&self) -> Result<()> {
        if self.left > 0 {
            return Err(Malformed::LeftOver(self.left).into());
        }
        Ok(())
    }

    #[inline]
    fn begin(&mut self) -> bool {
        self.begun = self.decoder.remaining();
        let more = self.left > 0;
        self.left -= u64::from(more);
        more
    }

    /// Counts the current element if it took no bytes.
    #[inline]
    fn end(&mut self) -> Result<()> {
        if self.decoder.remaining() == self.begun {
            self.decoder.count_empty()?;
        }
        Ok(())
    }

    /// Returns for how many elements to reserve memory: no more than there are bytes.
    #[inline]
    fn reserve(&self) -> usize {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        left.min(self.decoder.remaining()).min(MAX_RESERVED)
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if !self.begin() {
            return Ok(None);
        }
        let element = seed.deserialize(&mut *self.decoder)?;
        self.end()?;
        Ok(Some(element))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.reserve())
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if !self.begin() {
            return Ok(None);
        }
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let value = seed.deserialize(&mut *self.decoder)?;
        self.end()?;
        Ok(value)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.reserve())
    }
}

/// The fields of a tuple or a struct.
pub(super) struct Fields<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: usize,
}

impl<'a, 'de> Fields<'a, 'de> {
    #[inline]
    pub(super) fn new(decoder: &'a mut Decoder<'de>, left: usize) -> Self {
        Self { decoder, left }
    }
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> EnumAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let position: u32 = self.unsigned()?;
        let variant = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(position))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;

    #[inline]
    fn unit_variant(self) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.nested(|decoder| seed.deserialize(decoder))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.fields(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.fields(names.len(), visitor)
    }
}
