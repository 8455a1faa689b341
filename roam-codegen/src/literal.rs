//! JavaScript literals, formatted like prettier's output.

use crate::declarations::WIDTH;
use crate::identifiers::{property, quoted};

/// A JavaScript literal.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Number(usize),
    Text(String),
    Array(Vec<Literal>),
    Object(Vec<(&'static str, Literal)>),
}

impl Literal {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Formats the literal for a line with `indent` spaces of indentation and `used` characters
    /// before it. One more character follows it.
    pub(crate) fn print(&self, indent: usize, used: usize) -> String {
        if !self.must_break() {
            let line = self.line();
            if used + line.len() < WIDTH {
                return line;
            }
        }
        let inner = indent + 2;
        let space = " ".repeat(inner);
        let end = " ".repeat(indent);
        match self {
            Self::Array(elements) if !elements.is_empty() => {
                let lines = elements
                    .iter()
                    .map(|element| format!("{space}{},\n", element.print(inner, inner)));
                format!("[\n{}{end}]", lines.collect::<String>())
            }
            Self::Object(members) if !members.is_empty() => {
                let lines = members.iter().map(|(name, value)| {
                    let name = property(name);
                    let used = inner + name.len() + ": ".len();
                    format!("{space}{name}: {},\n", value.print(inner, used))
                });
                format!("{{\n{}{end}}}", lines.collect::<String>())
            }
            _ => self.line(),
        }
    }

    /// Returns whether prettier always breaks the literal: it never keeps a list of lists, or of
    /// objects, on one line.
    fn must_break(&self) -> bool {
        let Self::Array(elements) = self else {
            return matches!(self, Self::Object(members) if members.iter().any(|(_, value)| value.must_break()));
        };
        let lists =
            |literal: &Literal| matches!(literal, Self::Array(elements) if elements.len() > 1);
        let objects =
            |literal: &Literal| matches!(literal, Self::Object(members) if members.len() > 1);
        let together =
            elements.len() > 1 && (elements.iter().all(lists) || elements.iter().all(objects));
        together || elements.iter().any(Self::must_break)
    }

    fn line(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => quoted(text),
            Self::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::line).collect();
                format!("[{}]", elements.join(", "))
            }
            Self::Object(members) if members.is_empty() => "{}".to_owned(),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("{}: {}", property(name), value.line()));
                format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
