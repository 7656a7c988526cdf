//! Ninth and tenth act: a gate that wants a signature, which the forge alone cannot open; then its issue
//! is closed, which stops everything that lives there.

use anyhow::{Context, bail};
use reqwest::StatusCode;
use serde_json::json;

use super::super::play::{Play, Who, all_seen, block};
use super::super::signer::SshKey;
use super::super::stage::KAN_NAME;
use crate::gate::statement::APPROVE;
use crate::secret::token::NoRandomness;

/// The gate, before the one for `dev`.
const GATE: &str = "[board.gate.production]
scopes = [\"board:read\"]
max_ttl = \"7d\"
quorum = 1
factors = [\"comment\", \"signature\"]

[board.gate.dev]";

/// The keys that the bot's config names for the owners.
pub(in super::super) struct OwnerKeys {
    /// Of the owner who approves.
    alice: SshKey,
    /// Of the other one.
    piotr: SshKey,
}

impl OwnerKeys {
    /// New ones.
    pub(in super::super) fn new() -> Result<Self, NoRandomness> {
        Ok(Self {
            alice: SshKey::new()?,
            piotr: SshKey::new()?,
        })
    }

    /// The configuration with these keys, and the gate that demands signatures by them.
    pub(in super::super) fn pinned(&self, config: &str) -> String {
        let pin = |config: String, login: &str, key: &SshKey| {
            let line = format!("login = \"{login}\"\n");
            let more = format!("{line}signing_keys = [\"{}\"]\n", key.public());
            config.replacen(&line, &more, 1)
        };
        let config = pin(config.to_owned(), "alice", &self.alice);
        pin(config, "piotr", &self.piotr)
            .replacen("[board.gate.dev]", GATE, 1)
            .replacen("\"pair\"]", "\"pair\", \"production\"]", 1)
    }
}

/// Asks for production, tries without a signature, signs.
pub(in super::super) async fn sign(play: &mut Play) -> anyhow::Result<()> {
    let codex = play.person(Who::Codex);
    let issue = codex.open_issue(KAN_NAME, "Read production", "").await?;
    play.turn_to(issue);
    play.stage.settle().await?;
    let title = format!("{KAN_NAME}#{} · Read production", play.issue.0);
    play.act(&format!("{title} · a gate that wants a signature"))?;
    let request = format!(
        "/gate request identity=codex-* scopes=board:read ttl=1h environment=production recipient={}",
        play.recipient
    );
    play.comment(Who::Codex, &request).await?;
    let line = play.approve_line()?;
    let (_, answers) = play.comment(Who::Alice, &line).await?;
    refused(
        play,
        &answers,
        "not_signed",
        "her comment opens nothing: whoever can write in her name on the forge could have written it",
    )?;

    let text = text_to_sign(play).await?;
    let post = |armor: String| format!("{line} vouched=approver\n\n```\n{armor}```");
    let colleagues = play.owner_keys.piotr.armor(APPROVE, text.as_bytes());
    let (_, answers) = play.comment(Who::Alice, &post(colleagues)).await?;
    refused(
        play,
        &answers,
        "bad_signature",
        "nor does a colleague's signature: it is not by a key that the config names for alice",
    )?;

    play.page.happens(&format!(
        "alice asks codex for its key, compares it, and signs the {} lines that the bot gives her, as ownergate approve does",
        text.lines().count()
    ))?;
    let own = play.owner_keys.alice.armor(APPROVE, text.as_bytes());
    let (_, answers) = play.comment(Who::Alice, &post(own)).await?;
    play.check(
        play.deliveries() == 1,
        "signed with her own key it opens",
        all_seen(&answers),
    )?;
    let token = play.opened()?;
    let told = play.stage.introspect(token.expose()).await?;
    play.production = Some(token);
    play.check(
        told["active"] == true && told["sub"] == format!("codex-kan-{}", play.issue.0),
        "kanban-api lets it in",
        &told,
    )
}

/// Closes the issue, opens it again, and goes back to the first one.
pub(in super::super) async fn close_and_reopen(play: &mut Play) -> anyhow::Result<()> {
    play.act("the issue is the leash")?;
    let token = play.production.as_ref().context("nothing was approved")?;
    let token = token.expose().to_owned();
    let codex = play.person(Who::Codex);
    play.page.happens("codex closes the issue")?;
    codex.close(KAN_NAME, play.issue).await?;
    play.stage.settle().await?;
    play.answers()?;
    let told = play.stage.introspect(&token).await?;
    play.check(
        told == json!({"active": false}),
        "what lives in it stands still",
        &told,
    )?;
    play.page.happens("codex opens it again")?;
    codex.reopen(KAN_NAME, play.issue).await?;
    play.stage.settle().await?;
    play.answers()?;
    let told = play.stage.introspect(&token).await?;
    play.check(
        told == json!({"active": false}),
        "that brings nothing back: an owner has to",
        &told,
    )?;
    play.back();
    Ok(())
}

/// Checks that an approval was refused, why, and that nothing was made.
fn refused(play: &mut Play, answers: &[String], code: &str, claim: &str) -> anyhow::Result<()> {
    let codes: Vec<_> = answers
        .iter()
        .map(|body| block(body)["code"].clone())
        .collect();
    let none = play.deliveries() == 0;
    play.check(none && codes == [code], claim, all_seen(answers))
}

/// The exact text that alice signs, as the bot gives it.
async fn text_to_sign(play: &Play) -> anyhow::Result<String> {
    let summary = play.summary()?;
    let word = |name: &str| summary[name].as_str().context("a request without its code");
    let url = format!(
        "{}/v1/requests/{}/statement?code={}&approver={}&vouched=approver",
        play.stage.url(),
        word("request")?,
        word("code")?,
        play.stage.alice.id
    );
    let answer = play.stage.client().get(url).send().await?;
    if answer.status() != StatusCode::OK {
        bail!("the text to sign was not given: {}", answer.status());
    }
    Ok(answer.text().await?)
}
