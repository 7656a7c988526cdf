//! The story, an act a file: asked, refused, approved in a crash, used, replayed, lost and rebuilt,
//! rotated, paused, signed for production, taken back, closed.

pub(super) mod asking;
pub(super) mod closing;
pub(super) mod journal;
pub(super) mod killed;
pub(super) mod paused;
pub(super) mod production;
pub(super) mod refused;
pub(super) mod replayed;
pub(super) mod revoked;
pub(super) mod rotated;
pub(super) mod used;
