//! Descriptors from `#[derive(Schema)]`, compared with what serde does.

use std::marker::PhantomData;

use roam_core::schema::{Enum, Field, Payload, Schema, Struct, StructKind, Type, Types, Variant};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn describe<T: Schema>() -> (Type, Types) {
    let mut types = Types::new();
    let index = types.index_of::<T>();
    (types.get(index).clone(), types)
}

fn structure<T: Schema>() -> (Struct, Types) {
    match describe::<T>() {
        (Type::Struct(it), types) => (it, types),
        (other, _) => panic!("not a struct: {other:?}"),
    }
}

fn fields<T: Schema>() -> Vec<Field> {
    match structure::<T>().0.kind {
        StructKind::Named(fields) => fields,
        other => panic!("no named fields: {other:?}"),
    }
}

fn enumeration<T: Schema>() -> Enum {
    match describe::<T>().0 {
        Type::Enum(it) => it,
        other => panic!("not an enum: {other:?}"),
    }
}

fn wire_names(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|field| &*field.wire_name).collect()
}

/// Returns the keys of a value in JSON: the names that serde uses.
fn json_names(value: impl Serialize) -> Vec<String> {
    let json = serde_json::to_value(value).unwrap();
    json.as_object().unwrap().keys().cloned().collect()
}

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    value: &T,
    bytes: &[u8],
) {
    assert_eq!(postcard::to_stdvec(value).unwrap(), bytes);
    assert_eq!(&postcard::from_bytes::<T>(bytes).unwrap(), value);
}

/// A corner.
///
///  * in *two* dimensions
#[derive(Serialize, Deserialize, Schema)]
#[serde(rename = "Corner", rename_all = "camelCase")]
struct DbCorner {
    /// Grows to the right.
    x_position: u8,
    #[serde(rename = "vertical", alias = "y", default)]
    y_position: u8,
    #[serde(rename(serialize = "kind", deserialize = "sort"))]
    r#type: u8,
}

#[test]
fn describes_names_and_docs_of_structs() {
    let (corner, types) = structure::<DbCorner>();
    assert_eq!(corner.name, "Corner");
    assert_eq!(corner.doc, "A corner.\n\n * in *two* dimensions");
    let fields = fields::<DbCorner>();
    assert_eq!(
        fields.iter().map(|field| &*field.name).collect::<Vec<_>>(),
        ["x_position", "y_position", "type"]
    );
    assert_eq!(wire_names(&fields), ["xPosition", "vertical", "kind"]);
    assert_eq!(fields[0].doc, "Grows to the right.");
    assert_eq!(fields[1].doc, "");
    assert_eq!(types.get(fields[0].ty), &Type::U8);
}

#[test]
fn wire_names_match_serde() {
    let mut names = json_names(DbCorner {
        x_position: 0,
        y_position: 0,
        r#type: 0,
    });
    let fields = fields::<DbCorner>();
    let mut described = wire_names(&fields);
    names.sort_unstable();
    described.sort_unstable();
    assert_eq!(names, described);
}

/// Something that happened.
#[derive(Serialize, Deserialize, Schema, Debug, PartialEq)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Event {
    /// Nothing happened.
    NothingHappened,
    OneThing(u8),
    TwoThings(u8, u16),
    NoThings(),
    #[serde(rename = "moved")]
    SomethingMoved {
        /// The old position.
        from_where: u8,
    },
    #[serde(rename_all = "UPPERCASE")]
    Loud {
        very_loud: u8,
    },
    #[serde(skip)]
    #[expect(dead_code, reason = "never on the wire")]
    Internal,
}

#[test]
fn describes_variants_of_enums() {
    let event = enumeration::<Event>();
    assert_eq!(event.doc, "Something that happened.");
    assert_eq!(event.variants[0].doc, "Nothing happened.");
    let names: Vec<_> = event
        .variants
        .iter()
        .map(
            |Variant {
                 name, wire_name, ..
             }| (&**name, &**wire_name),
        )
        .collect();
    assert_eq!(
        names,
        [
            ("NothingHappened", "nothing_happened"),
            ("OneThing", "one_thing"),
            ("TwoThings", "two_things"),
            ("NoThings", "no_things"),
            ("SomethingMoved", "moved"),
            ("Loud", "loud"),
        ]
    );
    assert!(matches!(event.variants[0].payload, Payload::Unit));
    assert!(matches!(event.variants[1].payload, Payload::Newtype(_)));
    assert!(matches!(&event.variants[2].payload, Payload::Tuple(types) if types.len() == 2));
    assert!(matches!(&event.variants[3].payload, Payload::Tuple(types) if types.is_empty()));
    let Payload::Struct(fields) = &event.variants[4].payload else {
        panic!("{:?}", event.variants[4])
    };
    assert_eq!(wire_names(fields), ["fromWhere"]);
    assert_eq!(fields[0].doc, "The old position.");
    let Payload::Struct(fields) = &event.variants[5].payload else {
        panic!("{:?}", event.variants[5])
    };
    assert_eq!(wire_names(fields), ["VERY_LOUD"]);
}

