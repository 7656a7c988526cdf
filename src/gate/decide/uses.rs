//! Uses of credentials are written down: one entry for each credential and party, and the record that
//! says since when and how often.

use serde_json::json;

use super::super::actor::Actor;
use super::super::audit::{Entry, USED};
use super::super::credential::Credential;
use super::super::key::Key;
use super::super::time::instant;
use super::super::uses::{Tally, Use, Uses};
use super::super::world::encode;
use super::alone::{self, Home};
use super::{Answer, Draft};

/// Bytes of entries and records in one line, which the rest of it leaves room for.
pub(super) const LINE: usize = 12 * 1024;
/// What JSON adds to an entry and its records, at most: names, numbers and commas around them.
pub(super) const AROUND: usize = 128;

/// Writes down as many as fit into a line, and says how many that were.
pub(super) fn decide(draft: &mut Draft<'_>, tallies: &[Tally]) {
    let mut taken = 0;
    let mut bytes = 0;
    for tally in tallies {
        let key = Key::uses(tally.credential);
        let credential = draft.get::<Credential>(&Key::credential(tally.credential));
        let home = credential.and_then(|credential| alone::home(draft, &credential));
        let mut uses: Uses = draft.get_or_default(&key);
        if let Some(home) = home {
            uses.add(tally.client.as_deref(), tally.uses);
            let entry = entry(tally, &home);
            bytes += json!(entry).to_string().len() + encode(&uses).to_string().len() + AROUND;
            if bytes > LINE && taken > 0 {
                break;
            }
            draft.put(key, &uses);
            draft.entry(entry);
        }
        taken += 1;
    }
    draft.cause("uses", json!({ "parties": taken }));
    draft.answer(Answer::Counted(taken));
}

fn entry(tally: &Tally, home: &Home) -> Entry {
    let actor = match &tally.client {
        Some(name) => Actor::Client(name.clone()),
        None => Actor::Holder(tally.credential),
    };
    let entry = Entry::new(USED, actor, words(tally.uses)).with_facts(json!(tally.uses));
    home.about(entry, tally.credential)
}

fn words(uses: Use) -> String {
    if uses.count == 1 {
        return format!("used once, {}", instant(uses.last));
    }
    format!(
        "used {} times, from {} to {}",
        uses.count,
        instant(uses.first),
        instant(uses.last)
    )
}
