//! Calls of every method, with the answers of [`TestbedHandler`](super::TestbedHandler).

use std::collections::{BTreeMap, BTreeSet};

use tokio::join;

use super::{TestbedClient, channel, user_error};
use crate::types::{
    Canvas, Color, Containers, Kind, LookupError, Marker, MathError, Message, Meters, Mixed,
    Person, Point, Rectangle, Scalars, Shape, Signed, Unsigned,
};

pub async fn every_method(client: &TestbedClient) {
    text(client).await;
    errors(client).await;
    structs(client).await;
    enums(client).await;
    numbers(client).await;
    containers(client).await;
    streams_in(client).await;
    streams_out(client).await;
    streams_through(client).await;
    at_once(client).await;
}

async fn text(client: &TestbedClient) {
    for text in ["", "hello", "naïve ☕ 🦀", "a\0b"] {
        assert_eq!(client.echo(text.to_owned()).await.unwrap(), text);
    }
    assert_eq!(client.reverse("hello".to_owned()).await.unwrap(), "olleh");
    let pair = client.swap_pair((-42, "pair".to_owned())).await.unwrap();
    assert_eq!(pair, ("pair".to_owned(), -42));
    client.nothing().await.unwrap();
}

async fn errors(client: &TestbedClient) {
    assert_eq!(client.divide(7, 2).await.unwrap(), 3);
    assert_eq!(
        user_error(client.divide(7, 0).await),
        MathError::DivisionByZero
    );
    assert_eq!(
        user_error(client.divide(i64::MIN, -1).await),
        MathError::Overflow
    );
    assert_eq!(client.lookup(1).await.unwrap().name, "Alice");
    assert_eq!(client.lookup(2).await.unwrap().email, None);
    assert_eq!(user_error(client.lookup(99).await), LookupError::NotFound);
    let denied = LookupError::AccessDenied {
        id: 7,
        why: "secret".to_owned(),
    };
    assert_eq!(user_error(client.lookup(7).await), denied);
    client.check(true).await.unwrap();
    assert_eq!(user_error(client.check(false).await), "not fine");
}

async fn structs(client: &TestbedClient) {
    let point = Point {
        x: i32::MIN,
        y: i32::MAX,
    };
    assert_eq!(client.echo_point(point.clone()).await.unwrap(), point);
    for email in [None, Some("carol@example.com".to_owned())] {
        let person = client
            .create_person("Carol".to_owned(), 41, email.clone())
            .await
            .unwrap();
        assert_eq!(
            person,
            Person {
                name: "Carol".to_owned(),
                age: 41,
                email
            }
        );
    }
    let points = client.get_points(3).await.unwrap();
    assert_eq!(points, [0, 1, 2].map(|x| Point { x, y: 2 * x }));
    assert_eq!(client.get_points(0).await.unwrap(), []);
    let long = client
        .wrapped(Meters(1.5), Marker, Some(Meters(-2.25)))
        .await
        .unwrap();
    assert_eq!(long, Meters(-2.25));
    let rect = Rectangle {
        top_left: Point { x: 1, y: 2 },
        bottom_right: Point { x: 5, y: 8 },
        label: Some("box".to_owned()),
    };
    assert_eq!(
        client.rectangle_area(rect).await.unwrap().to_bits(),
        24f64.to_bits()
    );
}

async fn enums(client: &TestbedClient) {
    assert_eq!(
        client.parse_color("green".to_owned()).await.unwrap(),
        Some(Color::Green)
    );
    assert_eq!(client.parse_color("loud".to_owned()).await.unwrap(), None);
    for (shape, area) in [
        (Shape::Circle { radius: 1.0 }, std::f64::consts::PI),
        (
            Shape::Rectangle {
                width: 2.0,
                height: 3.5,
            },
            7.0,
        ),
        (Shape::Point, 0.0),
    ] {
        assert_eq!(
            client.shape_area(shape).await.unwrap().to_bits(),
            area.to_bits()
        );
    }
    let shapes = vec![Shape::Point, Shape::Circle { radius: 0.5 }];
    let canvas = client
        .create_canvas("c".to_owned(), shapes.clone(), Color::Blue)
        .await
        .unwrap();
    assert_eq!(
        canvas,
        Canvas {
            name: "c".to_owned(),
            shapes,
            background: Color::Blue
        }
    );
    for (message, answer) in [
        (
            Message::Text("hi".to_owned()),
            Message::Text("processed: hi".to_owned()),
        ),
        (Message::Number(-21), Message::Number(-42)),
        (Message::Data(vec![1, 2, 3]), Message::Data(vec![3, 2, 1])),
    ] {
        assert_eq!(client.process_message(message).await.unwrap(), answer);
    }
    let kinds = vec![
        Kind::Unit,
        Kind::Newtype(u16::MAX),
        Kind::Tuple(1, "two".to_owned(), Some(true)),
        Kind::Struct {
            id: u64::MAX,
            tags: vec!["a".to_owned(), String::new()],
        },
        Kind::Nested(Point { x: -1, y: 1 }),
        Kind::Last,
    ];
    assert_eq!(client.kinds(kinds.clone()).await.unwrap(), kinds);
}

