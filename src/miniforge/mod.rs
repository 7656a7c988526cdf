//! A small stateful Forgejo in process, for the demo and the tests.
