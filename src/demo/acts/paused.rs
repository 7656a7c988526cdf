//! Eighth act: an owner lets an identity stand still at once, and only an owner lets it go on.

use serde_json::json;

use super::super::play::{Play, Who, all_seen};

/// Pauses, resumes.
pub(in super::super) async fn pause_and_resume(play: &mut Play) -> anyhow::Result<()> {
    play.act("the owner is not sure, and stops it for a while")?;
    play.comment(Who::Alice, "/gate pause codex-kan-1 odd calls at night")
        .await?;
    let told = play.introspect().await?;
    play.check(
        told == json!({"active": false}),
        "the next check is refused: what narrows is immediate",
        &told,
    )?;
    play.comment(Who::Codex, "/gate resume codex-kan-1").await?;
    let told = play.introspect().await?;
    play.check(
        told == json!({"active": false}),
        "the agent may only ask that it goes on: what widens needs an owner",
        &told,
    )?;
    let line = play.approve_line()?;
    let (_, answers) = play.comment(Who::Alice, &line).await?;
    let told = play.introspect().await?;
    play.check(
        told["active"] == true,
        "it works again, with the token that it had",
        format!("{told}; {}", all_seen(&answers)),
    )
}
