use std::borrow::Cow;

use roam_core::Schema;

#[derive(Schema)]
pub struct Borrowing<'a> {
    text: Cow<'a, str>,
}

#[derive(Schema)]
pub union Either {
    a: u8,
    b: u8,
}

#[derive(Schema)]
#[repr(transparent)]
pub struct Nothing(());

fn main() {}
