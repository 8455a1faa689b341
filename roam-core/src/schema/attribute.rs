//! Attributes of methods.

use std::fmt;

/// What a method promises its callers beyond its signature, by a name such as `idempotent`. Later
/// versions may add others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attribute(&'static str);

impl Attribute {
    /// `#[roam(idempotent)]`: calling twice has the effect of calling once, so that a call may be
    /// repeated after its link was lost.
    pub const IDEMPOTENT: Self = Self::new("idempotent");
    /// `#[roam(resumable)]`: its arguments say where its stream begins, so that a reader whose link
    /// was lost may call again for the rest. roam itself never does so.
    pub const RESUMABLE: Self = Self::new("resumable");

    /// Returns the attribute with this name.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
