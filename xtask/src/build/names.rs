//! Shorter names in the wasm module.

/// Numbers the names that wasm-bindgen has made unique with a hash, in the module as text and in
/// the files of its bindings: nothing compresses a hash.
pub fn shorten(module: &mut String, bindings: &mut [String]) {
    let hashed: Vec<_> = module
        .split('"')
        .filter(|name| has_hash(name))
        .map(str::to_owned)
        .collect();
    for (number, name) in hashed.iter().enumerate() {
        let short = format!("_{number}");
        *module = module.replace(&format!("\"{name}\""), &format!("\"{short}\""));
        for text in &mut *bindings {
            *text = text.replace(name, &short);
        }
    }
}

/// Returns whether a name ends with 16 hexadecimal digits, after an underscore or `_h`.
fn has_hash(name: &str) -> bool {
    const DIGITS: usize = 16;
    let Some((start, hash)) = name
        .len()
        .checked_sub(DIGITS)
        .and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    let is_identifier = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && start.bytes().all(is_identifier)
        && (start.ends_with('_') || start.ends_with("_h"))
}

#[cfg(test)]
mod tests {
    use super::{has_hash, shorten};

    #[test]
    fn a_hash_is_sixteen_digits_at_the_end_of_a_name() {
        assert!(has_hash("__wbg_send_edc03c6e0faa9d0e"));
        assert!(has_hash(
            "wasm_bindgen__convert__closures_____invoke__ha89e36f8bf1ab6d3"
        ));
        for name in ["link_call", "__wbindgen_start", "0123456789abcdef", ""] {
            assert!(!has_hash(name), "{name}");
        }
        assert!(!has_hash(" a_edc03c6e0faa9d0e"), "not a name");
    }

    #[test]
    fn the_module_and_its_bindings_agree_on_the_new_names() {
        let mut module = r#"(import "./m.js" "__wbg_b_00000000000000ab" (func $a))
(export "c_h00000000000000cd" (func $b)) (export "memory" (memory $0))"#
            .to_owned();
        let mut bindings =
            ["__wbg_b_00000000000000ab: function() { wasm.c_h00000000000000cd(); }".to_owned()];
        shorten(&mut module, &mut bindings);
        let renamed = r#"(import "./m.js" "_0" (func $a))
(export "_1" (func $b)) (export "memory" (memory $0))"#;
        assert_eq!(module, renamed);
        assert_eq!(bindings, ["_0: function() { wasm._1(); }"]);
    }
}
