//! What the acts share: the stage, the thread in which the story is told, the page, and the checks.
//!
//! A check that fails is an error which names its step; nothing is told as true that was not checked.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::acts::production::OwnerKeys;
use super::stage::{KAN, KAN_NAME, Stage};
use super::transcript::{Transcript, seen};
use crate::gate::ids::{CommentId, IssueNumber, UserId};
use crate::gate::key::Table;
use crate::miniforge::people::Person;
use crate::secret::clipboard::sealed_file_in;
use crate::secret::file::SecretText;
use crate::secret::seal::{AgeIdentity, generate_age_identity, unseal_any};
use crate::secret::token::RawToken;

/// The people of the story.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// Owns the board.
    Alice,
    /// May write there and owns nothing.
    Carol,
    /// An agent.
    Codex,
}

impl Who {
    fn role(self) -> &'static str {
        match self {
            Self::Alice => "owner of the board",
            Self::Carol => "may write here, is no owner",
            Self::Codex => "an agent's account",
        }
    }
}

/// The running story.
pub(super) struct Play {
    /// Forge, bot and people.
    pub(super) stage: Stage,
    /// What is written.
    pub(super) page: Transcript,
    /// The issue in which everything happens now.
    pub(super) issue: IssueNumber,
    /// The keys with which owners sign.
    pub(super) owner_keys: OwnerKeys,
    /// The agent's key.
    pub(super) key: AgeIdentity,
    /// What the request names.
    pub(super) recipient: String,
    /// The tokens of the first issue that the agent has had, the present one last.
    kept: Vec<RawToken>,
    /// The token for production, once the agent has it.
    pub(super) production: Option<RawToken>,
    /// The approving comment, once it is written.
    pub(super) approval: Option<CommentId>,
    /// The issue to go back to.
    home: IssueNumber,
    /// How much of what the bot said is shown already, by issue.
    shown: BTreeMap<IssueNumber, usize>,
    steps: usize,
    act: String,
}

impl Play {
    /// Before the first act.
    pub(super) fn new(stage: Stage, page: Transcript, owner_keys: OwnerKeys) -> Self {
        let (secret, recipient) = generate_age_identity();
        Self {
            stage,
            page,
            issue: IssueNumber(0),
            owner_keys,
            key: identity(&secret),
            recipient: recipient.to_string(),
            kept: Vec::new(),
            production: None,
            approval: None,
            home: IssueNumber(0),
            shown: BTreeMap::new(),
            steps: 0,
            act: String::new(),
        }
    }

    /// Begins an act.
    pub(super) fn act(&mut self, title: &str) -> anyhow::Result<()> {
        title.clone_into(&mut self.act);
        Ok(self.page.title(title)?)
    }

    /// The step that the story is at, for errors.
    pub(super) fn whereabouts(&self) -> String {
        let step = self.steps + 1;
        format!("step {step} of the demo (in \"{}\")", self.act)
    }

    /// The last line of a story that went well.
    pub(super) fn done(&mut self, took: Duration) -> anyhow::Result<()> {
        let steps = self.steps;
        let text = format!(
            "{steps} steps, all as they should be, in {:.1} s",
            took.as_secs_f64()
        );
        Ok(self.page.end(&text)?)
    }

    /// Tells what holds; an error if it does not.
    pub(super) fn check(
        &mut self,
        holds: bool,
        claim: &str,
        found: impl Display,
    ) -> anyhow::Result<()> {
        if !holds {
            bail!("this should be so: {claim}; found: {found}");
        }
        self.steps += 1;
        Ok(self.page.holds(claim)?)
    }

    /// One of the people.
    pub(super) fn person(&self, who: Who) -> Person {
        match who {
            Who::Alice => self.stage.alice.clone(),
            Who::Carol => self.stage.carol.clone(),
            Who::Codex => self.stage.codex.clone(),
        }
    }

    /// Somebody comments; nothing is waited for.
    pub(super) async fn say(&mut self, who: Who, text: &str) -> anyhow::Result<CommentId> {
        let person = self.person(who);
        self.page.said(&person.login, who.role(), text)?;
        person.comment(KAN_NAME, self.issue, text).await
    }

    /// Somebody comments, everything that follows from it happens, and the bot's answers are shown:
    /// the comment's number and the answers.
    pub(super) async fn comment(
        &mut self,
        who: Who,
        text: &str,
    ) -> anyhow::Result<(CommentId, Vec<String>)> {
        let comment = self.say(who, text).await?;
        self.stage.settle().await?;
        Ok((comment, self.answers()?))
    }

    /// Shows what the bot has said since the last time.
    pub(super) fn answers(&mut self) -> anyhow::Result<Vec<String>> {
        let all = self.replies();
        let shown = self.shown.insert(self.issue, all.len()).unwrap_or(0);
        let new = all.get(shown..).unwrap_or_default().to_vec();
        for body in &new {
            self.page.replied(body)?;
        }
        Ok(new)
    }

