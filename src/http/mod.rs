//! The HTTP edges.
