//! First act: an agent asks, and the bot shows the owners what was asked.

use super::super::play::{Play, Who, all_seen, block};
use super::super::stage::KAN_NAME;

/// Opens the thread and asks.
pub(in super::super) async fn ask(play: &mut Play) -> anyhow::Result<()> {
    let (forge, bot) = (play.stage.forge.url(), play.stage.url());
    let folder = play.stage.directory().display().to_string();
    for line in [
        "A miniature forge, the real bot and an empty store; nothing leaves this machine.",
        &format!("forge {forge} · bot {bot} · store in {folder}"),
    ] {
        play.page.verbatim(line)?;
    }
    let codex = play.person(Who::Codex);
    play.issue = codex.open_issue(KAN_NAME, "Sort the roadmap", "").await?;
    play.stage.settle().await?;
    play.act(&format!(
        "{KAN_NAME}#{} · Sort the roadmap · an agent asks",
        play.issue.0
    ))?;
    let request = format!(
        "/gate request identity=codex-* scopes=board:read,card:write ttl=8h environment=dev recipient={} reason=\"sort the roadmap\"",
        play.recipient
    );
    let (asked, answers) = play.comment(Who::Codex, &request).await?;
    let blocks: Vec<_> = answers.iter().map(|body| block(body)).collect();
    play.check(
        blocks.len() == 1 && blocks[0]["kind"] == "request",
        "the bot shows the owners what was asked, with the line that approves it",
        all_seen(&answers),
    )?;
    let reactions = play.reactions(asked).await?;
    play.check(
        reactions == ["eyes"],
        "it has put 👀 on the request",
        format!("{reactions:?}"),
    )?;
    let credentials = play.credentials()?;
    play.check(
        credentials == 0,
        "no credential exists",
        format!("{credentials} credentials"),
    )
}
