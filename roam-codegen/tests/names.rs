//! Names of methods and parameters.

use roam_core::service;

#[service]
trait Measures {
    async fn größe(&self, größe: u8) -> u8;
    async fn maß(&self) -> u8;
}

#[test]
fn methods_keep_names_that_are_not_ascii() {
    let text = roam_codegen::typescript(measures_service());
    for line in [
        "  \"größe\"(_: number, options?: roam.CallOptions): roam.Call<number>;",
        "  \"größe\"(_: number, context: roam.Context): roam.Answer<number>;",
        "  \"maß\"(options?: roam.CallOptions): roam.Call<number>;",
        "  \"maß\"(context: roam.Context): roam.Answer<number>;",
        "      name: \"größe\",",
    ] {
        assert!(text.lines().any(|it| it == line), "no line {line}\n{text}");
    }
}
