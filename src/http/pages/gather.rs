//! Reading what the status page shows, as far as an operator may look.
//!
//! Everything is bounded, however much there is: the newest identities, the board's own list of open
//! requests, the last entries of the audit. Nothing secret is read.

use jiff::Timestamp;

use super::view::{AuditRow, BoardRow, IdentityRow, RequestRow, View};
use crate::bot::Bot;
use crate::bot::audit::{Query, find};
use crate::config::factor_words;
use crate::gate::actor::Actor;
use crate::gate::audit::Entry;
use crate::gate::credential::Credential;
use crate::gate::evidence::Reads;
use crate::gate::identity::Identity;
use crate::gate::ids::{IdentityNumber, RequestNumber, ThreadKey, UserId};
use crate::gate::key::Key;
use crate::gate::operator::By;
use crate::gate::policy::{Board, Gate, Policy, STRICTEST};
use crate::gate::reply::reasons;
use crate::gate::request::Request;
use crate::gate::thread::{BoardState, Counters, Installation, Standstill};
use crate::gate::time::{instant, span};
use crate::gate::verdict::{Finding, Reason, Stand};
use crate::store::StoreError;

/// The most identities on the page.
const IDENTITIES: usize = 100;
/// The most records that are read for them.
const LOOKED_AT: u64 = 2_000;
/// The most open requests of a board.
const REQUESTS: usize = 100;
/// The most entries of the audit.
const ENTRIES: usize = 30;

/// Who looks, at what, when.
struct Looking<'a> {
    bot: &'a Bot,
    policy: &'a Policy,
    by: &'a By,
    now: Timestamp,
}

/// Everything that the operator may see.
pub(super) fn gather(bot: &Bot, policy: &Policy, by: &By) -> Result<View, StoreError> {
    let looking = Looking {
        bot,
        policy,
        by,
        now: bot.clock.now(),
    };
    let mut view = View {
        operator: by.name().to_owned(),
        at: instant(looking.now),
        troubles: looking.troubles()?,
        ..View::default()
    };
    for (id, board) in &policy.boards {
        if by.reaches(policy, *id) {
            let state = bot.core.get::<BoardState>(&Key::board(*id))?;
            let state = state.unwrap_or_default();
            view.boards.push(looking.board(board, &state)?);
            looking.requests(board, &state, &mut view.requests)?;
        }
    }
    looking.identities(&mut view)?;
    looking.audit(&mut view)?;
    Ok(view)
}

