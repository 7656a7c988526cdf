//! Third act: the owner approves, and the bot is killed in the worst moment: the credential is
//! posted, and the forge's answer to that never comes.

use super::super::play::{Play, Who, all_seen};
use crate::miniforge::Fault;

/// Approves, kills, starts again.
pub(in super::super) async fn approve(play: &mut Play) -> anyhow::Result<()> {
    play.act("the owner approves, and the bot is killed")?;
    let line = play.approve_line()?;
    // The delivery is held until the fault is set: the next post in the thread is the bot's.
    play.stage.forge.hold_hooks();
    let approval = play.say(Who::Alice, &line).await?;
    play.approval = Some(approval);
    let posts = format!("/repos/alice/board/issues/{}/comments", play.issue.0);
    let fault = play
        .stage
        .forge
        .fault("POST", &posts, Some(1), Fault::LoseAnswer);
    play.stage.forge.release_hooks();
    play.stage.forge.fault_reached(fault, 1).await;
    let bot = play.stage.bot_account.id;
    let cut = play.stage.forge.called(|call| {
        call.user == Some(bot) && call.status.is_none() && call.path.contains(&posts)
    });
    cut.await;
    play.stage.kill_bot().await;
    play.page.happens(
        "kill -9: the bot has posted the credential, the answer was lost, and nothing was written down any more",
    )?;
    let posted = play.deliveries();
    play.check(
        posted == 1,
        "the forge has the comment; the bot cannot know",
        format!("{posted} credentials in the thread"),
    )?;
    play.stage.start_bot().await?;
    play.page
        .happens("the bot starts again on the same store")?;
    play.stage.settle().await?;
    let answers = play.answers()?;
    let (posted, issued) = (play.deliveries(), play.credentials()?);
    play.check(
        posted == 1 && issued == 1,
        "it finds its own comment by the hidden marker: one credential, posted once",
        format!("{issued} credentials; {}", all_seen(&answers)),
    )?;
    let reactions = play.reactions(approval).await?;
    play.check(
        reactions == ["+1"],
        "and the approval is marked as counted: 👍",
        format!("{reactions:?}"),
    )
}
