//! What would come of an event, in words and without anything secret: the same decision, made on the
//! records as they are and thrown away.
//!
//! Invariant: nothing is written and nobody is told. Of a sealed file, and of what a check reads by the
//! MAC of a token, only that it would be made is said.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bot::Bot;
use crate::gate::decide::{Decision, Step};
use crate::gate::effect::{Effect, Role};
use crate::gate::event::Event;
use crate::gate::evidence::{Needs, Reads};
use crate::gate::ids::ThreadKey;
use crate::gate::key::{Key, Table};
use crate::gate::policy::Policy;
use crate::http::decided::ROUNDS;
use crate::http::problem::ApiError;

/// Records as they would be.
pub(super) type Overlay = BTreeMap<Key, Option<Value>>;

/// Decides without writing, on records under `overlay`. A decision that fails inside the program ends
/// this call only.
pub(super) async fn rehearse(
    bot: &Bot,
    event: Event,
    overlay: Overlay,
) -> Result<(Step, Overlay), ApiError> {
    let core = bot.core.clone();
    let now = bot.clock.now();
    let made = tokio::task::spawn_blocking(move || {
        core.rehearse(&event, now, &overlay)
            .map(|step| (step, overlay))
    });
    let made = made.await.map_err(|error| {
        tracing::error!(%error, "a rehearsal failed");
        ApiError::Unhealthy
    })?;
    Ok(made?)
}

/// What would come of an event that needs reading, as `decided` has one decided.
pub(in crate::http) async fn rehearsed(
    bot: &Bot,
    event: impl Fn(&Reads) -> Event,
    mut gather: impl AsyncFnMut(Needs, &mut Reads) -> Result<(), ApiError>,
) -> Result<Decision, ApiError> {
    let mut reads = Reads::default();
    for _ in 0..ROUNDS {
        match rehearse(bot, event(&reads), Overlay::new()).await?.0 {
            Step::Gather(needs) => gather(needs, &mut reads).await?,
            Step::Decided(decision) => return Ok(*decision),
            Step::Load(_) | Step::Wait(_) | Step::Unreadable(_) => break,
        }
    }
    Err(ApiError::Unhealthy)
}

/// What a decision would do.
pub(in crate::http) fn describe(decision: &Decision, policy: &Policy) -> Value {
    let entries: Vec<Value> = decision
        .entries
        .iter()
        .map(|entry| {
            json!({
                "code": entry.code,
                "actor": entry.actor.to_string(),
                "text": entry.text,
                "request": entry.request.map(|number| number.to_string()),
                "identity_id": entry.identity,
                "credential": entry.credential.map(|number| number.to_string()),
            })
        })
        .collect();
    let comments: Vec<Value> = decision
        .effects
        .iter()
        .filter_map(|effect| comment(effect, policy))
        .collect();
    json!({
        "entries": entries,
        "comments": comments,
        "records": records(decision),
    })
}

/// Which records would be written or removed, by table.
fn records(decision: &Decision) -> Vec<Value> {
    let record = |change: &crate::gate::key::Change| {
        let key = match change.key.table {
            // Its key is the MAC of a token.
            Table::Check => Value::Null,
            _ => json!(change.key.parts),
        };
        json!({
            "table": change.key.table,
            "key": key,
            "removed": change.value.is_none(),
        })
    };
    decision.changes.iter().map(record).collect()
}

/// What would be said where.
fn comment(effect: &Effect, policy: &Policy) -> Option<Value> {
    let (thread, text) = match effect {
        Effect::Post(post) => match post.role {
            Role::Credential(_) => (post.thread, "(a credential, sealed)".to_owned()),
            Role::Summary(_) | Role::Answer => (post.thread, visible(&post.body)),
        },
        Effect::Edit { thread, body, .. } => (*thread, visible(body)),
        Effect::React { .. } | Effect::Open(_) => return None,
    };
    let ThreadKey { repository, issue } = thread;
    Some(json!({
        "board": policy.board(repository).map(|board| &board.name),
        "repository_id": repository,
        "issue": issue,
        "text": text,
    }))
}

/// A comment without its hidden part.
fn visible(body: &str) -> String {
    body.split("\n\n<!--").next().unwrap_or("").to_owned()
}
