//! The demo: the whole story on a miniature forge, each step checked as it happens.

pub mod stage;
