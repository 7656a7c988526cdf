//! Decisions as stories: people write on a forge in memory, and the core decides.
//!
//! Every decision is made twice, once with the records loaded as it asks for them and once with all
//! records at hand, and both must be equal. `random` holds the invariants over random histories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod again;
mod asking;
mod boards;
mod claims;
mod codes;
mod counted;
mod cut;
mod ending;
mod forge;
mod going_on;
mod history;
mod holder;
mod imports;
mod judged;
mod life;
mod moves;
mod narrowed;
mod once;
mod ordered;
mod outcomes;
mod outside;
pub(crate) mod random;
mod reading;
mod review;
mod rules;
mod said_again;
mod standing;
mod standing_texts;
mod still;
mod story;
mod strangers;
mod successors;
mod timed;
mod unread;
mod uses;
mod votes;
mod wishes;

use forge::*;
use rules::*;
use story::*;
