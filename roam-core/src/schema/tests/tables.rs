//! Tables of types: recursion, encoding and traversal.

use crate::schema::{
    Field, MethodSource, Part, Schema, ServiceDescriptor, ServiceSource, Struct, StructKind, Type,
    TypeIndex, Types, Visitor, arg, can_fail,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Schema)]
struct Node {
    value: u8,
    kids: Vec<Node>,
}

#[test]
fn recursive_type_refers_to_itself() {
    let mut types = Types::new();
    let node = types.index_of::<Node>();
    let value = types.index_of::<u8>();
    let kids = types.index_of::<Vec<Node>>();
    assert_eq!(types.get(kids), &Type::List(node));
    let field = |name: &'static str, ty| Field {
        name: name.into(),
        wire_name: name.into(),
        doc: "".into(),
        ty,
    };
    assert_eq!(
        types.get(node),
        &Type::Struct(Struct {
            name: "Node".into(),
            doc: "".into(),
            generics: vec![],
            kind: StructKind::Named(vec![field("value", value), field("kids", kids)]),
        })
    );
}

const TREES: ServiceSource = ServiceSource {
    name: "Trees",
    doc: "Grows trees.",
    methods: &[MethodSource {
        name: "grow",
        doc: "Grows one.",
        args: &[arg::<Node>("seed")],
        output: can_fail::<Node, String>(),
        inline: true,
        attributes: &["idempotent"],
    }],
};

#[test]
fn description_round_trips() {
    let sent = TREES.describe();
    let bytes = postcard::to_stdvec(&sent).unwrap();
    let received: ServiceDescriptor = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(received.name, "Trees");
    assert_eq!(received.doc, "Grows trees.");
    assert!(received.types.iter().eq(sent.types.iter()));
    assert_eq!(received.methods, sent.methods);
    let grow = &received.methods[0];
    assert_eq!(received.method(grow.id), Some(grow));
}

#[test]
fn rejects_received_indices_out_of_range() {
    let two_types = postcard::to_stdvec(&vec![Type::Bool, Type::List(index(1))]).unwrap();
    assert!(postcard::from_bytes::<Types>(&two_types).is_ok());
    let dangling = postcard::to_stdvec(&vec![Type::Bool, Type::List(index(2))]).unwrap();
    assert!(postcard::from_bytes::<Types>(&dangling).is_err());

    let mut bytes = postcard::to_stdvec(&TREES.describe()).unwrap();
    // The last bytes are: error type present, its index, inline, idempotent.
    let err = bytes.len() - 3;
    bytes[err] = 100;
    assert!(postcard::from_bytes::<ServiceDescriptor>(&bytes).is_err());
}

fn index(position: u32) -> TypeIndex {
    postcard::from_bytes(&postcard::to_stdvec(&position).unwrap()).unwrap()
}

#[test]
fn walks_received_descriptions_of_any_depth() {
    let depth = 100_000;
    let mut table: Vec<Type> = (1..=depth)
        .map(|inner| Type::Option(index(inner)))
        .collect();
    table.push(Type::Rx(index(0)));
    let types: Types = postcard::from_bytes(&postcard::to_stdvec(&table).unwrap()).unwrap();
    assert!(types.contains_channel(index(0)));
}

#[test]
fn walk_visits_everything_in_order() {
    struct Names(Vec<String>);

    impl Visitor for Names {
        fn enter(&mut self, index: TypeIndex, ty: &Type) -> bool {
            self.0.push(format!("{}{}", short(ty), index.position()));
            index.position() > 0 || self.0.len() == 1
        }

        fn part(&mut self, part: Part<'_>) {
            if let Part::Field(field) = part {
                self.0.push(field.name.to_string());
            }
        }

        fn leave(&mut self, index: TypeIndex, _: &Type) {
            self.0.push(format!("/{}", index.position()));
        }
    }

    fn short(ty: &Type) -> &'static str {
        match ty {
            Type::Struct(_) => "struct",
            Type::List(_) => "list",
            _ => "other",
        }
    }

    let mut types = Types::new();
    let node = types.index_of::<Node>();
    let mut names = Names(Vec::new());
    types.walk(node, &mut names);
    let visited: Vec<&str> = names.0.iter().map(String::as_str).collect();
    assert_eq!(
        visited,
        [
            "struct0", "value", "other1", "/1", "kids", "list2", "struct0", "/2", "/0"
        ]
    );
}
