//! Secrets from before: an operator hands a file of them in, their owners approve, and then each is a
//! credential.
//!
//! What is asked for is judged as everything else is. A file is taken whole or not at all, it waits as
//! records beside its request, and the request's digest covers every one of them; all come alive in one
//! line of the journal. A file with anything that no identity has goes through all gates of the board
//! together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::audit::Entry;
use super::super::command::one_line;
use super::super::credential::{Check, Credential};
use super::super::grant::{Grant, GrantRecord};
use super::super::identity::{Identity, IdentityStatus};
use super::super::ids::{CredentialNumber, Hash, IdentityNumber, RequestNumber, ThreadKey};
use super::super::import::{
    Import, Line, MOST_ALONE, MOST_OF_IDENTITY, MOST_ROWS, Row, Wanted as Imported, digest,
};
use super::super::key::Key;
use super::super::policy::{Board, STRICTEST};
use super::super::reply;
use super::super::request::{Action, Request, RequestStatus, Wanted};
use super::super::thread::{BoardState, Counters};
use super::super::verdict::Opening;
use super::named::told;
use super::propose::{self, Host, Proposal};
use super::said::Said;
use super::{Answer, Draft, issue, known, lifecycle, unsaid};

/// Rows that a summary shows.
const SHOWN: usize = 20;

/// Decides what an operator hands in.
pub(super) fn decide(draft: &mut Draft<'_>, import: &Import) {
    let operator = one_line(import.by.name(), 40);
    draft.cause(
        "import",
        json!({ "operator": operator, "file": import.file, "lines": import.lines.len() }),
    );
    let asked = ask(draft, import, &operator);
    if let Err(why) = &asked
        && !draft.given.low_space
    {
        let thread = ThreadKey {
            repository: import.board,
            issue: import.issue,
        };
        draft.entry(
            Entry::new(
                "import_refused",
                unsaid::actor(&operator),
                one_line(why, 400),
            )
            .in_thread(thread),
        );
    }
    draft.answer(Answer::Import(asked));
}

/// Puts the request up; else why not.
fn ask(draft: &mut Draft<'_>, import: &Import, operator: &str) -> Result<RequestNumber, String> {
    let thread = ThreadKey {
        repository: import.board,
        issue: import.issue,
    };
    let board = draft.board(thread).ok_or("there is no such board")?;
    let author = unsaid::asks_as(draft, &import.by, board)?;
    let login = format!("operator {operator}");
    let accepted = unsaid::accepted(draft.now(), thread, author);
    let reads = import.reads.fresh(draft.now());
    let said = unsaid::said(board, &accepted, (author, &login), &import.file, reads);
    propose::place(draft, &said).map_err(|(text, _)| text)?;
    let rows = rows(draft, board, &import.lines)?;
    let effect = effect(draft, board, &rows, &import.file)
        .ok_or("one of its identities cannot get anything now")?;
    room(draft, board, &rows)?;
    let shown = show(&rows, &effect);
    let proposal = Proposal::of(Action::Import, effect);
    let host = Host {
        operator: None,
        shown: &shown,
    };
    let number =
        propose::put_up_from_host(draft, &said, proposal, host).map_err(|(text, _)| text)?;
    for (row, place) in rows.iter().zip(0..) {
        draft.put(Key::legacy(number, place), row);
    }
    draft.entry(
        Entry::new(
            "import_asked",
            unsaid::actor(operator),
            format!(
                "{} secrets from before, asked for as user {author}",
                rows.len()
            ),
        )
        .in_thread(thread)
        .about_request(number)
        .with_facts(json!({ "file": import.file, "operator": operator })),
    );
    Ok(number)
}

/// Lines as they would wait; else every line that cannot come here.
fn rows(draft: &Draft<'_>, board: &Board, lines: &[Line]) -> Result<Vec<Row>, String> {
    if lines.is_empty() || lines.len() > MOST_ROWS {
        return Err(format!(
            "{} lines; 1 to {MOST_ROWS} come at once",
            lines.len()
        ));
    }
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (line, number) in lines.iter().zip(1..) {
        let mut fault = |why: String| faults.push(format!("line {number}: {why}"));
        if let Some(check) = known::shown(draft, &line.macs) {
            fault(format!("is known here already, as {}", check.credential));
        }
        let Some(mac) = line
            .macs
            .first()
            .filter(|mac| seen.insert(mac.as_str().to_owned()))
        else {
            fault("is the same secret as another line's".to_owned());
            continue;
        };
        let identity = line
            .identity
            .as_ref()
            .map(|slug| (slug, known::newest_identity(draft, board, slug)));
        let identity = match identity {
            None => None,
            Some((slug, None)) => {
                fault(format!("there is no identity `{slug}` on this board"));
                continue;
            }
            Some((slug, Some(found))) if !takes(draft, &found) => {
                fault(format!("`{slug}` is {}", found.word(draft.now())));
                continue;
            }
            Some((slug, Some(found))) if found.scopes.is_disjoint(&line.scopes) => {
                fault(format!("`{slug}` may do nothing of what it asks for"));
                continue;
            }
            Some((_, Some(found))) => Some(found.number),
        };
        rows.push(Row {
            mac: mac.clone(),
            pepper_id: line.pepper_id.clone(),
            label: line.label.clone(),
            scopes: line.scopes.clone(),
            expires_at: line.expires_at,
            identity,
        });
    }
    if faults.is_empty() {
        Ok(rows)
    } else {
        Err(faults.join("; "))
    }
}

