//! What the core cannot know in a random history: the forge has nothing to read, nobody configured
//! anything, the clock or the disk fails, or lines are missing.

use super::Life;
use crate::gate::decide::tests::*;

/// How many kinds there are.
pub(super) const BLINDNESSES: u8 = 8;

/// The one in which nobody has said anything.
pub(super) const WORDLESS: u8 = 2;

impl Life {
    /// From now on something is not known.
    pub(super) fn blind(&mut self, kind: u8) {
        self.rest();
        let boards = [KAN, OPS];
        match kind {
            // The repositories are gone, or their issues, or all that was said in them.
            0 => self.story.forge.names.clear(),
            1 => {
                let issues = self.story.forge.issues.values_mut();
                issues.for_each(|issue| issue.gone = true);
            }
            WORDLESS => {
                let comments = self.story.forge.comments.values_mut();
                comments.for_each(|comment| comment.deleted = true);
            }
            // There is no gate, or nobody who may approve.
            3 => boards.into_iter().for_each(|board| {
                self.story.reconfigure(board, |board| board.gates.clear());
            }),
            4 => boards.into_iter().for_each(|board| {
                self.story.reconfigure(board, |board| board.owners.clear());
            }),
            5 => self.story.clock = Some("it jumped".to_owned()),
            6 => self.story.low_space = true,
            _ => self.hold(),
        }
    }
}
