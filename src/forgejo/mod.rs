//! Everything that knows Forgejo.