async fn numbers(client: &TestbedClient) {
    let unsigned = Unsigned {
        byte: u8::MAX,
        short: u16::MAX,
        int: u32::MAX,
        long: u64::MAX,
        longest: u128::MAX,
        size: usize::MAX,
    };
    assert_eq!(client.unsigned(unsigned.clone()).await.unwrap(), unsigned);
    let signed = Signed {
        byte: i8::MIN,
        short: i16::MIN,
        int: i32::MIN,
        long: i64::MIN,
        longest: i128::MIN,
        size: isize::MIN,
    };
    assert_eq!(client.signed(signed.clone()).await.unwrap(), signed);
    let scalars = Scalars {
        yes: true,
        single: f32::MIN_POSITIVE,
        double: -f64::MAX,
        letter: '🦀',
        text: "text".to_owned(),
        nothing: (),
    };
    assert_eq!(client.scalars(scalars.clone()).await.unwrap(), scalars);
}

async fn containers(client: &TestbedClient) {
    let full = Containers {
        bytes: (0..=255).collect(),
        list: vec![1, 300, 70_000],
        array: [1, 2, 65_535],
        map: BTreeMap::from([("a".to_owned(), vec![1]), ("b".to_owned(), vec![])]),
        set: BTreeSet::from([-3, 0, 3]),
        tuple: (true, ('x', 9)),
        some: Some(vec![-1, 300]),
        boxed: Box::new(7),
        meters: Meters(0.5),
        mixed: Mixed(1, "one".to_owned()),
        marker: Marker,
    };
    assert_eq!(client.containers(full.clone()).await.unwrap(), full);
    let empty = Containers {
        bytes: vec![],
        list: vec![],
        map: BTreeMap::new(),
        set: BTreeSet::new(),
        some: None,
        ..full
    };
    assert_eq!(client.containers(empty.clone()).await.unwrap(), empty);
    let words = ["a", "b", "a"].map(str::to_owned).to_vec();
    let counts = client.count_words(words).await.unwrap();
    assert_eq!(
        counts,
        BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)])
    );
}

async fn streams_in(client: &TestbedClient) {
    let (tx, rx) = channel();
    let send = async move {
        for number in 0..5_000i32 {
            tx.send(&number).await.unwrap();
        }
    };
    let (sum, ()) = join!(async { client.sum(rx).await }, send);
    assert_eq!(sum.unwrap(), 12_497_500);

    let (tx, rx) = channel();
    drop(tx);
    assert_eq!(client.sum(rx).await.unwrap(), 0);

    let messages = vec![
        Message::Number(1),
        Message::Data(vec![0; 300]),
        Message::Text("x".into()),
    ];
    let (tx, rx) = channel();
    let send = async {
        for message in &messages {
            tx.send(message).await.unwrap();
        }
        drop(tx);
    };
    let (collected, ()) = join!(async { client.collect(rx).await }, send);
    assert_eq!(collected.unwrap(), messages);
}

async fn streams_out(client: &TestbedClient) {
    for count in [0u32, 1, 5_000] {
        let (tx, mut rx) = channel();
        let receive = async move {
            let mut next = 0i32;
            while let Some(number) = rx.recv().await.unwrap() {
                assert_eq!(number, next);
                next += 1;
            }
            next.cast_unsigned()
        };
        let (done, received) = join!(async { client.generate(count, tx).await }, receive);
        done.unwrap();
        assert_eq!(received, count);
    }

    let (tx, mut rx) = channel();
    assert_eq!(client.points(Point { x: 1, y: 1 }, 2, tx).await.unwrap(), 2);
    assert_eq!(rx.recv().await.unwrap(), Some(Point { x: 1, y: 1 }));
    assert_eq!(rx.recv().await.unwrap(), Some(Point { x: 2, y: 0 }));
    assert_eq!(rx.recv().await.unwrap(), None);
}

/// Awaits each answer before it sends the next element, so neither side may wait for more.
async fn streams_through(client: &TestbedClient) {
    let (tx, input) = channel();
    let (output, mut rx) = channel();
    let talk = async move {
        for word in ["one", "two", "three"] {
            tx.send(&word.to_owned()).await.unwrap();
            assert_eq!(rx.recv().await.unwrap(), Some(word.to_uppercase()));
        }
        drop(tx);
        assert_eq!(rx.recv().await.unwrap(), None);
    };
    let (done, ()) = join!(async { client.transform(input, output).await }, talk);
    done.unwrap();
}

async fn at_once(client: &TestbedClient) {
    let calls = (0..100i64).map(async |number| client.divide(number * 3, 3).await.unwrap());
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers, (0..100).collect::<Vec<_>>());
    let long = "longer than a block and without zeros ".repeat(20_000);
    let (a, b) = join!(async { client.echo(long.clone()).await }, async {
        client.echo(long.clone()).await
    });
    assert!(a.unwrap() == long && b.unwrap() == long);
}