/// True if an identity can be given something now.
fn takes(draft: &Draft<'_>, identity: &Identity) -> bool {
    matches!(identity.status, IdentityStatus::Active) && draft.now() < identity.expires_at
}

/// The identities that rows name, by number; those that can be given nothing now are not among them.
fn identities(draft: &Draft<'_>, rows: &[Row]) -> BTreeMap<IdentityNumber, Identity> {
    let named: BTreeSet<IdentityNumber> = rows.iter().filter_map(|row| row.identity).collect();
    named
        .into_iter()
        .filter_map(|number| draft.get::<Identity>(&Key::identity(number)))
        .filter(|identity| takes(draft, identity))
        .map(|identity| (identity.number, identity))
        .collect()
}

/// What would come alive. `None` if an identity of a row can be given nothing.
fn effect(draft: &Draft<'_>, board: &Board, rows: &[Row], file: &Hash) -> Option<Wanted> {
    let known = identities(draft, rows);
    let named: Option<Vec<&Identity>> = rows
        .iter()
        .filter_map(|row| row.identity)
        .map(|number| known.get(&number))
        .collect();
    let named = named?;
    let alone = rows.iter().any(|row| row.identity.is_none());
    let mut environments: BTreeSet<&str> =
        named.iter().map(|one| one.environment.as_str()).collect();
    // What goes to several gates goes through all of them: the strictest line rules the file.
    let environment = match environments.pop_first() {
        Some(only) if !alone && environments.is_empty() => only,
        Some(_) | None => STRICTEST,
    };
    let gate = board.gate(environment)?;
    Some(Wanted {
        scopes: rows.iter().flat_map(|row| row.scopes.clone()).collect(),
        environment: environment.to_owned(),
        ttl: Some(gate.max_ttl),
        import: Some(Imported {
            file: file.clone(),
            lines: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            rows: digest(rows),
            identities: named
                .iter()
                .map(|one| (one.slug.clone(), one.number))
                .collect(),
            requesters: named.iter().map(|one| one.requester).collect(),
        }),
        ..Wanted::default()
    })
}

/// What would come alive now by the records that wait, to be compared with what was asked.
pub(super) fn effect_again(draft: &Draft<'_>, board: &Board, request: &Request) -> Option<Wanted> {
    let rows = waiting(draft, request)?;
    effect(draft, board, &rows, &request.effect.import.as_ref()?.file)
}

/// The rows that wait for a request; `None` if one is not there.
fn waiting(draft: &Draft<'_>, request: &Request) -> Option<Vec<Row>> {
    let lines = request.effect.import.as_ref()?.lines;
    // All are loaded at once: a missing one does not keep the next from being asked for.
    let rows: Vec<Option<Row>> = (0..lines)
        .map(|place| draft.get::<Row>(&Key::legacy(request.number, place)))
        .collect();
    rows.into_iter().collect()
}

/// A request is over: its rows wait no more.
pub(super) fn forget(draft: &mut Draft<'_>, request: &Request) {
    if let Some(import) = &request.effect.import {
        for place in 0..import.lines {
            draft.remove(Key::legacy(request.number, place));
        }
    }
}

/// What stands alone is kept in one list of the board, without what is past its end.
pub(super) fn living_alone(draft: &Draft<'_>, board: &Board) -> BTreeSet<CredentialNumber> {
    let state: BoardState = draft.get_or_default(&Key::board(board.repository_id));
    let lives = |number: &CredentialNumber| {
        draft
            .get::<Credential>(&Key::credential(*number))
            .is_none_or(|credential| credential.is_living(draft.now()))
    };
    state.alone.into_iter().filter(lives).collect()
}

