//! Second act: approvals that are none. A writer copies the line; a writer edits it into the owner's
//! comment.

use super::super::play::{Play, Who, all_seen, block};
use super::super::stage::KAN_NAME;

/// Tries to get a credential without the owner.
pub(in super::super) async fn refuse(play: &mut Play) -> anyhow::Result<()> {
    play.act("approvals that are none")?;
    let line = play.approve_line()?;
    let (comment, answers) = play.comment(Who::Carol, &line).await?;
    play.check(
        answers.is_empty(),
        "a writer's approval is answered with silence",
        all_seen(&answers),
    )?;
    let reactions = play.reactions(comment).await?;
    play.check(
        reactions.is_empty(),
        "and is not marked as seen or counted",
        format!("{reactions:?}"),
    )?;

    let (harmless, _) = play.comment(Who::Alice, "One moment, reading.").await?;
    play.page.happens(
        "carol edits alice's comment into the approval: a forge lets every writer do that",
    )?;
    let carol = play.person(Who::Carol);
    carol.edit_comment(KAN_NAME, harmless, &line).await?;
    play.stage.settle().await?;
    let answers = play.answers()?;
    let counted = answers
        .iter()
        .any(|body| block(body)["kind"] == "credential");
    play.check(
        !counted,
        "an edited comment approves nothing, whoever seems to have written it",
        all_seen(&answers),
    )?;
    let credentials = play.credentials()?;
    play.check(
        credentials == 0,
        "still no credential exists",
        format!("{credentials} credentials"),
    )
}
