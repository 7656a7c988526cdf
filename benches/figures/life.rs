//! The life of a credential on a stand: an agent asks, an owner approves, the agent opens it.
//!
//! The forge holds its deliveries back and they are sent from here, so that the moment is known in
//! which each reaches the bot.

use anyhow::{Context, bail};
use ownergate::demo::stage::KAN_NAME;
use ownergate::gate::ids::IssueNumber;
use ownergate::miniforge::Person;
use ownergate::secret::clipboard::sealed_file_in;
use ownergate::secret::seal::{AgeIdentity, generate_age_identity, unseal_any};
use serde_json::Value;

use crate::client::Connection;
use crate::stand::Stand;
use crate::webhooks::delivery;

/// Somebody who brings the forge's deliveries to the bot.
pub(crate) struct Life<'a> {
    /// The bot and its forge.
    pub(crate) stand: &'a Stand,
    connection: Connection,
    /// How many of the forge's deliveries are made.
    made: usize,
    key: AgeIdentity,
    recipient: String,
}

impl<'a> Life<'a> {
    /// Begins on a stand where nothing has happened yet.
    pub(crate) async fn begin(stand: &'a Stand) -> anyhow::Result<Self> {
        stand.stage.forge.hold_hooks();
        let (secret, recipient) = generate_age_identity();
        Ok(Self {
            stand,
            connection: Connection::open(stand.address).await?,
            made: 0,
            key: AgeIdentity::parse(secret.expose()).context("an age key that is none")?,
            recipient: recipient.to_string(),
        })
    }

    /// Makes the deliveries that are not made yet.
    pub(crate) async fn deliver(&mut self) -> anyhow::Result<()> {
        for body in self.waiting() {
            self.send(&body).await?;
        }
        Ok(())
    }

    /// The deliveries that are not made yet, as bytes on the wire; they count as made from now on.
    pub(crate) fn waiting(&mut self) -> Vec<Vec<u8>> {
        let deliveries = self.stand.stage.forge.deliveries();
        let waiting = deliveries.iter().skip(self.made);
        let waiting = waiting.map(|waiting| delivery(&waiting.body)).collect();
        self.made = deliveries.len();
        waiting
    }

    /// Makes one delivery.
    pub(crate) async fn send(&mut self, delivery: &[u8]) -> anyhow::Result<()> {
        match self.connection.ask(delivery).await?.status {
            202 | 204 => Ok(()),
            status => bail!("a delivery was answered {status}"),
        }
    }

    /// An agent asks in a new thread, and the bot shows the request.
    pub(crate) async fn ask(&mut self) -> anyhow::Result<IssueNumber> {
        let codex = &self.stand.stage.codex;
        let issue = codex.open_issue(KAN_NAME, "sort the roadmap", "").await?;
        let line = format!(
            "/gate request identity=codex-* scopes=board:read,card:write ttl=8h environment=dev recipient={} reason=\"sort the roadmap\"",
            self.recipient
        );
        self.say(codex, issue, &line).await?;
        self.deliver().await?;
        self.stand.bot.idle().await;
        Ok(issue)
    }

    /// The owner writes the approval; it is not delivered yet.
    pub(crate) async fn approve(&mut self, issue: IssueNumber) -> anyhow::Result<()> {
        // What the bot wrote meanwhile is delivered before.
        self.deliver().await?;
        let (_, block) = self.said(issue, "request")?;
        let line = block["approve"]
            .as_str()
            .context("the request is not shown")?;
        self.say(&self.stand.stage.alice, issue, line).await
    }

    /// Somebody comments; it is not delivered yet.
    pub(crate) async fn say(
        &self,
        who: &Person,
        issue: IssueNumber,
        text: &str,
    ) -> anyhow::Result<()> {
        who.comment(KAN_NAME, issue, text).await?;
        Ok(())
    }

    /// The agent opens the credential of a thread.
    pub(crate) fn open(&self, issue: IssueNumber) -> anyhow::Result<String> {
        let (text, _) = self.said(issue, "credential")?;
        let sealed = sealed_file_in(text.as_bytes())?;
        let token = unseal_any(std::slice::from_ref(&self.key), &sealed)?;
        Ok(token.expose().to_owned())
    }

    /// The bot's last comment of a kind in a thread: its text and its machine block.
    fn said(&self, issue: IssueNumber, kind: &str) -> anyhow::Result<(String, Value)> {
        let stage = &self.stand.stage;
        let comments = stage.forge.comments(stage.thread(issue));
        let own = comments
            .into_iter()
            .rev()
            .filter(|comment| comment.author == stage.bot_account.id);
        own.map(|comment| (block(&comment.body), comment.body))
            .find(|(block, _)| block["kind"] == kind)
            .map(|(block, text)| (text, block))
            .with_context(|| format!("the bot has posted no {kind} in {issue}"))
    }
}

/// The machine block of a comment.
fn block(text: &str) -> Value {
    text.lines()
        .find_map(|line| {
            line.strip_prefix("<!-- ownergate.v1 ")?
                .strip_suffix(" -->")
        })
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}
