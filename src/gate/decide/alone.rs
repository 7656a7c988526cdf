//! Secrets from before that no identity has: what stops one. Each stands for itself; a pause is undone
//! only by linking it to an identity (`link.rs`), an end by nothing.

use super::super::actor::Actor;
use super::super::audit::Entry;
use super::super::command::{Less, Words, less};
use super::super::credential::{Alone, Credential, CredentialStatus};
use super::super::identity::{Ending, Identity};
use super::super::ids::{CredentialNumber, RepositoryId, ThreadKey};
use super::super::key::Key;
use super::super::policy::STRICTEST;
use super::super::reply::{escape::foreign, faults, reasons::codes};
use super::super::thread::BoardState;
use super::super::time::{after, instant, span};
use super::named::{because, refuse, shown, told};
use super::said::Said;
use super::{Draft, lifecycle};

/// A credential that was stopped: how it is called, and where that is told.
pub(super) struct Stopped {
    /// The thread of its identity, or of its import.
    pub thread: ThreadKey,
    /// For a sentence, escaped.
    pub name: String,
}

/// Where a credential belongs: to its identity, or by itself to where it was imported.
pub(super) struct Home {
    /// The thread in which it is told of.
    pub thread: ThreadKey,
    /// The gate that it came through.
    pub environment: String,
    /// The identity that has it.
    pub identity: Option<Identity>,
}

impl Home {
    /// An entry about a credential that belongs here.
    pub(super) fn about(&self, entry: Entry, number: CredentialNumber) -> Entry {
        let entry = entry.in_thread(self.thread).about_credential(number);
        match &self.identity {
            Some(identity) => entry.about_identity(identity.number),
            None => entry,
        }
    }
}

/// Where a credential belongs; `None` if its identity is not there.
pub(super) fn home(draft: &Draft<'_>, credential: &Credential) -> Option<Home> {
    if let Some(number) = credential.identity {
        let identity = draft.get::<Identity>(&Key::identity(number))?;
        return Some(Home {
            thread: identity.thread,
            environment: identity.environment.clone(),
            identity: Some(identity),
        });
    }
    let alone = credential.alone.as_ref()?;
    Some(Home {
        thread: alone.thread,
        environment: STRICTEST.to_owned(),
        identity: None,
    })
}

/// `c9`, and what people call it.
fn name(credential: &Credential) -> String {
    match &credential.label {
        Some(label) => format!("{} {}", credential.number, foreign(label, 80)),
        None => credential.number.to_string(),
    }
}

/// The board's credential of that number, if no identity has it and it is not final.
pub(super) fn get(
    draft: &Draft<'_>,
    repository: RepositoryId,
    number: CredentialNumber,
) -> Option<Credential> {
    let credential = draft.get::<Credential>(&Key::credential(number))?;
    let here = credential
        .alone
        .as_ref()
        .is_some_and(|alone| alone.thread.repository == repository);
    (here && !matches!(credential.status, CredentialStatus::Revoked(_))).then_some(credential)
}

/// Ends one credential, an identity's or one that stands alone. `None` if it had ended already.
pub(super) fn revoke(
    draft: &mut Draft<'_>,
    credential: &mut Credential,
    by: &Actor,
    why: &str,
) -> Option<Stopped> {
    let number = credential.number;
    if let Some(identity) = credential.identity {
        let mut identity = draft.get::<Identity>(&Key::identity(identity))?;
        let done = lifecycle::revoke_credential(draft, &mut identity, credential, by, why);
        return done.then(|| Stopped {
            thread: identity.thread,
            name: format!("`{}` {number}", identity.slug),
        });
    }
    let alone = credential.alone.clone()?;
    if matches!(credential.status, CredentialStatus::Revoked(_)) {
        return None;
    }
    let ending = ending(draft, by, why);
    credential.status = CredentialStatus::Revoked(ending);
    write(draft, credential, &alone, by, "credential_revoked", why);
    let key = Key::board(alone.thread.repository);
    let mut board: BoardState = draft.get_or_default(&key);
    board.alone.remove(&number);
    draft.put(key, &board);
    Some(Stopped {
        thread: alone.thread,
        name: name(credential),
    })
}

/// Lets one that stands alone stand still. `None` if it is an identity's, or did not work anyway.
pub(super) fn pause(
    draft: &mut Draft<'_>,
    credential: &mut Credential,
    by: &Actor,
    why: &str,
) -> Option<Stopped> {
    let alone = credential.alone.clone()?;
    if !matches!(credential.status, CredentialStatus::Active(_)) {
        return None;
    }
    let ending = ending(draft, by, why);
    credential.status = CredentialStatus::Paused(ending);
    write(draft, credential, &alone, by, "credential_paused", why);
    Some(Stopped {
        thread: alone.thread,
        name: name(credential),
    })
}

fn ending(draft: &Draft<'_>, by: &Actor, why: &str) -> Ending {
    Ending {
        by: by.clone(),
        at: draft.now(),
        why: why.to_owned(),
    }
}

