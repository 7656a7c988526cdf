//! From a wish to a token: post once, wait for an owner, open, keep, activate.
//!
//! Invariant: each step is kept before the next one begins, so that a process that ends anywhere goes
//! on where it was and posts nothing twice. A post whose outcome is not known is looked for before it
//! is made again.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::bot::{self, Standing};
use super::fault::AskFault;
use super::profile::Setup;
use super::state::{Keep, Pending, Receipt, State, replace};
use super::thread::{Found, Sought, Summary, look};
use super::wish::Wish;
use super::{Pace, Step};
use crate::forgejo::client::retry::backoff;
use crate::forgejo::types::{Comment, IssueState};
use crate::forgejo::{Body, Client, ForgejoError};
use crate::gate::ids::IssueNumber;
use crate::secret::derived::age_identity;
use crate::secret::seal::AgeIdentity;
use crate::secret::token::{RawToken, random_hex};

/// How far back a post of our own is looked for, in seconds: the forge's clock is asked before it.
const LOOK_BACK: i64 = 600;
/// What is waited for at first.
const UNANSWERED: &str = "the bot has not answered (does it run, and may this account ask?)";
/// Pages of issues that are looked through for an own one.
const PAGES: u32 = 20;
/// Issues in a page.
const PAGE: u32 = 50;

/// One ask.
pub(super) struct Going<'a> {
    pub(super) setup: &'a Setup,
    pub(super) client: Client,
    pub(super) keep: Keep,
    pub(super) state: State,
    /// The token's file.
    pub(super) out: Option<PathBuf>,
    pub(super) timeout: Duration,
    pub(super) pace: Pace,
    pub(super) say: &'a (dyn Fn(&str) + Send + Sync),
    /// What was last waited for, should time run out.
    pub(super) waits_for: Waits,
}

/// What is waited for.
#[derive(Clone, Debug)]
pub(super) enum Waits {
    /// The forge, which did not answer.
    Forge(String),
    /// The bot or an owner.
    Somebody(String),
}

