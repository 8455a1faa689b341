//! Doc comments.

/// Converts a Rust doc comment into an indented TypeScript one, or nothing if it is empty.
pub(crate) fn comment(doc: &str, indent: usize) -> String {
    let doc = doc.trim_end().replace("*/", "*\\/");
    let space = " ".repeat(indent);
    match doc.lines().count() {
        0 => String::new(),
        1 => format!("{space}/** {doc} */\n"),
        _ => {
            let mut comment = format!("{space}/**\n");
            for line in doc.lines() {
                let line = format!("{space} * {line}");
                comment.push_str(line.trim_end());
                comment.push('\n');
            }
            comment + &format!("{space} */\n")
        }
    }
}
