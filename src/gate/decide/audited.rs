//! `/gate audit`: what an identity did and what was done to it, for its owners and its requester.
//!
//! Shown are verbs, times and counts. Who else is named, and what resource servers say, stays on the
//! bot's host: everybody who can read the repository can read the thread.

use jiff::{SignedDuration, Timestamp};

use super::super::command::Words;
use super::super::credential::Credential;
use super::super::evidence::{HistoryOf, Need};
use super::super::ids::{CredentialNumber, Slug};
use super::super::key::Key;
use super::super::reply;
use super::super::thread::SlugOwner;
use super::super::time::parse_span;
use super::said::{Said, refuse};
use super::{Draft, named, show};

/// The most rows in a comment.
const MOST: usize = 50;

/// What the words ask for.
#[derive(Debug, Default)]
struct Asked {
    slug: Option<Slug>,
    credential: Option<CredentialNumber>,
    /// As it was written, and in seconds.
    since: Option<(String, Option<u64>)>,
}

impl Asked {
    /// Reads the first line: a name, a credential, a span, in any order; the rest is ignored. A word
    /// like `c2` is a name where the board has an identity of that name.
    fn read(draft: &Draft<'_>, said: &Said<'_>, words: &Words) -> Self {
        let mut asked = Self::default();
        let line = words.text().lines().next().unwrap_or("");
        for word in line.split_whitespace() {
            let bare = word.trim_matches(['`', '\'', '"', ',', '.', ';', ':']);
            let small = bare.to_ascii_lowercase();
            if let Some(span) = small.strip_prefix("since=") {
                asked.since = Some((span.to_owned(), parse_span(span)));
                continue;
            }
            let number = CredentialNumber::parse(&small);
            let slug = Slug::parse(&small).filter(|_| asked.slug.is_none());
            let is_name = |slug: &Slug| {
                draft
                    .get::<SlugOwner>(&Key::slug(slug))
                    .is_some_and(|owner| owner.repository == said.thread.repository)
            };
            match (slug, number) {
                (Some(slug), None) => asked.slug = Some(slug),
                (Some(slug), Some(_)) if is_name(&slug) => asked.slug = Some(slug),
                (_, Some(number)) => asked.credential = Some(number),
                (None, None) => {}
            }
        }
        asked
    }
}

/// Shows it; owners anywhere on the board, the requester in the identity's thread.
pub(super) fn decide(draft: &mut Draft<'_>, said: &Said<'_>, words: &Words) {
    let asked = Asked::read(draft, said, words);
    let Some(identity) = show::meant(draft, said, asked.slug.as_ref()) else {
        return show::unknown(draft, said, "audit");
    };
    if !named::may(said, &identity) {
        let text = "Only an owner of this board can read that, or whoever asked for the identity, in its own thread; `/gate inspect` shows how it stands.";
        return refuse(draft, said, "audit", text, "not_yours");
    }
    let foreign = |number: &CredentialNumber| {
        draft
            .get::<Credential>(&Key::credential(*number))
            .is_none_or(|credential| credential.identity != Some(identity.number))
    };
    if let Some(number) = asked.credential.filter(foreign) {
        let text = format!("`{}` never had {number}.", identity.slug);
        return refuse(draft, said, "audit", &text, "unknown_credential");
    }
    let since = match &asked.since {
        Some((_, Some(seconds))) => Some(before(said.accepted.at, *seconds)),
        Some((_, None)) => {
            let text = "`since=` wants a number and one of `s`, `m`, `h`, `d`, such as `since=7d`.";
            return refuse(draft, said, "audit", text, "bad_since");
        }
        None => None,
    };
    let of = HistoryOf {
        identity: identity.number,
        credential: asked.credential,
        since,
        most: MOST,
    };
    let Some(history) = said.reads.histories.get(&of) else {
        return draft.need(Need::History(of));
    };
    let span = asked.since.map(|(span, _)| span);
    let body = reply::audit(&identity, &of, history, span.as_deref(), draft.given.seq);
    show::answer(draft, said, body);
}

fn before(time: Timestamp, seconds: u64) -> Timestamp {
    let span = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    time.saturating_sub(span).unwrap_or(Timestamp::MIN)
}
