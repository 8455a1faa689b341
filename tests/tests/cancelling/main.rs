//! What ends a call, and what its handler sees of it: the table of docs/cancellation.md.

mod cell;
mod desk;
mod table;
mod way;
mod world;

use std::collections::HashMap;
use std::time::Duration;

use roam_tests::watched;

use cell::check;
use desk::Kind;
use table::Table;
use way::{Lost, Way};
use world::LINKS;

/// Checks each cell of the table, for a caller that is one, two and three links away from the handler.
#[test]
fn the_table_of_what_ends_a_call_is_true() {
    let table = Table::of_rust();
    assert_eq!(table.rows(), Way::ALL.map(Way::name), "rows of the table");
    assert_eq!(table.columns(), Kind::ALL.map(Kind::name), "its columns");
    let mut slowest: HashMap<(Way, usize), Duration> = HashMap::new();
    for way in Way::ALL {
        for links in LINKS {
            for kind in Kind::ALL {
                let Some(expected) = table.cell(way.name(), kind.name()) else {
                    continue;
                };
                for lost in way.places(links) {
                    println!("{}: {}, {links} links, {lost:?}", way.name(), kind.name());
                    let took = watched(check(way, kind, links, lost, &expected));
                    let longest = slowest.entry((way, links)).or_default();
                    *longest = took.max(*longest);
                }
            }
        }
    }
    println!("how long it took at most, over 1, 2 and 3 links:");
    for way in Way::ALL {
        let took = LINKS.map(|links| slowest.get(&(way, links)).copied().unwrap_or_default());
        println!("{:>10.1?} {}", took, way.name());
    }
}

/// A call of one kind that nothing ends is answered, so the cells above say something.
#[test]
fn what_nothing_ends_is_answered() {
    for kind in Kind::ALL {
        let goes_on = table::Expected::goes_on();
        watched(check(Way::Nothing, kind, 3, Lost::None, &goes_on));
    }
}
