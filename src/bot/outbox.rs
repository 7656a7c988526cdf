//! The outbox: does on the forge what decisions asked for, at least once, and posts once.
//!
//! Posts of a thread go out in order. After an answer that does not say whether a post was made, and
//! after every restart, the thread's comments are looked through for the post's marker before it is
//! made again. A refusal for good is fed back to the core. A sealed file is signed for as it goes out,
//! so that whoever opens it can tell that the bot sent it.

use std::sync::Arc;

use jiff::Timestamp;

use super::core::Outcome;
use super::pages::{Listed, Pages};
use super::schedule::{Id, Lane};
use super::worker::{self, jitter, later};
use super::{Bot, marker};
use crate::forgejo::client::retry::backoff;
use crate::forgejo::{Body, ForgejoError};
use crate::gate::credential::Credential;
use crate::gate::decide::{Answer, Taken};
use crate::gate::effect::{Effect, Open, Post, Role};
use crate::gate::event::{Accepted, EffectDone, Event};
use crate::gate::ids::{CommentId, Hash, IssueNumber, ThreadKey};
use crate::gate::key::{Key, Part, Table};
use crate::gate::reply::machine::completed;
use crate::gate::time::after;
use crate::gate::world;
use crate::secret::clipboard::sealed_file_in;

/// Effects that are done at the same time.
const AT_ONCE: usize = 8;
/// How far before an effect's line its comment is looked for, in seconds: the forge's clock may be
/// behind.
const LOOK_BACK: i64 = 600;

/// Fills the schedule from the outbox: at start, whatever was decided and not done. It may have been
/// done and not recorded, so each post is looked for first.
pub fn load(bot: &Bot) -> Result<usize, crate::store::StoreError> {
    let mut after: Option<Key> = None;
    let mut count = 0;
    loop {
        let page = bot
            .core
            .store()
            .scan(Table::Outbox, &[], after.as_ref(), 500)?;
        let Some((last, _)) = page.last() else {
            return Ok(count);
        };
        after = Some(last.clone());
        for (key, value) in &page {
            if let ([Part::Number(line), Part::Number(place)], Some(effect)) =
                (key.parts.as_slice(), world::decode::<Effect>(value))
                && let (Ok(line), Ok(place)) = (u64::try_from(*line), u32::try_from(*place))
            {
                bot.doubtful((line, place), true);
                add(bot, (line, place), &effect);
                count += 1;
            }
        }
    }
}

/// Adds one effect.
pub fn add(bot: &Bot, id: Id, effect: &Effect) {
    let lane = match effect {
        Effect::Post(post) => Lane::Ordered(post.thread),
        Effect::Edit { thread, .. } => Lane::Ordered(*thread),
        Effect::Open(_) => Lane::Ordered(effect.thread()),
        Effect::React { .. } => Lane::Free,
    };
    bot.outbox.add(id, effect.thread(), lane, bot.clock.now());
}

/// Runs until the task is dropped.
pub async fn run(bot: Arc<Bot>) {
    let work = |id| {
        let bot = Arc::clone(&bot);
        async move { dispatch(&bot, id).await }
    };
    bot.outbox.run(&bot.clock, AT_ONCE, work).await;
}

/// Does one effect, or has it tried again.
async fn dispatch(bot: &Arc<Bot>, id: Id) {
    let effect = match bot.core.get::<Effect>(&Key::outbox(id.0, id.1)) {
        Ok(Some(effect)) => effect,
        Ok(None) => return bot.outbox.finish(id),
        Err(error) => {
            tracing::error!(line = id.0, %error, "cannot read the outbox");
            return bot.outbox.later(id, after(bot.clock.now(), 5), false);
        }
    };
    let thread = effect.thread();
    if let Effect::Open(open) = &effect {
        return match opened(bot, id, open).await {
            Ok(issue) => {
                say(bot, id, &effect, None);
                let event = Event::ThreadOpened { effect: id, issue };
                record(bot, id, thread, event).await;
            }
            Err(error) => failed(bot, id, &effect, &error).await,
        };
    }
    let done = match &effect {
        Effect::Open(_) => return,
        Effect::Post(effect) => post(bot, id, effect).await,
        Effect::Edit { comment, body, .. } => edit(bot, id, thread, *comment, body).await,
        Effect::React {
            thread,
            comment,
            with,
        } => react(bot, *thread, *comment, with.content()).await,
    };
    match done {
        Ok((comment, body)) => {
            say(bot, id, &effect, comment);
            let event = Event::Done(EffectDone {
                effect: id,
                comment,
                body,
            });
            record(bot, id, thread, event).await;
        }
        Err(error) => failed(bot, id, &effect, &error).await,
    }
}

