//! What the npm package stands on to ask a server what it serves.

mod everything;
mod golden_file;

use roam_core::introspection::roam_introspection_v1_service;

#[test]
fn the_package_has_the_file_of_the_introspection_service() {
    let text = roam_codegen::typescript(roam_introspection_v1_service());
    // Within the package it cannot be imported by its name.
    let text = text.replace("\"roam-client\"", "\"../index.js\"");
    golden_file::check("../../../roam-wasm/js/src/introspect/service.ts", &text);
}

/// The tests of the package make of it what is generated.
#[test]
fn a_description_on_the_wire_is_what_it_was() {
    let bytes = postcard::to_stdvec(everything::everything_service()).unwrap();
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<_> = hex.chunks(48).map(<[String]>::concat).collect();
    golden_file::check("everything.hex", &(lines.join("\n") + "\n"));
}
