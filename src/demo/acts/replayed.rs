//! Fifth act: the approval is delivered again and again, rightly signed.

use anyhow::Context;

use super::super::play::{Play, all_seen};
use crate::miniforge::Outcome;

/// How often.
const TIMES: usize = 10;

/// Replays the approval.
pub(in super::super) async fn replay(play: &mut Play) -> anyhow::Result<()> {
    play.act("the approval is replayed")?;
    deliver_again(play, TIMES).await
}

/// Sends the approval's delivery again and checks that nothing comes of it.
pub(in super::super) async fn deliver_again(play: &mut Play, times: usize) -> anyhow::Result<()> {
    let approval = play.approval.context("nothing was approved")?;
    let delivery = play
        .delivery_of(approval)
        .context("the approval was never delivered")?;
    let (line, credentials) = (play.line()?, play.credentials()?);
    let mut answered = Vec::new();
    for _ in 0..times {
        let again = play.stage.forge.replay(delivery);
        play.stage.settle().await?;
        let again = again.and_then(|at| play.stage.forge.deliveries().get(at).cloned());
        answered.push(again.map(|delivery| delivery.outcome));
    }
    play.page.happens(&format!(
        "the signed delivery of alice's approval comes again, {times} times, each under a new id"
    ))?;
    let well = answered
        .iter()
        .all(|outcome| *outcome == Some(Outcome::Answered(202)));
    let answers = play.answers()?;
    let same = play.line()? == line && play.credentials()? == credentials;
    play.check(
        well && same && answers.is_empty(),
        "each is answered 202 and nothing comes of it: no comment, no credential, no line in the journal",
        format!(
            "{answered:?}; lines {line} to {}; {}",
            play.line()?,
            all_seen(&answers)
        ),
    )
}