/// One line in the log for what people see; reactions are for those who look for them.
fn say(bot: &Bot, id: Id, effect: &Effect, comment: Option<CommentId>) {
    let (request_id, comment) = (bot.origins.of(id), comment.map(|comment| comment.0));
    let (board, issue) = (effect.thread().repository.0, effect.thread().issue.0);
    match effect {
        Effect::Post(_) => {
            tracing::info!(request_id, line = id.0, board, issue, comment, "posted");
        }
        Effect::Edit { .. } => {
            tracing::info!(request_id, line = id.0, board, issue, comment, "edited");
        }
        Effect::React { .. } => {
            tracing::debug!(request_id, line = id.0, board, issue, "reacted");
        }
        Effect::Open(_) => {
            tracing::info!(request_id, line = id.0, board, "opened an issue");
        }
    }
}

/// Feeds back what became of an effect; it stays until that is durable.
async fn record(bot: &Arc<Bot>, id: Id, thread: ThreadKey, event: Event) {
    match bot.core.feed(event).await {
        Ok(Outcome::Decided { answer, effects }) => {
            bot.decided(&answer, effects);
            if let Answer::Taken(Taken::Waits { line, .. }) = answer {
                take_up(bot, line);
            }
            bot.doubtful(id, false);
            // Before it is finished: whoever sees nothing left to do sees this as well.
            bot.inbox.nudge(thread, bot.clock.now());
            bot.outbox.finish(id);
        }
        Ok(_) | Err(_) => {
            tracing::error!(
                line = id.0,
                "cannot record an effect; it is looked for again later"
            );
            bot.doubtful(id, true);
            bot.outbox.later(id, after(bot.clock.now(), 5), false);
        }
    }
}

/// What waited for its thread is in the inbox now.
fn take_up(bot: &Arc<Bot>, line: u64) {
    match bot.core.get::<Accepted>(&Key::inbox(line)) {
        Ok(Some(accepted)) => worker::add(bot, &bot.inbox, line, &accepted),
        Ok(None) => {}
        Err(error) => tracing::error!(line, %error, "cannot read the inbox"),
    }
}

/// Opens an issue, or finds that it is there. Its text carries the marker, as a comment does.
async fn opened(bot: &Arc<Bot>, id: Id, open: &Open) -> Result<IssueNumber, ForgejoError> {
    let text = marker::mark(&bot.peppers, id, &open.body);
    let path = bot.forge.path(open.repository).await?;
    if bot.is_doubtful(id)
        && let Some(issue) = look_for_issue(bot, id, open).await?
    {
        return Ok(issue);
    }
    bot.doubtful(id, true);
    let client = &bot.forge.client;
    let answer = client.open_issue(&path, &open.title, &text).await;
    match bot.forge.note(answer) {
        Ok(answer) => Ok(answer.value.number),
        Err(error) => {
            bot.doubtful(id, error.may_have_acted());
            Err(error)
        }
    }
}

/// Looks for an issue that may have been opened, by its marker in issues of the bot's own id.
async fn look_for_issue(
    bot: &Arc<Bot>,
    id: Id,
    open: &Open,
) -> Result<Option<IssueNumber>, ForgejoError> {
    let own = bot.core.policy().bot;
    let mut pages = Pages::issues(bot, open.repository, back(open.at)).await?;
    while let Some(page) = pages.next().await? {
        for listed in page {
            let Listed::Issue(issue) = listed else {
                continue;
            };
            let by_us = issue.user.as_ref().is_some_and(|user| user.id == own);
            if let (true, Body::Text(text)) = (by_us, &issue.body)
                && marker::read(&bot.peppers, text.expose()) == Some(id)
            {
                return Ok(Some(issue.number));
            }
        }
    }
    Ok(None)
}

