//! The service `Testbed`.

use std::collections::BTreeMap;

use super::{Rx, Tx, service};
use crate::types::{
    Canvas, Color, Containers, Kind, LookupError, Marker, MathError, Message, Meters, Person,
    Point, Rectangle, Scalars, Shape, Signed, Tree, Unsigned, Value,
};

/// The service of `protocol.md`, with further methods for every kind of argument and result.
#[service]
pub trait Testbed {
    async fn echo(&self, message: String) -> String;
    async fn reverse(&self, message: String) -> String;
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, MathError>;
    async fn lookup(&self, id: u32) -> Result<Person, LookupError>;
    async fn sum(&self, numbers: Rx<i32>) -> i64;
    async fn generate(&self, count: u32, output: Tx<i32>);
    async fn transform(&self, input: Rx<String>, output: Tx<String>);
    async fn echo_point(&self, point: Point) -> Point;
    async fn create_person(&self, name: String, age: u8, email: Option<String>) -> Person;
    async fn rectangle_area(&self, rect: Rectangle) -> f64;
    async fn parse_color(&self, name: String) -> Option<Color>;
    async fn shape_area(&self, shape: Shape) -> f64;
    async fn create_canvas(&self, name: String, shapes: Vec<Shape>, background: Color) -> Canvas;
    async fn process_message(&self, msg: Message) -> Message;
    async fn get_points(&self, count: u32) -> Vec<Point>;
    async fn swap_pair(&self, pair: (i32, String)) -> (String, i32);

    async fn nothing(&self);
    async fn check(&self, fine: bool) -> Result<(), String>;
    async fn kinds(&self, kinds: Vec<Kind>) -> Vec<Kind>;
    async fn unsigned(&self, value: Unsigned) -> Unsigned;
    async fn signed(&self, value: Signed) -> Signed;
    async fn scalars(&self, value: Scalars) -> Scalars;
    async fn containers(&self, value: Containers) -> Containers;
    async fn wrapped(&self, meters: Meters, marker: Marker, maybe: Option<Meters>) -> Meters;
    async fn count_words(&self, words: Vec<String>) -> BTreeMap<String, u32>;
    async fn collect(&self, messages: Rx<Message>) -> Vec<Message>;
    async fn points(&self, from: Point, count: u32, output: Tx<Point>) -> u32;

    /// Returns lists of lists.
    async fn lists(&self, count: u32) -> Vec<Vec<Option<u32>>>;
    /// Concatenates lists of lists.
    async fn join_lists(&self, lists: Vec<Vec<Option<u32>>>) -> Vec<Option<u32>>;
    /// Returns a value of a recursive type.
    async fn tree(&self, tree: Tree) -> Tree;
    /// Returns the metadata of the call.
    async fn metadata(&self) -> Vec<(String, Value)>;
    /// Runs until it is aborted.
    async fn hold(&self);
    /// Returns `len` bytes.
    async fn fill(&self, len: u32) -> Vec<u8>;
    /// Panics.
    async fn panic(&self);
}

/// A service that neither side serves.
#[service]
pub trait Unserved {
    async fn anything(&self, value: u32) -> u32;
    async fn stream(&self, numbers: Rx<u32>) -> u32;
}
