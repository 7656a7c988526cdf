//! Sixth act: the records are thrown away and come back; the journal loses a line and the start is
//! refused.

use std::path::PathBuf;

use anyhow::Context;

use super::super::play::Play;

/// Deletes sled; then cuts the journal.
pub(in super::super) async fn lose_and_rebuild(play: &mut Play) -> anyhow::Result<()> {
    play.act("the records are lost, then a line of the journal")?;
    play.stage.stop_bot().await;
    std::fs::remove_dir_all(play.stage.directory().join("data/sled"))
        .context("cannot delete the records")?;
    play.page.happens("stopped; rm -r data/sled; started")?;
    play.stage.start_bot().await?;
    let told = play.introspect().await?;
    play.check(
        told["active"] == true && told["sub"] == "codex-kan-1",
        "everything is back, made anew from the journal: the token is still active",
        &told,
    )?;

    play.stage.stop_bot().await;
    let segment = last_segment(play)?;
    let whole = std::fs::read_to_string(&segment).context("cannot read the journal")?;
    let lines = whole.lines().count();
    let cut: String = whole.split_inclusive('\n').take(lines - 1).collect();
    std::fs::write(&segment, &cut).context("cannot cut the journal")?;
    play.page
        .happens("stopped; the journal's last line is cut off; started")?;
    let refusal = match play.stage.start_bot().await {
        Ok(()) => "it started".to_owned(),
        Err(refusal) => format!("{refusal:#}"),
    };
    play.page.happens(&format!("it says: {refusal}"))?;
    let after = std::fs::read_to_string(&segment).context("cannot read the journal")?;
    play.check(
        refusal.contains("acknowledged commits are missing") && after == cut,
        "it refuses to start: history that was promised is gone. No byte of the journal was changed",
        refusal,
    )?;
    std::fs::write(&segment, &whole).context("cannot put the journal back")?;
    play.page.happens("the line is put back; started")?;
    play.stage.start_bot().await?;
    play.stage.settle().await?;
    let told = play.introspect().await?;
    play.check(told["active"] == true, "the bot works again", &told)
}

/// The newest file of the journal.
fn last_segment(play: &Play) -> anyhow::Result<PathBuf> {
    let folder = play.stage.directory().join("data/journal");
    let files = std::fs::read_dir(&folder).context("there is no journal")?;
    let mut files = files
        .map(|file| file.map(|file| file.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    files.sort();
    files.pop().context("the journal is empty")
}
