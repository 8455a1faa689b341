//! The generated file of a service with every kind of type. The tests of the npm package are
//! compiled against it.

mod everything;
mod golden_file;

#[test]
fn typescript_is_what_it_was() {
    let text = roam_codegen::typescript(everything::everything_service());
    golden_file::check("everything.ts", &text);
}
