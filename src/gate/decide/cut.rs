//! What lives in a thread, compared with the policy in force: a credential that may do less than it
//! was granted, because the configuration was cut, is told in its thread, once for each cut.
//!
//! The cut itself needs none of this: every check applies the policy in force. Here nothing is taken
//! away and nothing given; it is only said.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::credential::Credential;
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{Hash, ThreadKey};
use super::super::key::Key;
use super::super::reply::reasons::codes;
use super::{Draft, known};

/// Compares.
pub(super) fn decide(draft: &mut Draft<'_>, thread: ThreadKey) {
    draft.outcome("compare", "nothing");
    if draft.board(thread).is_none() {
        return;
    }
    for identity in known::living_in(draft, thread) {
        // What is paused is told when it lives again.
        if identity.status == IdentityStatus::Active && draft.now() < identity.expires_at {
            compare(draft, &identity);
        }
    }
}

fn compare(draft: &mut Draft<'_>, identity: &Identity) {
    let mut news = Vec::new();
    for number in &identity.credentials {
        let Some(mut credential) = draft.get::<Credential>(&Key::credential(*number)) else {
            continue;
        };
        if !credential.is_living(draft.now()) {
            continue;
        }
        let granted = credential.check(identity);
        let live = granted.clone().live(&draft.given.policy, draft.now());
        let left = live.map(|live| live.scopes).unwrap_or_default();
        let cut = (left != granted.scopes).then(|| name(&left));
        if credential.told_cut == cut {
            continue;
        }
        credential.told_cut = cut;
        if credential.told_cut.is_some() {
            news.push(line(&credential, &granted.scopes, &left));
        }
        draft.use_reserve();
        draft.cause("compared", json!({ "thread": identity.thread }));
        draft.put(Key::credential(*number), &credential);
    }
    if news.is_empty() {
        return;
    }
    draft.outcome("compare", "told");
    draft.entry(
        Entry::new("cut_told", Actor::Bot, "the configuration lets it do less")
            .in_thread(identity.thread)
            .about_identity(identity.number),
    );
    let text = format!(
        "**My configuration lets `{}` do less than it was granted**:\n{}",
        identity.slug,
        news.join("\n")
    );
    draft.tell(identity.thread, &text, None);
}

/// What is left of a grant, in one word.
fn name(left: &BTreeSet<String>) -> Hash {
    let words: Vec<&str> = left.iter().map(String::as_str).collect();
    Hash::of(words.join(" ").as_bytes())
}

fn line(credential: &Credential, granted: &BTreeSet<String>, left: &BTreeSet<String>) -> String {
    let number = credential.number;
    if left.is_empty() {
        format!("- {number} may nothing any more: every check refuses it")
    } else {
        let gone = granted.difference(left);
        format!("- {number} may {}, and not {}", codes(left), codes(gone))
    }
}
