//! The handler of `Testbed`.

use std::collections::BTreeMap;
use std::future::pending;

use super::{Context, Rx, Testbed, Tx, entries};
use crate::reports::{Reporter, Reports, reports};
use crate::types::{
    Canvas, Color, Containers, Kind, LookupError, Marker, MathError, Message, Meters, Person,
    Point, Rectangle, Scalars, Shape, Signed, Tree, Unsigned, Value,
};

#[derive(Clone, Debug)]
pub struct TestbedHandler(Reporter);

pub fn testbed_handler() -> (TestbedHandler, Reports) {
    let (reporter, reports) = reports();
    (TestbedHandler(reporter), reports)
}

impl Testbed for TestbedHandler {
    async fn echo(&self, _: &Context, message: String) -> String {
        message
    }

    async fn reverse(&self, _: &Context, message: String) -> String {
        message.chars().rev().collect()
    }

    async fn divide(&self, _: &Context, dividend: i64, divisor: i64) -> Result<i64, MathError> {
        if divisor == 0 {
            return Err(MathError::DivisionByZero);
        }
        dividend.checked_div(divisor).ok_or(MathError::Overflow)
    }

    async fn lookup(&self, _: &Context, id: u32) -> Result<Person, LookupError> {
        match id {
            1 => Ok(person("Alice", 30, Some("alice@example.com"))),
            2 => Ok(person("Bob", 25, None)),
            7 => Err(LookupError::AccessDenied {
                id,
                why: "secret".to_owned(),
            }),
            _ => Err(LookupError::NotFound),
        }
    }

    async fn sum(&self, _: &Context, mut numbers: Rx<i32>) -> i64 {
        let mut sum = 0;
        while let Ok(Some(number)) = numbers.recv().await {
            sum += i64::from(number);
        }
        sum
    }

    async fn generate(&self, _: &Context, count: u32, output: Tx<i32>) {
        for number in 0..count {
            if output.send(&number.cast_signed()).await.is_err() {
                return;
            }
        }
    }

    async fn transform(&self, _: &Context, mut input: Rx<String>, output: Tx<String>) {
        while let Ok(Some(text)) = input.recv().await {
            if output.send(&text.to_uppercase()).await.is_err() {
                return;
            }
        }
    }

    async fn echo_point(&self, _: &Context, point: Point) -> Point {
        point
    }

    async fn create_person(
        &self,
        _: &Context,
        name: String,
        age: u8,
        email: Option<String>,
    ) -> Person {
        Person { name, age, email }
    }

    async fn rectangle_area(&self, _: &Context, rect: Rectangle) -> f64 {
        let Rectangle {
            top_left: from,
            bottom_right: to,
            ..
        } = rect;
        f64::from(to.x - from.x) * f64::from(to.y - from.y)
    }

    async fn parse_color(&self, _: &Context, name: String) -> Option<Color> {
        match name.as_str() {
            "red" => Some(Color::Red),
            "green" => Some(Color::Green),
            "blue" => Some(Color::Blue),
            _ => None,
        }
    }

    async fn shape_area(&self, _: &Context, shape: Shape) -> f64 {
        match shape {
            Shape::Circle { radius } => std::f64::consts::PI * radius * radius,
            Shape::Rectangle { width, height } => width * height,
            Shape::Point => 0.0,
        }
    }

    async fn create_canvas(
        &self,
        _: &Context,
        name: String,
        shapes: Vec<Shape>,
        background: Color,
    ) -> Canvas {
        Canvas {
            name,
            shapes,
            background,
        }
    }

    async fn process_message(&self, _: &Context, msg: Message) -> Message {
        match msg {
            Message::Text(text) => Message::Text(format!("processed: {text}")),
            Message::Number(number) => Message::Number(number * 2),
            Message::Data(data) => Message::Data(data.into_iter().rev().collect()),
        }
    }

    async fn get_points(&self, _: &Context, count: u32) -> Vec<Point> {
        (0..count.cast_signed())
            .map(|x| Point { x, y: x * 2 })
            .collect()
    }

    async fn swap_pair(&self, _: &Context, pair: (i32, String)) -> (String, i32) {
        (pair.1, pair.0)
    }

    async fn nothing(&self, _: &Context) {}

    async fn check(&self, _: &Context, fine: bool) -> Result<(), String> {
        if fine {
            Ok(())
        } else {
            Err("not fine".to_owned())
        }
    }

    async fn kinds(&self, _: &Context, kinds: Vec<Kind>) -> Vec<Kind> {
        kinds
    }

    async fn unsigned(&self, _: &Context, value: Unsigned) -> Unsigned {
        value
    }

    async fn signed(&self, _: &Context, value: Signed) -> Signed {
        value
    }

    async fn scalars(&self, _: &Context, value: Scalars) -> Scalars {
        value
    }

    async fn containers(&self, _: &Context, value: Containers) -> Containers {
        value
    }

    async fn wrapped(
        &self,
        _: &Context,
        meters: Meters,
        _: Marker,
        maybe: Option<Meters>,
    ) -> Meters {
        maybe.unwrap_or(meters)
    }

    async fn tree(&self, _: &Context, tree: Tree) -> Tree {
        tree
    }

    async fn count_words(&self, _: &Context, words: Vec<String>) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for word in words {
            *counts.entry(word).or_default() += 1;
        }
        counts
    }

    async fn collect(&self, _: &Context, mut messages: Rx<Message>) -> Vec<Message> {
        let mut collected = Vec::new();
        while let Ok(Some(message)) = messages.recv().await {
            collected.push(message);
        }
        collected
    }

    async fn points(&self, _: &Context, from: Point, count: u32, output: Tx<Point>) -> u32 {
        for step in 0..count.cast_signed() {
            let point = Point {
                x: from.x + step,
                y: from.y - step,
            };
            if output.send(&point).await.is_err() {
                return 0;
            }
        }
        count
    }

    async fn lists(&self, _: &Context, count: u32) -> Vec<Vec<Option<u32>>> {
        let list = |len| (0..len).map(|number| (number % 2 == 0).then_some(number));
        (0..count).map(|len| list(len).collect()).collect()
    }

    async fn join_lists(&self, _: &Context, lists: Vec<Vec<Option<u32>>>) -> Vec<Option<u32>> {
        lists.concat()
    }

    async fn metadata(&self, cx: &Context) -> Vec<(String, Value)> {
        entries(cx)
    }

    async fn hold(&self, _: &Context) {
        let _running = self.0.run();
        pending::<()>().await;
    }

    async fn fill(&self, _: &Context, len: u32) -> Vec<u8> {
        vec![7; len as usize]
    }

    async fn panic(&self, _: &Context) {
        panic!("requested by the test")
    }
}

fn person(name: &str, age: u8, email: Option<&str>) -> Person {
    Person {
        name: name.to_owned(),
        age,
        email: email.map(str::to_owned),
    }
}