/// Limits on what lives at once.
fn room(draft: &Draft<'_>, board: &Board, rows: &[Row]) -> Result<(), String> {
    let more = rows.iter().filter(|row| row.identity.is_none()).count();
    let have = living_alone(draft, board).len();
    if more > 0 && have + more > MOST_ALONE {
        return Err(format!(
            "{have} secrets without an identity live on this board already, and {MOST_ALONE} may; link them, or end some"
        ));
    }
    for identity in identities(draft, rows).values() {
        let living = known::credentials_of(draft, identity)
            .iter()
            .filter(|credential| credential.is_living(draft.now()))
            .count();
        let more = rows
            .iter()
            .filter(|row| row.identity == Some(identity.number));
        if living + more.count() > MOST_OF_IDENTITY {
            return Err(format!(
                "`{}` has {living} living credentials already, and may have {MOST_OF_IDENTITY}",
                identity.slug
            ));
        }
    }
    Ok(())
}

/// The first rows for the summary, a line each.
fn show(rows: &[Row], effect: &Wanted) -> Vec<String> {
    let names: BTreeMap<IdentityNumber, &str> = effect
        .import
        .iter()
        .flat_map(|import| &import.identities)
        .map(|(slug, number)| (*number, slug.as_str()))
        .collect();
    let mut lines: Vec<String> = rows
        .iter()
        .take(SHOWN)
        .map(|row| {
            let slug = row.identity.and_then(|number| names.get(&number).copied());
            reply::import_row(row, slug)
        })
        .collect();
    if rows.len() > SHOWN {
        lines.push(format!("- and {} more", rows.len() - SHOWN));
    }
    lines
}

/// The gate is open: every row is a credential from this line on, or none.
pub(super) fn act(draft: &mut Draft<'_>, said: &Said<'_>, opening: Opening) {
    let grant = Grant::from_opening(opening);
    let mut request = grant.request().clone();
    let rows = waiting(draft, &request).unwrap_or_default();
    let known: Vec<bool> = rows
        .iter()
        .map(|row| draft.get::<Check>(&Key::check(&row.mac)).is_some())
        .collect();
    let identities = identities(draft, &rows);
    let mut counters: Counters = draft.get_or_default(&Key::counters());
    let first = CredentialNumber(counters.credential + 1);
    let made = if known.contains(&true) || room(draft, said.board, &rows).is_err() {
        None
    } else {
        grant.import(&rows, first, |number| identities.get(&number))
    };
    let Some((credentials, record)) = made else {
        let why = "not every secret of it could come alive";
        lifecycle::void(draft, request.number, why);
        let text = format!("**{} is void**: {why}. Hand it in anew.", request.number);
        draft.outcome("approve", "nothing_left");
        return told(draft, said, &text);
    };
    counters.credential = credentials
        .last()
        .map_or(counters.credential, |one| one.number.0);
    draft.put(Key::counters(), &counters);
    draft.put(Key::grant(request.number), &record);
    write(draft, said, &credentials, identities, &record);
    lifecycle::end(draft, &mut request, RequestStatus::Approved);
    draft.outcome("approve", "imported");
    let by = issue::names(said.board, &record.approvers);
    let text = reply::imported(&request, &credentials, &by);
    told(draft, said, &text);
}

/// Writes the credentials, their rows, and the lists that they are on.
fn write(
    draft: &mut Draft<'_>,
    said: &Said<'_>,
    credentials: &[Credential],
    mut identities: BTreeMap<IdentityNumber, Identity>,
    record: &GrantRecord,
) {
    let mut alone = living_alone(draft, said.board);
    for credential in credentials {
        let number = credential.number;
        draft.put(Key::credential(number), credential);
        let mut entry = Entry::new("credential_imported", said.actor(), number.to_string())
            .in_thread(said.thread)
            .about_request(record.request)
            .about_credential(number)
            .with_facts(json!({
                "digest": record.digest,
                "approvers": record.approvers,
                "label": credential.label,
                "scopes": credential.scopes,
                "expires_at": credential.expires_at,
            }));
        let identity = credential.identity.and_then(|of| identities.get_mut(&of));
        if let Some(identity) = identity {
            identity.credentials.push(number);
            issue::forget_ended(draft, identity);
            let text = format!("{number} for {}", record.request);
            identity
                .recent
                .push(draft.now(), "credential_imported", &text);
            draft.put(Key::check(&credential.mac), &credential.check(identity));
            issue::announce_end(draft, credential);
            entry = entry.about_identity(identity.number);
        } else if let Some(check) = credential.check_alone() {
            alone.insert(number);
            draft.put(Key::check(&credential.mac), &check);
        }
        draft.entry(entry);
    }
    let key = Key::board(said.board.repository_id);
    let mut state: BoardState = draft.get_or_default(&key);
    state.alone = alone;
    draft.put(key, &state);
    let mut told = BTreeSet::from([said.thread]);
    for identity in identities.values() {
        draft.put(Key::identity(identity.number), identity);
        if told.insert(identity.thread) {
            let text = format!(
                "Secrets from before are `{}`'s now, by {} in {}. `/gate inspect {}` shows them.",
                identity.slug, record.request, said.thread.issue, identity.slug
            );
            draft.tell(identity.thread, &text, None);
        }
    }
}
