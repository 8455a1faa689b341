//! Compile errors that users see, and code that must compile without warnings.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/right/*.rs");
    cases.compile_fail("tests/ui/wrong/*.rs");
}