#[test]
fn variant_indices_match_serde() {
    round_trips(&Event::NothingHappened, &[0]);
    round_trips(&Event::OneThing(7), &[1, 7]);
    round_trips(&Event::TwoThings(7, 8), &[2, 7, 8]);
    round_trips(&Event::NoThings(), &[3]);
    round_trips(&Event::SomethingMoved { from_where: 7 }, &[4, 7]);
    round_trips(&Event::Loud { very_loud: 7 }, &[5, 7]);
}

#[derive(Serialize, Deserialize, Schema, Debug, PartialEq, Default)]
struct Kept {
    #[serde(skip)]
    skipped: u8,
    left: u8,
    #[serde(skip_serializing, skip_deserializing)]
    both_ways: Undescribed,
    mark: PhantomData<Undescribed>,
}

/// Never on the wire.
#[derive(Debug, PartialEq, Default)]
struct Undescribed;

#[derive(Serialize, Deserialize, Schema, Debug, PartialEq)]
struct KeptByPosition(#[serde(skip)] u8, u16, u32);

#[derive(Serialize, Deserialize, Schema, Debug, PartialEq)]
enum KeptInVariants {
    Newtype(#[serde(skip)] u8),
    Tuple(u8, #[serde(skip)] u8),
    Named {
        #[serde(skip)]
        skipped: u8,
        kept: u8,
    },
}

#[test]
fn skipped_fields_are_not_described() {
    assert_eq!(wire_names(&fields::<Kept>()), ["left", "mark"]);
    let kept = Kept {
        left: 7,
        ..Kept::default()
    };
    round_trips(&kept, &[7]);

    let (by_position, types) = structure::<KeptByPosition>();
    let StructKind::Tuple(elements) = by_position.kind else {
        panic!("{by_position:?}")
    };
    let elements: Vec<&Type> = elements.iter().map(|&it| types.get(it)).collect();
    assert_eq!(elements, [&Type::U16, &Type::U32]);
    round_trips(&KeptByPosition(0, 7, 8), &[7, 8]);

    let variants = enumeration::<KeptInVariants>().variants;
    assert!(matches!(variants[0].payload, Payload::Unit));
    round_trips(&KeptInVariants::Newtype(0), &[0]);
    assert!(matches!(&variants[1].payload, Payload::Tuple(types) if types.len() == 1));
    round_trips(&KeptInVariants::Tuple(7, 0), &[1, 7]);
    assert!(matches!(&variants[2].payload, Payload::Struct(fields) if fields.len() == 1));
    round_trips(
        &KeptInVariants::Named {
            skipped: 0,
            kept: 7,
        },
        &[2, 7],
    );
}

#[derive(Serialize, Deserialize, Schema)]
#[serde(transparent)]
struct ByAttribute {
    #[serde(skip)]
    _cache: Option<Undescribed>,
    inner: u16,
}

#[derive(Schema)]
#[repr(transparent)]
struct ByLayout<T>(u16, PhantomData<T>);

#[derive(Clone, Serialize, Deserialize, Schema)]
#[serde(try_from = "u16", into = "u16")]
struct ByConversion {
    even: u16,
}

impl TryFrom<u16> for ByConversion {
    type Error = &'static str;

    fn try_from(even: u16) -> Result<Self, Self::Error> {
        if even.is_multiple_of(2) {
            Ok(Self { even })
        } else {
            Err("odd")
        }
    }
}

impl From<ByConversion> for u16 {
    fn from(it: ByConversion) -> Self {
        it.even
    }
}

#[test]
fn wrappers_are_described_as_the_inner_type() {
    let mut types = Types::new();
    let number = types.index_of::<u16>();
    assert_eq!(types.index_of::<ByAttribute>(), number);
    assert_eq!(types.index_of::<ByLayout<u8>>(), number);
    assert_eq!(types.index_of::<ByConversion>(), number);
}

#[derive(Schema)]
#[expect(dead_code, reason = "only described")]
struct Page<T, const N: usize = 2>
where
    T: Clone,
{
    items: Vec<T>,
    next: Option<Box<Page<T, N>>>,
    numbers: [u8; N],
}

#[test]
fn generic_types_differ_by_their_parameters() {
    let mut types = Types::new();
    let texts = types.index_of::<Page<String>>();
    let bytes = types.index_of::<Page<u8>>();
    let others = types.index_of::<Page<u8, 3>>();
    assert!(texts != bytes && bytes != others);
    let text = types.index_of::<String>();
    assert_eq!(types.get(texts).generics(), [text]);
    let byte = types.index_of::<u8>();
    assert_eq!(types.get(bytes).generics(), [byte]);

    let Type::Struct(Struct {
        kind: StructKind::Named(fields),
        ..
    }) = types.get(bytes)
    else {
        panic!("{types:?}")
    };
    assert_eq!(types.get(fields[0].ty), &Type::Bytes);
    let Type::Option(next) = types.get(fields[1].ty) else {
        panic!("{types:?}")
    };
    assert_eq!(*next, bytes);
}

#[derive(Schema)]
struct Left {
    #[expect(dead_code, reason = "only described")]
    right: Vec<Right>,
}

#[derive(Schema)]
enum Right {
    #[expect(dead_code, reason = "only described")]
    Again(Box<Left>, Option<Box<Right>>),
}

#[test]
fn describes_mutually_recursive_types() {
    let mut types = Types::new();
    types.index_of::<Left>();
    types.index_of::<Right>();
    assert_eq!(types.iter().count(), 4);
}

/// A type that roam does not know, with its own encoding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Foreign(u16);

/// Writes a number as text.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(it: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(it)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(it: D) -> Result<u128, D::Error> {
        String::deserialize(it)?.parse().map_err(D::Error::custom)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Schema)]
struct WithForeign {
    #[schema(with = u16)]
    plain: Foreign,
    #[serde(with = "as_text")]
    #[schema(with = String)]
    text: u128,
    #[schema(with = Vec<u16>)]
    list: Vec<Foreign>,
}

#[test]
fn with_describes_a_field_as_another_type() {
    let (structure, types) = structure::<WithForeign>();
    let StructKind::Named(fields) = structure.kind else {
        panic!("no named fields");
    };
    let texts: Vec<_> = fields.iter().map(|field| types.text(field.ty)).collect();
    assert_eq!(texts, ["u16", "String", "Vec<u16>"]);
    let value = WithForeign {
        plain: Foreign(1),
        text: 23,
        list: vec![Foreign(4)],
    };
    round_trips(&value, &[1, 2, b'2', b'3', 1, 4]);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Schema)]