/// From when on something is looked for.
fn back(at: Timestamp) -> Timestamp {
    at.checked_sub(jiff::SignedDuration::from_secs(LOOK_BACK))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

type Done = (Option<CommentId>, Option<Hash>);

async fn post(bot: &Arc<Bot>, id: Id, post: &Post) -> Result<Done, ForgejoError> {
    let noted = noted(bot, post);
    let text = marker::mark(&bot.peppers, id, noted.as_deref().unwrap_or(&post.body));
    let hash = Hash::of(text.as_bytes());
    let path = bot.forge.path(post.thread.repository).await?;
    if bot.is_doubtful(id)
        && let Some(found) = look_for(bot, id, post).await?
    {
        return Ok(found);
    }
    bot.doubtful(id, true);
    let client = &bot.forge.client;
    let answer = bot
        .forge
        .note(client.post_comment(&path, post.thread.issue, &text).await);
    match answer {
        Ok(answer) => Ok((Some(answer.value.id), Some(hash))),
        Err(error) => {
            bot.doubtful(id, error.may_have_acted());
            Err(error)
        }
    }
}

/// The text of a sealed comment with the bot's note on the file in it; `None` for any other.
fn noted(bot: &Bot, post: &Post) -> Option<String> {
    let Role::Credential(number) = post.role else {
        return None;
    };
    // One that only tells of a credential has no file in it.
    let sealed = sealed_file_in(post.body.as_bytes()).ok()?;
    let credential = bot
        .core
        .get::<Credential>(&Key::credential(number))
        .inspect_err(|error| tracing::error!(%error, %number, "a sealed file goes without a note"))
        .ok()??;
    let recipient = credential.recipient?;
    completed(&post.body, |block| {
        bot.bot_keys.note(block, &recipient, &sealed)
    })
}

/// Replaces the text of an own comment; done twice, it is the same.
async fn edit(
    bot: &Arc<Bot>,
    id: Id,
    thread: ThreadKey,
    comment: CommentId,
    body: &str,
) -> Result<Done, ForgejoError> {
    let text = marker::mark(&bot.peppers, id, body);
    let hash = Hash::of(text.as_bytes());
    let path = bot.forge.path(thread.repository).await?;
    let client = &bot.forge.client;
    bot.forge
        .note(client.edit_comment(&path, comment, &text).await)?;
    Ok((Some(comment), Some(hash)))
}

/// Looks for a post that may have been made, by its marker in comments of the bot's own id. Its text is
/// taken as it is there: another key may sign by now.
async fn look_for(bot: &Arc<Bot>, id: Id, post: &Post) -> Result<Option<Done>, ForgejoError> {
    let own = bot.core.policy().bot;
    let mut pages = Pages::comments(bot, post.thread.repository, back(post.at)).await?;
    while let Some(page) = pages.next().await? {
        for listed in page {
            let Listed::Comment(comment) = listed else {
                continue;
            };
            let by_us = comment.user.as_ref().is_some_and(|user| user.id == own);
            if let (true, Body::Text(text)) = (by_us, &comment.body)
                && marker::read(&bot.peppers, text.expose()) == Some(id)
            {
                let hash = Hash::of(text.expose().as_bytes());
                return Ok(Some((Some(comment.id), Some(hash))));
            }
        }
    }
    Ok(None)
}

async fn react(
    bot: &Arc<Bot>,
    thread: ThreadKey,
    comment: Option<CommentId>,
    with: &str,
) -> Result<Done, ForgejoError> {
    let path = bot.forge.path(thread.repository).await?;
    let client = &bot.forge.client;
    match comment {
        Some(comment) => bot
            .forge
            .note(client.react_comment(&path, comment, with).await)?,
        None => bot
            .forge
            .note(client.react_issue(&path, thread.issue, with).await)?,
    };
    Ok((None, None))
}

/// Waits and tries again, or tells the core that the forge refuses it for good.
async fn failed(bot: &Arc<Bot>, id: Id, effect: &Effect, error: &ForgejoError) {
    let for_good = match error {
        ForgejoError::NotFound => true,
        // A token that the forge does not know (any more) is the operator's to mend; the post waits.
        ForgejoError::Permanent { status, .. } => *status != 401,
        ForgejoError::Transient { .. }
        | ForgejoError::TooLarge { .. }
        | ForgejoError::Redirected { .. } => false,
    };
    if for_good {
        bot.metrics.refused_posts.inc();
        tracing::warn!(request_id = bot.origins.of(id), line = id.0, %error, "the forge refuses an effect for good");
        let event = Event::Refused {
            effect: id,
            why: error.to_string(),
        };
        return record(bot, id, effect.thread(), event).await;
    }
    let trouble = bot.outbox.failed(id, bot.clock.now());
    tracing::warn!(request_id = bot.origins.of(id), line = id.0, attempts = trouble.attempts, %error, "an effect failed; it is tried again");
    let pause = backoff(
        trouble.attempts,
        error.retry_after(),
        jitter(id, trouble.attempts),
    );
    // Reactions are worth a day of trying and not more.
    let lasting = crate::gate::time::seconds_between(trouble.since, bot.clock.now()) > 86_400;
    if lasting && matches!(effect, Effect::React { .. }) {
        let event = Event::Refused {
            effect: id,
            why: "tried for a day".to_owned(),
        };
        return record(bot, id, effect.thread(), event).await;
    }
    bot.outbox.later(id, later(bot.clock.now(), pause), false);
}