fn write(
    draft: &mut Draft<'_>,
    credential: &Credential,
    alone: &Alone,
    by: &Actor,
    code: &str,
    why: &str,
) {
    draft.use_reserve();
    draft.put(Key::credential(credential.number), credential);
    if let Some(check) = credential.check_alone() {
        draft.put(Key::check(&credential.mac), &check);
    }
    draft.entry(
        Entry::new(code, by.clone(), why)
            .in_thread(alone.thread)
            .about_credential(credential.number),
    );
}

/// What can be done about one that stands still.
pub(super) fn onward(number: CredentialNumber) -> String {
    format!(
        "`/gate link {number} SLUG` in an identity's thread asks that it goes on as that identity's; `/gate revoke {number}` ends it."
    )
}

/// A narrowing names such a credential as its first word: it may do less, at once, and never more. False if
/// nothing like that is meant.
pub(super) fn narrow(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) -> bool {
    let named = words.first().and_then(CredentialNumber::parse);
    let found = named.and_then(|number| get(draft, said.thread.repository, number));
    let Some(mut credential) = found.filter(|_| said.by_owner()) else {
        return false;
    };
    let (less, reason) = match less(&words.after(1)) {
        Ok(read) => read,
        Err(fault) => {
            let text = format!("Nothing was narrowed: {}", faults::sentence(&fault).0);
            refuse(draft, said, "narrow", &text, fault.code());
            return true;
        }
    };
    if let Some(wider) = wider(draft, &credential, &less) {
        let text = format!("Nothing was narrowed: {wider}; `/gate narrow` only takes away.");
        refuse(draft, said, "narrow", &text, "wider");
        return true;
    }
    let why = because(said, &reason);
    let by = said.actor();
    let name = name(&credential);
    if said.is_weak() {
        pause(draft, &mut credential, &by, &why);
        draft.outcome("narrow", "paused");
        let text = format!(
            "**{name} is paused** and is not narrowed: that comment was changed after it was written. Post `/gate narrow {}` as a new comment.",
            credential.number
        );
        told(draft, said, &text);
        return true;
    }
    let ends = less.ttl.map(|ttl| after(draft.now(), ttl));
    let text = match credential.alone.clone() {
        Some(alone) if credential.narrow(&less, ends) => {
            write(draft, &credential, &alone, &by, "credential_narrowed", &why);
            format!(
                "**{name} may do less now**{}: {}, until {}. Nothing widens it again.",
                shown(&reason),
                codes(&credential.scopes),
                instant(credential.expires_at)
            )
        }
        Some(_) | None => format!("{name} may do no more than that already."),
    };
    told(draft, said, &text);
    true
}

/// What would be wider than it is, in people's words.
fn wider(draft: &Draft<'_>, credential: &Credential, less: &Less) -> Option<String> {
    let beyond: Vec<&String> = less
        .scopes
        .iter()
        .flatten()
        .filter(|scope| !credential.scopes.contains(*scope))
        .collect();
    if !beyond.is_empty() {
        return Some(format!(
            "{} has no {}, only {}",
            credential.number,
            codes(beyond),
            codes(&credential.scopes)
        ));
    }
    let ttl = less.ttl?;
    (after(draft.now(), ttl) > credential.expires_at).then(|| {
        format!(
            "{} does not live for another {}",
            credential.number,
            span(ttl)
        )
    })
}

/// A command that stops something names such a credential as its first word: does it. False if nothing
/// like that is meant. No identity can have a number for its name.
pub(super) fn stop(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    words: &Words,
    verb: &'static str,
) -> bool {
    let named = words.first().and_then(CredentialNumber::parse);
    let found = named.and_then(|number| get(draft, said.thread.repository, number));
    let Some(mut credential) = found else {
        return false;
    };
    let number = credential.number;
    if !said.by_owner() {
        // What the words mean to everybody else was never this.
        return false;
    }
    let reason = words.after(1).reason();
    let why = because(said, &reason);
    let by = said.actor();
    let ends = verb == "revoke" && !said.is_weak();
    let stopped = if ends {
        revoke(draft, &mut credential, &by, &why)
    } else {
        pause(draft, &mut credential, &by, &why)
    };
    match stopped {
        Some(stopped) => {
            let (done, after) = match (ends, verb) {
                (true, _) => ("is revoked", String::new()),
                (false, "revoke") => {
                    draft.outcome(verb, "paused");
                    (
                        "is paused and is not revoked: that comment was changed after it was written",
                        format!(" Post `/gate revoke {number}` as a new comment."),
                    )
                }
                (false, _) => ("is paused", format!(" {}", onward(number))),
            };
            let text = format!("**{} {done}**{}.{after}", stopped.name, shown(&reason));
            told(draft, said, &text);
            if stopped.thread != said.thread {
                draft.tell(stopped.thread, &text, None);
            }
        }
        None => {
            let text = format!(
                "{} stands still already. {}",
                name(&credential),
                onward(number)
            );
            refuse(draft, said, verb, &text, "nothing_to_do");
        }
    }
    true
}
