//! What fuzzing has found to be worth keeping still holds.

use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(name);
    let files = std::fs::read_dir(&folder).expect("the repository holds what was found");
    let mut number = 0;
    for file in files {
        let path = file.expect("a file").path();
        // When it panics, the captured output ends with the culprit.
        println!("{}", path.display());
        target(&std::fs::read(path).expect("it can be read"));
        number += 1;
    }
    assert!(number > 10, "{number} inputs in {}", folder.display());
}

#[test]
fn messages_that_decode_encode_to_the_same_bytes() {
    replay("message", super::message);
}

#[test]
fn messages_are_the_same_in_every_framing() {
    replay("framing", super::framing);
}

#[test]
fn a_machine_stands_whatever_its_peer_and_its_user_do() {
    replay("machine", super::machine);
}

#[test]
fn two_honest_peers_keep_every_promise() {
    replay("pair", super::pair);
}
