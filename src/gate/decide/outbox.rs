//! What became of an effect: a post was made, or the forge refuses it for good.
//!
//! Nothing widens in a thread that refuses the bot's posts: a summary that cannot be shown voids its
//! request, a credential that cannot be delivered is revoked, and the control issue is told.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::one_line;
use super::super::effect::{Effect, Post, Role};
use super::super::event::EffectDone;
use super::super::ids::{CommentId, Hash, RequestNumber, ThreadKey};
use super::super::key::{Key, Subject};
use super::super::reply;
use super::super::request::{Request, Summary};
use super::super::thread::Seen;
use super::{Draft, known, lifecycle, state, wish};

/// An effect was done.
pub(super) fn done(draft: &mut Draft<'_>, done: &EffectDone) {
    draft.use_reserve();
    let key = Key::outbox(done.effect.0, done.effect.1);
    let Some(effect) = draft.get::<Effect>(&key) else {
        return;
    };
    draft.remove(key);
    draft.cause(
        "done",
        json!({ "effect": done.effect, "comment": done.comment, "body": done.body }),
    );
    draft.outcome("effect", "done");
    let Some(body) = &done.body else {
        return;
    };
    match (effect, done.comment) {
        (Effect::Post(post), Some(comment)) => posted(draft, &post, comment, body),
        (
            Effect::Edit {
                request, comment, ..
            },
            _,
        ) => {
            edited(draft, request, comment, done.effect, body);
        }
        (Effect::Post(_) | Effect::React { .. } | Effect::Open(_), _) => {}
    }
}

/// The bot replaced the text of its own summary: that is its text now.
fn edited(
    draft: &mut Draft<'_>,
    number: RequestNumber,
    comment: CommentId,
    effect: (u64, u32),
    body: &Hash,
) {
    let Some(mut request) = draft.get::<Request>(&Key::request(number)) else {
        return;
    };
    let Some(summary) = request
        .summary
        .as_mut()
        .filter(|one| one.comment == comment)
    else {
        return;
    };
    let key = Key::seen(request.thread.repository, Subject::Comment(comment.0));
    // What somebody else wrote there in between stays known.
    if let Some(mut seen) = draft.get::<Seen>(&key)
        && seen.only(&summary.body)
    {
        seen.first = body.clone();
        draft.put(key, &seen);
    }
    summary.body = body.clone();
    if summary.editing == Some(effect) {
        summary.editing = None;
    }
    draft.put(Key::request(number), &request);
}

fn posted(draft: &mut Draft<'_>, post: &Post, comment: CommentId, body: &Hash) {
    let key = Key::seen(post.thread.repository, Subject::Comment(comment.0));
    let mut seen = draft
        .get::<Seen>(&key)
        .unwrap_or_else(|| Seen::new(body.clone(), draft.now()));
    // Only now is it known what this id is: whatever was said of it before was a guess of somebody
    // who knew which number comes next.
    seen.own = true;
    seen.first = body.clone();
    seen.many = false;
    draft.put(key, &seen);
    if let (Role::Summary(number), false) = (post.role, post.elsewhere)
        && let Some(mut request) = draft.get::<Request>(&Key::request(number))
    {
        request.summary = Some(Summary {
            comment,
            body: body.clone(),
            editing: None,
            posted_at: Some(draft.now()),
        });
        // It may have been decided before it could be shown.
        state::show(draft, &mut request);
        draft.put(Key::request(number), &request);
    }
}

/// The forge refuses an effect for good.
pub(super) fn refused(draft: &mut Draft<'_>, effect: (u64, u32), why: &str) {
    draft.use_reserve();
    let why = &one_line(why, 200);
    let key = Key::outbox(effect.0, effect.1);
    let Some(record) = draft.get::<Effect>(&key) else {
        return;
    };
    draft.remove(key);
    draft.cause("refused", json!({ "effect": effect, "why": why }));
    draft.outcome("effect", "refused");
    let post = match record {
        Effect::Post(post) => post,
        Effect::Open(open) => return wish::not_opened(draft, &open, why),
        Effect::Edit { .. } | Effect::React { .. } => return,
    };
    draft.entry(
        Entry::new("post_refused", Actor::Bot, why)
            .in_thread(post.thread)
            .with_facts(json!({ "role": post.role, "effect": effect })),
    );
    if post.elsewhere {
        return;
    }
    let issue = post.thread.issue;
    match post.role {
        Role::Summary(number) => {
            lifecycle::void(draft, number, "the forge refuses my comments in its thread");
            let text = format!("{number} in {issue} is void: the forge refuses my comments there.");
            control(draft, post.thread, &text);
        }
        Role::Credential(number) => {
            if let Some((mut credential, mut identity)) = known::of_identity(draft, number) {
                let why = "it could not be delivered: the forge refuses my comments in its thread";
                lifecycle::revoke_credential(
                    draft,
                    &mut identity,
                    &mut credential,
                    &Actor::Bot,
                    why,
                );
                let text = format!(
                    "**{number} of `{}` in {issue} is revoked**: {why}.",
                    identity.slug
                );
                control(draft, post.thread, &text);
            }
        }
        Role::Answer => {
            // The visible part only: a machine block belongs to the thread that it speaks of.
            let shown = post.body.split("\n\n<!--").next().unwrap_or("");
            let text = format!(
                "In {issue} the forge refuses my comments. There I would have said:\n\n{shown}"
            );
            control(draft, post.thread, &text);
        }
    }
}

/// Tells the control issue, if there is one and it is not the thread that refuses.
fn control(draft: &mut Draft<'_>, thread: ThreadKey, text: &str) {
    let issue = draft
        .board(thread)
        .and_then(|board| board.control_issue)
        .filter(|issue| *issue != thread.issue);
    let Some(issue) = issue else {
        return;
    };
    let body = reply::notice(text, None, draft.given.seq);
    draft.effect(Effect::Post(Post {
        thread: ThreadKey {
            repository: thread.repository,
            issue,
        },
        role: Role::Answer,
        body,
        at: draft.now(),
        elsewhere: true,
    }));
}