impl Going<'_> {
    /// Begins what is not begun, and goes on to a token. `title` opens an issue; without one it is
    /// asked in `issue`.
    pub(super) async fn token(
        &mut self,
        wish: &Wish,
        title: Option<String>,
        issue: Option<i64>,
    ) -> Result<RawToken, AskFault> {
        // Nothing can have been posted before the forge's time was asked.
        let kept = self.state.ask.clone();
        let begun = kept.filter(|pending| pending.since.is_some());
        let unsure = begun.is_some();
        let mut pending = match begun {
            Some(pending)
                if pending.wish == wish.text() && (issue.is_none() || issue == pending.issue) =>
            {
                pending
            }
            Some(_) => {
                let why = format!(
                    "an ask for something else goes on ({}): finish it with the flags that it began with, or remove that file",
                    self.keep.shown()
                );
                return Err(AskFault::Usage(why));
            }
            None => self.begin(wish, title, issue)?,
        };
        let key = self.key(&pending)?;
        let outcome = self.asked(&mut pending, &key, unsure).await;
        let (token, block) = outcome.inspect_err(|fault| {
            if fault.is_final() {
                self.forget();
            }
        })?;
        self.hand_over(&token, &block, &pending)?;
        Ok(token)
    }

    /// The next call begins anew. What cannot be forgotten now is told then.
    fn forget(&mut self) {
        self.state.ask = None;
        let _ = self.keep.save(&self.state);
    }

    fn begin(
        &mut self,
        wish: &Wish,
        title: Option<String>,
        issue: Option<i64>,
    ) -> Result<Pending, AskFault> {
        let failed = |why: &dyn std::fmt::Display| AskFault::Failed(why.to_string());
        let salt = random_hex().map_err(|why| failed(&why))?.to_string();
        let key = age_identity(&self.setup.forge_token, &salt);
        let key = key.ok_or_else(|| failed(&"no key can be made"))?;
        let pending = Pending {
            wish: wish.text().to_owned(),
            title,
            issue,
            comment: None,
            posted: false,
            since: None,
            salt,
            recipient: key.recipient().to_string(),
        };
        self.kept(&pending)?;
        Ok(pending)
    }

    fn kept(&mut self, pending: &Pending) -> Result<(), AskFault> {
        self.state.ask = Some(pending.clone());
        self.keep.save(&self.state)
    }

    /// The age key of an ask that goes on.
    fn key(&self, pending: &Pending) -> Result<AgeIdentity, AskFault> {
        age_identity(&self.setup.forge_token, &pending.salt)
            .filter(|key| key.recipient().to_string() == pending.recipient)
            .ok_or_else(|| {
                AskFault::Failed(format!(
                    "the forge's token is another than when this ask began, and the key follows from it: put the old one back, or remove {} and ask anew",
                    self.keep.shown()
                ))
            })
    }

    /// Posts and waits, for as long as was said.
    async fn asked(
        &mut self,
        pending: &mut Pending,
        key: &AgeIdentity,
        unsure: bool,
    ) -> Result<(RawToken, Map<String, Value>), AskFault> {
        let timeout = self.timeout;
        let all = async {
            if !pending.posted {
                self.post(pending, unsure).await?;
            }
            self.wait(pending, key).await
        };
        if let Ok(done) = tokio::time::timeout(timeout, all).await {
            return done;
        }
        let issue = self.shown(pending);
        Err(match self.waits_for.clone() {
            Waits::Forge(why) => {
                AskFault::Forge(format!("{why}; run the same command again later"))
            }
            Waits::Somebody(what) => AskFault::TimedOut { what, issue },
        })
    }

    /// Posts, once. `unsure`: a process before this one may have posted.
    async fn post(&mut self, pending: &mut Pending, mut unsure: bool) -> Result<(), AskFault> {
        let mut attempt = 0;
        loop {
            let error = match self.post_once(pending, unsure).await {
                Ok(()) => break,
                Err(Trouble::Fault(fault)) => return Err(fault),
                Err(Trouble::Forge(error)) if error.is_transient() => error,
                Err(Trouble::Forge(error)) => {
                    if !unsure && !error.may_have_acted() {
                        self.forget();
                    }
                    return Err(error.into());
                }
            };
            unsure |= error.may_have_acted();
            self.waits_for = Waits::Forge(error.to_string());
            tokio::time::sleep(self.pace.cap(backoff(attempt, error.retry_after(), 0))).await;
            attempt += 1;
        }
        self.pace.at(Step::Posted)?;
        pending.posted = true;
        self.kept(pending)?;
        let issue = self.shown(pending);
        (self.say)(&format!("asked in {issue}"));
        self.pace.at(Step::Asked)
    }

    async fn post_once(&mut self, pending: &mut Pending, unsure: bool) -> Result<(), Trouble> {
        let setup = self.setup;
        let path = &setup.repository;
        if pending.since.is_none() {
            pending.since = Some(self.forge_time(pending).await?);
            self.kept(pending)?;
        }
        let text = Wish::kept(&pending.wish).comment(&pending.recipient);
        if unsure && self.find(pending, &text).await? {
            return Ok(());
        }
        self.pace.at(Step::Posting)?;
        match (&pending.title, pending.issue) {
            (Some(title), None) => {
                let issue = self.client.open_issue(path, title, &text).await?.value;
                pending.issue = Some(issue.number.0);
            }
            (_, Some(issue)) => {
                let issue = IssueNumber(issue);
                let comment = self.client.post_comment(path, issue, &text).await?.value;
                pending.comment = Some(comment.id.0);
            }
            (None, None) => {
                let why = "nowhere to ask: give --issue or --title".to_owned();
                return Err(Trouble::Fault(AskFault::Usage(why)));
            }
        }
        Ok(())
    }

    /// A little before now by the forge's clock; also whether it can be asked there at all.
    async fn forge_time(&self, pending: &Pending) -> Result<Timestamp, Trouble> {
        let date = match pending.issue {
            Some(issue) => {
                let path = &self.setup.repository;
                let answer = self.client.issue(path, IssueNumber(issue)).await?;
                if answer.value.state != IssueState::Open {
                    let issue = self.shown(pending);
                    let why = format!("{issue} is not open: ask in another one, or with --title");
                    return Err(Trouble::Fault(AskFault::Failed(why)));
                }
                answer.date
            }
            None => self.client.version().await?.date,
        };
        let date = date.unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(date
            .checked_sub(SignedDuration::from_secs(LOOK_BACK))
            .unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Looks for what was posted without it being known: its text names a key that is nobody else's.
    async fn find(&self, pending: &mut Pending, text: &str) -> Result<bool, Trouble> {
        let path = &self.setup.repository;
        let since = pending.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let own = match self.client.whoami().await {
            Ok(answer) => Some(answer.value.id),
            // A token may not be let ask that.
            Err(ForgejoError::Permanent { .. } | ForgejoError::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        let is_it = |body: &Body, user: Option<&crate::forgejo::types::User>| {
            let same = |body: &str| body.replace("\r\n", "\n").trim_end() == text;
            body.text().is_some_and(|body| same(body.expose()))
                && own.is_none_or(|own| user.is_some_and(|user| user.id == own))
        };
        if let (Some(issue), None) = (pending.issue, &pending.title) {
            let comments = self.comments(IssueNumber(issue), since).await?;
            let mut comments = comments.iter();
            let found = comments.find(|one| is_it(&one.body, one.user.as_ref()));
            pending.comment = found.map(|comment| comment.id.0);
            return Ok(found.is_some());
        }
        // Newest first: whoever copied it wrote later.
        let mut oldest: Option<i64> = None;
        for page in 1..=PAGES {
            let issues = self.client.issues_since(path, since, page, PAGE).await?;
            let issues = issues.value.items;
            let all = issues.iter();
            let found = all.filter(|one| is_it(&one.body, one.user.as_ref()));
            oldest = found.map(|issue| issue.number.0).chain(oldest).min();
            if issues.is_empty() {
                break;
            }
        }
        pending.issue = oldest;
        Ok(oldest.is_some())
    }

    async fn comments(
        &self,
        issue: IssueNumber,
        since: Timestamp,
    ) -> Result<Vec<Comment>, ForgejoError> {
        let path = &self.setup.repository;
        let answer = self.client.issue_comments_since(path, issue, since).await?;
        Ok(answer.value.items)
    }

    /// Waits until the token is there, or never will be.
    async fn wait(
        &mut self,
        pending: &Pending,
        key: &AgeIdentity,
    ) -> Result<(RawToken, Map<String, Value>), AskFault> {
        let mut pause = self.pace.first;
        let mut refused = 0;
        let mut told = None;
        self.waits_for = Waits::Somebody(UNANSWERED.to_owned());
        loop {
            let mut asked_to_wait = None;
            match self.once(pending, key, &mut refused, &mut told).await {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => {}
                Err(Trouble::Fault(fault)) => return Err(fault),
                Err(Trouble::Forge(error)) if !error.is_transient() => return Err(error.into()),
                Err(Trouble::Forge(error)) => {
                    asked_to_wait = error.retry_after();
                    self.waits_for = Waits::Forge(error.to_string());
                }
            }
            let wait = pause.max(asked_to_wait.unwrap_or_default());
            tokio::time::sleep(wait).await;
            pause = self.pace.cap(pause.mul_f32(1.4));
        }
    }

    /// Looks once.
    async fn once(
        &mut self,
        pending: &Pending,
        key: &AgeIdentity,
        refused: &mut u32,
        told: &mut Option<Summary>,
    ) -> Result<Option<(RawToken, Map<String, Value>)>, Trouble> {
        let issue = IssueNumber(pending.issue.unwrap_or_default());
        let since = pending.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let comments = self.comments(issue, since).await?;
        let sought = Sought {
            setup: self.setup,
            key,
            recipient: &pending.recipient,
            after: pending.comment,
        };
        let mut found = look(&comments, &sought);
        if let Some(done) = found.token.take() {
            return Ok(Some(done));
        }
        if let Some(fault) = found.fault {
            let issue = self.shown(pending);
            return Err(Trouble::Fault(AskFault::Note { fault, issue }));
        }
        match found.summary.clone().or_else(|| told.clone()) {
            Some(summary) => {
                if told.is_none() {
                    let request = &summary.request;
                    (self.say)(&format!("{request}: waiting for an owner"));
                    *told = Some(summary.clone());
                }
                self.stands(pending, &found, &summary).await?;
            }
            None => {
                self.refused(pending, issue, &found, refused).await?;
                self.waits_for = Waits::Somebody(UNANSWERED.to_owned());
            }
        }
        Ok(None)
    }

    /// How the request stands, by the bot's own word.
    async fn stands(
        &mut self,
        pending: &Pending,
        found: &Found,
        summary: &Summary,
    ) -> Result<(), AskFault> {
        let issue = self.shown(pending);
        let request = summary.request.clone();
        let said = || found.said_of(&request);
        let word = match bot::standing(self.setup, summary, &pending.recipient).await {
            Standing::Word(word) => word,
            Standing::NotBelieved(fault) => return Err(AskFault::Note { fault, issue }),
            Standing::Unsaid(why) => {
                let what = format!("{request} waits for an owner ({why})");
                self.waits_for = Waits::Somebody(what);
                return Ok(());
            }
        };
        match word.as_str() {
            "open" => self.waits_for = Waits::Somebody(format!("{request} waits for an owner")),
            "approved" => {
                let what = format!("{request} is approved and the bot has not posted the token");
                self.waits_for = Waits::Somebody(what);
            }
            "denied" => {
                let said = said();
                return Err(AskFault::Denied {
                    request,
                    issue,
                    said,
                });
            }
            _ => {
                let (said, word) = (said(), crate::cli::printable::printable(&word));
                return Err(AskFault::Over {
                    request,
                    issue,
                    word,
                    said,
                });
            }
        }
        Ok(())
    }

    /// Whether the bot has taken no request: it says so by a reaction, and in words.
    async fn refused(
        &self,
        pending: &Pending,
        issue: IssueNumber,
        found: &Found,
        seen: &mut u32,
    ) -> Result<(), Trouble> {
        let path = &self.setup.repository;
        let comment = pending.comment.map(crate::gate::ids::CommentId);
        let reactions = match self.client.reactions(path, issue, comment).await {
            Ok(answer) => answer.value,
            // The comment is gone: nothing more comes of it, and nobody says so.
            Err(ForgejoError::NotFound) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let no = reactions.iter().any(|one| {
            let by_bot = one.user.as_ref().map(|user| user.id) == Some(self.setup.bot_id);
            by_bot && one.content == "-1"
        });
        // The words may come a little after the reaction, or not at all where too much was asked.
        *seen += u32::from(no);
        let said = match &found.refusal {
            Some(said) if no => said.clone(),
            _ if *seen > 3 => "look there for the reason.".to_owned(),
            _ => return Ok(()),
        };
        let issue = self.shown(pending);
        Err(Trouble::Fault(AskFault::Refused { issue, said }))
    }

    /// Writes the token down, then what it is.
    fn hand_over(
        &mut self,
        token: &RawToken,
        block: &Map<String, Value>,
        pending: &Pending,
    ) -> Result<(), AskFault> {
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        let scopes = block.get("scopes").and_then(Value::as_array);
        let scopes = scopes.into_iter().flatten().filter_map(Value::as_str);
        // A successor is for what its predecessor was asked for.
        let before = self.state.receipt.take().map(|receipt| receipt.wish);
        let receipt = Receipt {
            wish: before.unwrap_or_else(|| pending.wish.clone()),
            issue: pending.issue.unwrap_or_default(),
            identity: text("identity").to_owned(),
            credential: text("credential").to_owned(),
            scopes: scopes.map(str::to_owned).collect(),
            expires_at: text("expires_at").to_owned(),
            activated: false,
        };
        self.pace.at(Step::Opened)?;
        if let Some(out) = &self.out {
            replace(out, token.expose().as_bytes())?;
        }
        self.pace.at(Step::Written)?;
        self.state.receipt = Some(receipt);
        // A token that is nowhere has to be opened again after a crash.
        if self.out.is_some() {
            self.state.ask = None;
        }
        self.keep.save(&self.state)?;
        self.pace.at(Step::Kept)
    }

    /// Tells the bot that the token has arrived.
    pub(super) async fn activate(&mut self, token: &RawToken) -> Result<Receipt, AskFault> {
        let mut files = self.keep.shown();
        if let Some(out) = &self.out {
            files = format!("{} and {files}", out.display());
        }
        bot::activate(self.setup, token, &files).await?;
        self.pace.at(Step::Activated)?;
        let receipt = self.state.receipt.as_mut();
        let receipt = receipt.ok_or_else(|| AskFault::Failed("there is no token".to_owned()))?;
        receipt.activated = true;
        let receipt = receipt.clone();
        self.keep.save(&self.state)?;
        Ok(receipt)
    }

    /// The thread, for people.
    fn shown(&self, pending: &Pending) -> String {
        let base = format!("{}/{}", self.client.base(), self.setup.repository);
        match pending.issue {
            Some(issue) => format!("{base}/issues/{issue}"),
            None => base,
        }
    }
}

/// Why a step was not done.
enum Trouble {
    /// The forge; it may pass.
    Forge(ForgejoError),
    /// It will not.
    Fault(AskFault),
}

impl From<ForgejoError> for Trouble {
    fn from(error: ForgejoError) -> Self {
        Self::Forge(error)
    }
}

impl From<AskFault> for Trouble {
    fn from(fault: AskFault) -> Self {
        Self::Fault(fault)
    }
}
