//! Seventh act: the agent gets a successor of its token; the old one goes on until a grace after the first use
//! of the new one.

use super::super::play::{Play, Who, all_seen};

/// Rotates.
pub(in super::super) async fn rotate(play: &mut Play) -> anyhow::Result<()> {
    play.act("the agent wants a fresh token")?;
    let before = play.deliveries();
    let old = play.token()?;
    play.comment(Who::Codex, "/gate rotate codex-kan-1").await?;
    let line = play.approve_line()?;
    let (_, answers) = play.comment(Who::Alice, &line).await?;
    play.check(
        play.deliveries() == before + 1,
        "the successor is sealed to the key that the first one was for",
        all_seen(&answers),
    )?;
    let token = play.opened()?;
    play.keep(token);
    let new = play.introspect().await?;
    let old = play.stage.introspect(&old).await?;
    play.page.happens(
        "codex opens it, and uses it; kanban-api asks about both: active until the old one's quarter of an hour is over",
    )?;
    play.check(
        new["active"] == true && new["sub"] == "codex-kan-1" && old["active"] == true,
        "both work, so that nothing stands still while the agent changes over",
        format!("{new}; {old}"),
    )
}
