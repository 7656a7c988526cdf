//! The `ownergate` program.

fn main() {}