impl Looking<'_> {
    /// What is wrong with the whole installation.
    fn troubles(&self) -> Result<Vec<String>, StoreError> {
        let core = &self.bot.core;
        let mut troubles = Vec::new();
        if let Some(clock) = core.clock_trouble().get() {
            troubles.push(format!("Nothing widens: {clock}"));
        }
        let installation = core.get::<Installation>(&Key::installation())?;
        if installation.is_some_and(|installation| installation.missing.is_some()) {
            let text = "Nothing widens: comments of the bot rest on lines that the journal does not have. See readyz, then start once with --accept-journal-loss.";
            troubles.push(text.to_owned());
        }
        Ok(troubles)
    }

    fn board(&self, board: &Board, state: &BoardState) -> Result<BoardRow, StoreError> {
        let id = board.repository_id;
        let core = &self.bot.core;
        let still = core.get::<Standstill>(&Key::standstill(id))?;
        let silence = &self.bot.reconciliation.silence;
        let (word, why) = if let Some(still) = still {
            let why = format!("since {}: {}", instant(still.at), still.why);
            ("stands still", why)
        } else if silence.refuses(self.policy, id, &self.bot.clock) {
            ("silent", "not read for longer than max_silence".to_owned())
        } else if let Some((what, hold)) = state.holds.iter().next() {
            let since = instant(hold.since);
            (
                "held",
                format!("{what}: found {} since {since}", hold.found),
            )
        } else {
            ("works", String::new())
        };
        Ok(BoardRow {
            name: board.name.clone(),
            repository: board.repository.clone(),
            state: word,
            why,
            gates: board
                .gates
                .iter()
                .map(|(name, gate)| described(name, gate))
                .collect(),
        })
    }

    fn requests(
        &self,
        board: &Board,
        state: &BoardState,
        rows: &mut Vec<RequestRow>,
    ) -> Result<(), StoreError> {
        let core = &self.bot.core;
        for number in state.requests.iter().take(REQUESTS) {
            let Some(request) = core.get::<Request>(&Key::request(*number))? else {
                continue;
            };
            if request.is_open(self.now) {
                rows.push(self.request(board, *number, &request)?);
            }
        }
        Ok(())
    }

    fn request(
        &self,
        board: &Board,
        number: RequestNumber,
        request: &Request,
    ) -> Result<RequestRow, StoreError> {
        let (thread, link) = self.thread(request.thread);
        let effect = &request.effect;
        let what = effect.identity.as_ref().map_or("", |slug| slug.as_str());
        let scopes = words(effect.scopes.iter());
        let life = effect.ttl.map(span).unwrap_or_default();
        let environment = match effect.environment.as_str() {
            STRICTEST => "all gates together",
            other => other,
        };
        let parts = [
            request.asker_login.as_str(),
            request.action.word(),
            what,
            &scopes,
            &life,
            environment,
        ];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(RequestRow {
            number: number.to_string(),
            asks: parts.join(" · "),
            thread,
            link,
            missing: self.missing(board, request)?,
            ends: instant(request.ends_at),
        })
    }

    /// What opens the gate of a request: what the gate's own rules say, as far as its records tell.
    fn missing(&self, board: &Board, request: &Request) -> Result<Vec<String>, StoreError> {
        let Some(gate) = board.gate(&request.effect.environment) else {
            return Ok(vec!["its environment has no gate any more".to_owned()]);
        };
        let core = &self.bot.core;
        let Some(why) = core.explain(request.number, &Reads::default(), self.now)? else {
            return Ok(vec!["it cannot be judged now".to_owned()]);
        };
        let stand = |wanted: &Stand| -> Vec<UserId> {
            let owners = why.owners.iter().filter(|(_, stand)| stand == wanted);
            owners.map(|(user, _)| *user).collect()
        };
        let counted = stand(&Stand::Counted);
        let mut missing = vec![format!(
            "{} of {} owners{}",
            counted.len(),
            gate.quorum,
            named_owners(board, ", counted ", &counted)
        )];
        missing.push(
            match named_owners(board, "could come from ", &stand(&Stand::Missing)) {
                none if none.is_empty() => "nobody is left who could approve it".to_owned(),
                names => names,
            },
        );
        missing.push(format!("each by {}", factor_words(&gate)));
        if let Some(wait) = gate.cooling_off {
            missing.push(format!("not before {} have passed", span(wait)));
        }
        // What judges say is read on the forge, and this page reads nothing there.
        let unread = !why.unread.is_empty();
        if unread {
            missing.push("a judgement that does not object".to_owned());
        }
        missing.extend(gate.open_hours().map(|hours| format!("only {hours}")));
        for (rule, finding) in &why.rules {
            match finding {
                // Said above.
                Finding::Deny(Reason::MoreOwners { .. }) => {}
                Finding::Deny(_) if unread && *rule == "judged" => {}
                Finding::Deny(reason) => missing.push(reasons::sentence(reason, board)),
                Finding::Allow | Finding::Silent => {}
            }
        }
        Ok(missing)
    }

    /// The newest first, from the last number that was given.
    fn identities(&self, view: &mut View) -> Result<(), StoreError> {
        let core = &self.bot.core;
        let counters = core.get::<Counters>(&Key::counters())?.unwrap_or_default();
        let last = counters.identity;
        for number in (last.saturating_sub(LOOKED_AT)..=last).rev() {
            let found = core.get::<Identity>(&Key::identity(IdentityNumber(number)))?;
            let Some(identity) = found.filter(|it| self.by.reaches(self.policy, it.board())) else {
                continue;
            };
            if view.identities.len() == IDENTITIES {
                view.more_identities = true;
                break;
            }
            view.identities.push(self.identity(&identity)?);
        }
        Ok(())
    }

    fn identity(&self, identity: &Identity) -> Result<IdentityRow, StoreError> {
        let (thread, link) = self.thread(identity.thread);
        let mut living = 0;
        for number in &identity.credentials {
            let credential = self.bot.core.get::<Credential>(&Key::credential(*number))?;
            living += usize::from(credential.is_some_and(|it| it.is_living(self.now)));
        }
        let owner = identity.owner;
        let board = self.policy.board(identity.board());
        let login = board.and_then(|board| board.owner(owner));
        Ok(IdentityRow {
            slug: identity.slug.as_str().to_owned(),
            status: identity.word(self.now).to_owned(),
            environment: identity.environment.clone(),
            scopes: words(identity.scopes.iter()),
            owner: login.map_or_else(|| format!("user {owner}"), |owner| owner.login.clone()),
            living,
            ends: instant(identity.expires_at),
            thread,
            link,
        })
    }

    fn audit(&self, view: &mut View) -> Result<(), StoreError> {
        // More than are shown: those of other boards fall out.
        let query = Query {
            most: ENTRIES * 10,
            ..Query::default()
        };
        let page = find(&self.bot.core.store(), &query)?;
        for (place, entry) in &page.entries {
            if view.audit.len() == ENTRIES {
                break;
            }
            let identity = match entry.identity {
                Some(number) => self.bot.core.get::<Identity>(&Key::identity(number))?,
                None => None,
            };
            let thread = entry.thread.map(|thread| thread.repository);
            let board = thread.or(identity.as_ref().map(Identity::board));
            if board.is_some_and(|board| self.by.reaches(self.policy, board)) {
                let at = instant(place.time());
                view.audit.push(self.entry(entry, identity.as_ref(), at));
            }
        }
        Ok(())
    }

    fn entry(&self, entry: &Entry, identity: Option<&Identity>, at: String) -> AuditRow {
        let whose = [
            identity.map(|identity| identity.slug.as_str().to_owned()),
            entry.credential.map(|number| number.to_string()),
            entry.request.map(|number| number.to_string()),
        ];
        AuditRow {
            at,
            actor: self.actor(entry),
            code: entry.code.replace('_', " "),
            whose: words(whose.iter().flatten()),
            text: entry.text.clone(),
        }
    }

    /// Who did something, by name where it is an owner.
    fn actor(&self, entry: &Entry) -> String {
        let mut boards = self.policy.boards.values();
        let owner = match entry.actor {
            Actor::User(user) => boards.find_map(|board| board.owner(user)),
            _ => None,
        };
        owner.map_or_else(|| entry.actor.to_string(), |owner| owner.login.clone())
    }

    /// A thread as people write it, and where it is on the forge.
    fn thread(&self, thread: ThreadKey) -> (String, String) {
        let issue = thread.issue.0;
        let name = match self.policy.board(thread.repository) {
            Some(board) => format!("{}#{issue}", board.name),
            None => format!("{}#{issue}", thread.repository),
        };
        (name, self.policy.thread_url(thread).unwrap_or_default())
    }
}

fn words<'a>(words: impl Iterator<Item = &'a String>) -> String {
    let words: Vec<&str> = words.map(String::as_str).collect();
    words.join(" ")
}

/// These owners by name after a lead; empty if there is none.
fn named_owners(board: &Board, lead: &str, users: &[UserId]) -> String {
    let owners = users.iter().filter_map(|user| board.owner(*user));
    let names: Vec<&str> = owners.map(|owner| owner.login.as_str()).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("{lead}{}", names.join(", "))
    }
}

/// A gate in a line.
fn described(name: &str, gate: &Gate) -> String {
    let owners = if gate.quorum == 1 { "owner" } else { "owners" };
    format!(
        "{name}: {} for {} by {} {owners} with {}",
        words(gate.scopes.iter()),
        span(gate.max_ttl),
        gate.quorum,
        factor_words(gate)
    )
}
