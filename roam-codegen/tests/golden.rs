//! The generated file for a service with every kind of type. The npm package's tests are compiled
//! against it.

mod everything;
mod golden_file;

#[test]
fn typescript_matches_the_golden_file() {
    let text = roam_codegen::typescript(everything::everything_service());
    golden_file::check("everything.ts", &text);
}
