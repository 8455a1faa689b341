//! What users see of the macros' errors, and what must compile without a warning.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/right/*.rs");
    cases.compile_fail("tests/ui/wrong/*.rs");
}
