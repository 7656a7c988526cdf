//! What comes in by the bot's own doors: that somebody was turned away there is written down.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::one_line;
use super::super::operator::By;
use super::super::order::TurnedAway;
use super::Draft;

/// Writes down that somebody was turned away. When the disk is nearly full it is only logged.
pub(super) fn turned_away(draft: &mut Draft<'_>, turned_away: &TurnedAway) {
    draft.outcome("order", "turned_away");
    if draft.given.low_space {
        return;
    }
    let TurnedAway {
        by,
        why,
        board,
        times,
    } = turned_away;
    draft.cause(
        "turned_away",
        json!({ "operator": by.as_ref().map(By::name) }),
    );
    let actor = by.as_ref().map_or(Actor::Bot, By::actor);
    draft.entry(
        Entry::new("operator_turned_away", actor, one_line(why, 400))
            .with_facts(json!({ "times": times, "repository_id": board })),
    );
}
