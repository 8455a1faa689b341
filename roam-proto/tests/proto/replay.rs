//! Replays the fuzzing corpora.

use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(name);
    let files = std::fs::read_dir(&folder).expect("the corpus is in the repository");
    let mut number = 0;
    for file in files {
        let path = file.expect("a file").path();
        // After a panic, the captured output ends with the failing input.
        println!("{}", path.display());
        target(&std::fs::read(path).expect("the input is readable"));
        number += 1;
    }
    assert!(number > 10, "{number} inputs in {}", folder.display());
}

#[test]
fn decoded_messages_encode_to_the_same_bytes() {
    replay("message", super::fuzz::message);
}

#[test]
fn framings_deliver_the_same_messages() {
    replay("framing", super::fuzz::framing);
}

#[test]
fn byte_streams_hold_the_same_frames_however_they_arrive() {
    replay("stream", super::fuzz::stream);
}

#[test]
fn machine_survives_any_peer_and_user() {
    replay("machine", super::fuzz::machine);
}

#[test]
fn honest_peers_keep_every_invariant() {
    replay("pair", super::fuzz::pair);
}

#[test]
fn honest_peers_keep_every_invariant_over_transports_that_fail() {
    replay("cuts", super::fuzz::cuts);
}
