//! The first difference between two signatures, and how it is described.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::schema::{
    MethodSource, OutputSource, Schema, ServiceDescriptor, ServiceSource, Step, Type, Types, arg,
    can_fail, difference, returns,
};
use crate::{Rx, Tx};

fn service(args: &'static [crate::schema::ArgSource], output: OutputSource) -> ServiceDescriptor {
    let method = MethodSource {
        name: "call",
        doc: "",
        args,
        output,
        inline: false,
        attributes: &[],
    };
    let source = ServiceSource {
        name: "Service",
        doc: "",
        methods: Box::leak(Box::new([method])),
    };
    source.describe()
}

/// Describes the difference between two methods, one that takes an `A` and one that takes a `B`.
fn difference_text<A, B>() -> Option<String>
where
    A: Schema + Serialize + serde::de::DeserializeOwned,
    B: Schema + Serialize + serde::de::DeserializeOwned,
{
    let here = service(Box::leak(Box::new([arg::<A>("it")])), returns::<()>());
    let there = service(Box::leak(Box::new([arg::<B>("other")])), returns::<()>());
    let found = difference((&here, &here.methods[0]), (&there, &there.methods[0]))?;
    assert_eq!(found.path[0], Step::Argument(1, "it".into()));
    Some(found.to_string().replacen("argument 1 \"it\": ", "", 1))
}

#[track_caller]
fn same<A, B>()
where
    A: Schema + Serialize + serde::de::DeserializeOwned,
    B: Schema + Serialize + serde::de::DeserializeOwned,
{
    assert_eq!(difference_text::<A, B>(), None);
}

macro_rules! differs {
    ($here:ty, $there:ty => $text:literal) => {
        assert_eq!(difference_text::<$here, $there>().as_deref(), Some($text));
    };
}

