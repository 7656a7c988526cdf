//! Eleventh act: the owner takes it back, and the time to the first refusal is measured.

use serde_json::json;

use super::super::play::{Play, Who, all_seen};
use super::replayed::deliver_again;

/// The first refusal has to come within this many milliseconds.
const WITHIN: u128 = 3_000;

/// Revokes, measures, replays the approval once more.
pub(in super::super) async fn revoke(play: &mut Play) -> anyhow::Result<()> {
    play.act("the owner takes it back")?;
    let clock = play.stage.clock().clone();
    let before = clock.monotonic();
    play.say(Who::Alice, "/gate revoke codex-kan-1").await?;
    let (mut checks, mut told) = (0_u32, json!({"active": true}));
    // Each round asks the bot over HTTP, as fast as it answers.
    while told["active"] == true && (clock.monotonic() - before).as_millis() < WITHIN {
        told = play.introspect().await?;
        checks += 1;
    }
    let took = clock.monotonic() - before;
    play.stage.settle().await?;
    let answers = play.answers()?;
    play.page
        .happens(&format!("kanban-api asks without a pause: {told}"))?;
    play.check(
        told == json!({"active": false}),
        &format!(
            "check number {checks} is refused, {:.1} ms after alice pressed the button (forge, webhook, re-read and fdatasync included)",
            took.as_secs_f64() * 1_000.0
        ),
        format!("{told} after {checks} checks"),
    )?;
    play.check(
        answers.len() == 1,
        "the bot says what was done",
        all_seen(&answers),
    )?;
    deliver_again(play, 3).await?;
    let told = play.introspect().await?;
    play.check(
        told == json!({"active": false}),
        "the old approval revives nothing",
        &told,
    )
}
