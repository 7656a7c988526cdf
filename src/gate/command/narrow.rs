//! What `/gate narrow` says: `scopes=… ttl=… resources=… modes=…` behind the name, then a reason.
//!
//! Lenient in form: any white space, any order, and whatever follows the last of them is the reason. A
//! value that cannot be read narrows nothing, and that is said: half of a wish is not what was meant.

use std::collections::BTreeSet;

use super::super::time::parse_span;
use super::{Fault, Words, form};

/// What is to be left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Less {
    /// What it may still do.
    pub scopes: Option<BTreeSet<String>>,
    /// What inside the workspace it is still for.
    pub resources: Option<BTreeSet<String>>,
    /// How it may still run.
    pub modes: Option<BTreeSet<String>>,
    /// Seconds that it has left at most.
    pub ttl: Option<u64>,
}

/// The keys that there are.
const KEYS: [&str; 4] = ["scopes", "ttl", "resources", "modes"];

/// Reads what is to be left, and the reason behind it.
pub fn less(words: &Words) -> Result<(Less, String), Fault> {
    let mut less = Less::default();
    let mut read = 0;
    while let Some(word) = words.after(read).first() {
        let Some((key, value)) = word.split_once('=') else {
            break;
        };
        let key = key.to_ascii_lowercase();
        let Some(known) = KEYS.into_iter().find(|known| *known == key) else {
            return Err(form::unknown_key(&key, &KEYS));
        };
        let list = || form::listed(known, value.trim_end_matches(',')).map(Some);
        let twice = match known {
            "scopes" => std::mem::replace(&mut less.scopes, list()?).is_some(),
            "resources" => std::mem::replace(&mut less.resources, list()?).is_some(),
            "modes" => std::mem::replace(&mut less.modes, list()?).is_some(),
            _ => {
                let ttl = parse_span(value).ok_or_else(form::bad_ttl)?;
                less.ttl.replace(ttl).is_some()
            }
        };
        if twice {
            return Err(Fault::Twice(key));
        }
        read += 1;
    }
    if read == 0 {
        return Err(Fault::Missing {
            verb: "narrow",
            what: "scopes=…, ttl=…, resources=… or modes=…: what is to be left",
        });
    }
    Ok((less, words.after(read).reason()))
}
