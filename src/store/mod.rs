//! The journal, and sled as its projection.
