//! Files that the npm package needs to query a server for its services.

mod everything;
mod golden_file;

use roam_core::introspection::roam_introspection_v1_service;

#[test]
fn package_has_the_current_introspection_service() {
    let text = roam_codegen::typescript(roam_introspection_v1_service());
    // The package cannot import itself by name.
    let text = text.replace("\"@roam-rpc/client\"", "\"../index.js\"");
    golden_file::check("../../../roam-wasm/js/src/introspect/service.ts", &text);
}

/// The package's tests convert it and compare the result with the generated descriptor.
#[test]
fn encoded_descriptor_matches_the_golden_file() {
    let bytes = postcard::to_stdvec(everything::everything_service()).unwrap();
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<_> = hex.chunks(48).map(<[String]>::concat).collect();
    golden_file::check("everything.hex", &(lines.join("\n") + "\n"));
}