    /// Everything that the bot has said in the thread, oldest first.
    pub(super) fn replies(&self) -> Vec<String> {
        let bot = self.stage.bot_account.id;
        let comments = self.stage.forge.comments(self.stage.thread(self.issue));
        let own = comments.into_iter().filter(|comment| comment.author == bot);
        own.map(|comment| comment.body).collect()
    }

    /// How many of the bot's comments deliver a credential.
    pub(super) fn deliveries(&self) -> usize {
        let kinds = self.replies();
        let kinds = kinds.iter().map(|body| block(body)["kind"].clone());
        kinds.filter(|kind| kind == "credential").count()
    }

    /// How many credentials there are in the store.
    pub(super) fn credentials(&self) -> anyhow::Result<usize> {
        let store = self.stage.bot()?.core.store();
        Ok(store.scan(Table::Credential, &[], None, 100)?.len())
    }

    /// The number of the journal's last line.
    pub(super) fn line(&self) -> anyhow::Result<u64> {
        Ok(self.stage.bot()?.core.store().head().seq)
    }

    /// The machine block of the bot's last summary of a request.
    pub(super) fn summary(&self) -> anyhow::Result<Value> {
        let mut blocks = self.replies().into_iter().map(|body| block(&body));
        blocks
            .rfind(|block| block["kind"] == "request")
            .context("the bot shows no request")
    }

    /// The line that approves the request, as the bot gives it.
    pub(super) fn approve_line(&self) -> anyhow::Result<String> {
        let line = self.summary()?["approve"].as_str().map(str::to_owned);
        line.context("the bot's summary gives no line that approves it")
    }

    /// Goes to another issue, until `back`.
    pub(super) fn turn_to(&mut self, issue: IssueNumber) {
        self.home = std::mem::replace(&mut self.issue, issue);
    }

    /// Goes back to the issue before.
    pub(super) fn back(&mut self) {
        self.issue = self.home;
    }

    /// What codex's key finds in the last credential here.
    pub(super) fn opened(&self) -> anyhow::Result<RawToken> {
        let mut comments = self.replies().into_iter();
        let comment = comments
            .rfind(|body| block(body)["kind"] == "credential")
            .context("there is no credential in the thread")?;
        let sealed = sealed_file_in(comment.as_bytes())?;
        Ok(unseal_any(std::slice::from_ref(&self.key), &sealed)?)
    }

    /// The bot's reactions to a comment.
    pub(super) async fn reactions(&self, comment: CommentId) -> anyhow::Result<Vec<String>> {
        let bot = self.stage.bot_account.id;
        let all = self.stage.alice.reactions(KAN_NAME, comment).await?;
        let own = all.into_iter().filter(|reaction| reaction.user == bot);
        Ok(own.map(|reaction| reaction.content).collect())
    }

    /// From now on the agent uses this token.
    pub(super) fn keep(&mut self, token: RawToken) {
        self.kept.push(token);
    }

    /// The token that the agent uses.
    pub(super) fn token(&self) -> anyhow::Result<String> {
        let token = self.kept.last().context("nothing was opened yet")?;
        Ok(token.expose().to_owned())
    }

    /// Every token that there was.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &RawToken> {
        self.kept.iter().chain(&self.production)
    }

    /// What the resource server is told of the token.
    pub(super) async fn introspect(&self) -> anyhow::Result<Value> {
        self.stage.introspect(&self.token()?).await
    }

    /// Where the comment's delivery stands among all deliveries.
    pub(super) fn delivery_of(&self, comment: CommentId) -> Option<usize> {
        let deliveries = self.stage.forge.deliveries();
        deliveries.iter().position(|delivery| {
            let body: Value = serde_json::from_slice(&delivery.body).unwrap_or(Value::Null);
            body["repository"]["id"] == KAN.0 && body["comment"]["id"] == comment.0
        })
    }

    /// True if an account of the forge is the bot's.
    pub(super) fn is_bot(&self, user: Option<UserId>) -> bool {
        user == Some(self.stage.bot_account.id)
    }
}

fn identity(secret: &SecretText) -> AgeIdentity {
    AgeIdentity::parse(secret.expose()).expect("a key that was just made can be read")
}

/// The machine block of a comment of the bot.
pub(super) fn block(body: &str) -> Value {
    let line = body.lines().find_map(|line| {
        line.strip_prefix("<!-- ownergate.v1 ")?
            .strip_suffix(" -->")
    });
    line.and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or(Value::Null)
}

/// What a reader sees of some comments, for errors.
pub(super) fn all_seen(bodies: &[String]) -> String {
    let seen: Vec<String> = bodies.iter().map(|body| seen(body)).collect();
    format!("{} comments of the bot: {seen:?}", bodies.len())
}