mod here {
    use super::*;

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Job {
        pub(super) name: String,
        pub(super) n: u32,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Node {
        pub(super) v: i32,
        pub(super) kids: Vec<Node>,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) enum Shape {
        Point,
        Circle(f64),
        Square { side: f64 },
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Unit;

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Pair(pub(super) u8, pub(super) bool);
}

mod there {
    use super::*;

    /// The names of types, docs and serde's names of fields do not count.
    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Task {
        #[serde(rename = "title")]
        pub(super) name: String,
        pub(super) n: u32,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Job {
        pub(super) name: String,
        pub(super) n: u64,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Later {
        pub(super) name: String,
        pub(super) n: u32,
        pub(super) at: u64,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Turned {
        pub(super) n: u32,
        pub(super) name: String,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Node {
        pub(super) v: i64,
        pub(super) kids: Vec<Node>,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Deep {
        pub(super) v: i32,
        pub(super) kids: Vec<Deeper>,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Deeper {
        pub(super) v: i32,
        pub(super) kids: Vec<Node>,
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) enum Shape {
        Point,
        Circle(f32),
        Square { side: f64 },
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) enum Turnable {
        Point,
        Circle(f64),
        Square { side: f64, turned: bool },
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) enum Other {
        Point,
        Circle(f64),
        Cube { side: f64 },
    }

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) enum Filled {
        Point(u8),
        Circle(f64),
        Square { side: f64 },
    }
}

#[test]
fn types_that_are_the_same_on_the_wire_do_not_differ() {
    same::<here::Job, here::Job>();
    same::<here::Job, there::Task>();
    same::<usize, u64>();
    same::<here::Unit, ()>();
    same::<here::Pair, (u8, bool)>();
    same::<here::Node, here::Node>();
    same::<Box<u8>, u8>();
}

#[test]
fn types_differ_at_the_first_difference() {
    differs!(u32, u64 => "u32 here, u64 there");
    differs!(Vec<u8>, Vec<u16> => "Vec<u8> here, Vec<u16> there");
    differs!((), Duration => "() here, Duration there");
    differs!([u16; 2], [u16; 3] => "[u16; 2] here, [u16; 3] there");
    differs!((u8, bool), (u8, u8) => "element 1: bool here, u8 there");
    differs!((u8, bool), (u8,) => "(u8, bool) here, (u8) there");
    differs!(Tx<u8>, Rx<u8> => "Tx<u8> here, Rx<u8> there");
    differs!(Tx<String>, Tx<u8> => "element: String here, u8 there");
    differs!(Option<u8>, u8 => "Option<u8> here, u8 there");
    differs!(
        HashMap<String, Option<u8>>, HashMap<String, Option<u16>> =>
        "value: value: u8 here, u16 there"
    );
    differs!(Result<u8, u8>, Result<u8, u16> => "Err: u8 here, u16 there");
}

#[test]
fn fields_differ_by_name_order_or_type() {
    differs!(Vec<here::Job>, Vec<there::Job> => "element: field \"n\": u32 here, u64 there");
    differs!(here::Job, there::Later => "fields only there: \"at\"");
    differs!(there::Later, here::Job => "fields only here: \"at\"");
    differs!(here::Job, there::Turned => "fields in a different order");
    differs!(
        here::Node, here::Job =>
        "fields only here: \"v\", \"kids\", only there: \"name\", \"n\""
    );
}

#[test]
fn variants_differ_by_name_or_payload() {
    differs!(here::Shape, there::Shape => "variant \"Circle\": f64 here, f32 there");
    differs!(
        here::Shape, there::Turnable =>
        "variant \"Square\": fields only there: \"turned\""
    );
    differs!(
        here::Shape, there::Other =>
        "variants only here: \"Square\", only there: \"Cube\""
    );
    differs!(here::Shape, there::Filled => "variant \"Point\": nothing here, u8 there");
}

#[test]
fn recursive_types_are_compared_in_full() {
    differs!(here::Node, there::Node => "field \"v\": i32 here, i64 there");
    differs!(
        here::Node, there::Deep =>
        "field \"kids\": element: field \"kids\": element: field \"v\": i32 here, i64 there"
    );
}

#[test]
fn argument_counts_results_and_errors_are_compared() {
    let difference_text = |here: ServiceDescriptor, there: ServiceDescriptor| {
        let methods = (&here.methods[0], &there.methods[0]);
        difference((&here, methods.0), (&there, methods.1)).map(|found| found.to_string())
    };
    let counted = difference_text(
        service(const { &[arg::<u8>("a")] }, returns::<()>()),
        service(&[], returns::<()>()),
    );
    assert_eq!(counted.as_deref(), Some("1 arguments here, 0 there"));
    let results = difference_text(
        service(&[], returns::<u8>()),
        service(&[], returns::<u16>()),
    );
    assert_eq!(results.as_deref(), Some("result: u8 here, u16 there"));
    let errors = difference_text(
        service(&[], can_fail::<u8, u8>()),
        service(&[], can_fail::<u8, u16>()),
    );
    assert_eq!(errors.as_deref(), Some("error: u8 here, u16 there"));
    let failing = difference_text(
        service(&[], can_fail::<u8, u8>()),
        service(&[], returns::<u8>()),
    );
    assert_eq!(failing.as_deref(), Some("error: u8 here, none there"));
    let both = difference_text(
        service(&[], can_fail::<u8, u8>()),
        service(&[], returns::<u16>()),
    );
    assert_eq!(both.as_deref(), Some("result: u8 here, u16 there"));
}

/// Returns a description of lists nested `levels` deep, as a peer could send it.
fn nested(levels: usize) -> ServiceDescriptor {
    let mut service = service(const { &[arg::<u8>("it")] }, returns::<()>());
    let mut bytes = postcard::to_stdvec(&service).unwrap();
    let table: Vec<Type> = vec![Type::U8, Type::Unit];
    let at = |position: usize| -> crate::schema::TypeIndex {
        postcard::from_bytes(&postcard::to_stdvec(&position).unwrap()).unwrap()
    };
    let mut long = table.clone();
    long.extend((0..levels).map(|level| Type::List(at(if level == 0 { 0 } else { level + 1 }))));
    // The description begins with name and doc; the table of types follows.
    let (old, new) = (
        postcard::to_stdvec(&table).unwrap(),
        postcard::to_stdvec(&long).unwrap(),
    );
    let place = bytes
        .windows(old.len())
        .position(|window| window == old)
        .unwrap();
    bytes.splice(place..place + old.len(), new);
    service = postcard::from_bytes(&bytes).unwrap();
    service.methods[0].args[0].ty = at(levels + 1);
    service
}

#[test]
fn deep_received_descriptions_are_compared_within_limits() {
    let (here, there) = (nested(50_000), nested(49_999));
    let found = difference((&here, &here.methods[0]), (&there, &there.methods[0]));
    assert_eq!(found, None, "the difference is too deep");
    let (here, there) = (nested(3), nested(2));
    let found = difference((&here, &here.methods[0]), (&there, &there.methods[0]));
    assert_eq!(
        found.unwrap().to_string(),
        "argument 1 \"it\": element: element: Vec<u8> here, u8 there"
    );
    let text = Types::text(&nested(50_000).types, nested(50_000).methods[0].args[0].ty);
    assert_eq!(text, "Vec<Vec<Vec<Vec<…>>>>");
}