enum WithInVariants {
    Newtype(#[schema(with = u16)] Foreign),
    Named {
        #[schema(with = u16)]
        at: Foreign,
    },
}

#[test]
fn with_works_in_variants() {
    let mut types = Types::new();
    let number = types.index_of::<u16>();
    let index = types.index_of::<WithInVariants>();
    let Type::Enum(it) = types.get(index) else {
        panic!("not an enum");
    };
    assert_eq!(it.variants[0].payload, Payload::Newtype(number));
    let Payload::Struct(fields) = &it.variants[1].payload else {
        panic!("no named fields");
    };
    assert_eq!(fields[0].ty, number);
    round_trips(&WithInVariants::Newtype(Foreign(3)), &[0, 3]);
    round_trips(&WithInVariants::Named { at: Foreign(4) }, &[1, 4]);
}

/// Its traits of serde are written by hand.
#[derive(Debug, PartialEq, Schema)]
#[schema(with = String)]
enum OnOff {
    On,
    Off,
}

impl Serialize for OnOff {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match self {
            Self::On => "on",
            Self::Off => "off",
        };
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for OnOff {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*String::deserialize(deserializer)? {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(serde::de::Error::custom("neither on nor off")),
        }
    }
}

#[test]
fn with_describes_a_whole_type() {
    assert_eq!(describe::<OnOff>().0, Type::String);
    round_trips(&OnOff::On, b"\x02on");
    round_trips(&OnOff::Off, b"\x03off");
}
