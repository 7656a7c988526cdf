//! Last act: the bot stops in order, the journal is verified, and the token is looked for everywhere.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, ensure};

use super::super::play::Play;
use crate::app::secrets::Secrets;
use crate::store::{self, Projection};

/// Stops, verifies, counts.
pub(in super::super) async fn close(play: &mut Play) -> anyhow::Result<()> {
    play.act("the journal at the end")?;
    let config = play.stage.config()?;
    let secrets = Secrets::read(&config)
        .map_err(|_| anyhow::anyhow!("the secrets of the demo cannot be read"))?;
    let installation = secrets.bot_keys.current.installation_id().to_string();
    play.stage.stop_bot().await;
    let report = store::verify(&config.store.path, Some(&installation), false)?;
    play.page.happens(&format!(
        "{} lines, {} bytes, {} batches (one write and one fdatasync each); head {}…",
        report.lines,
        report.bytes,
        report.batches,
        report.head_hash.get(..16).unwrap_or("")
    ))?;
    let equal = report.projection
        == Projection::Equal {
            reached: report.head,
        };
    play.check(
        equal && report.closed && report.unfinished.is_none(),
        "verify: the chain is whole, it was closed in order, and the records are what it makes, byte for byte",
        format!("{:?}, closed {}", report.projection, report.closed),
    )?;
    let places = found_in(play, &config.store.path)?;
    play.check(
        places.is_empty(),
        "no token is in any file of the store or in anything that the bot sent to the forge",
        places.join(", "),
    )
}

/// Where sixteen digits of a token in a row are found.
fn found_in(play: &Play, store: &Path) -> anyhow::Result<Vec<String>> {
    let mut parts: HashSet<&[u8]> = HashSet::new();
    for token in play.tokens() {
        let (_, digits) = token.expose().rsplit_once('_').context("no token")?;
        parts.extend(digits.as_bytes().windows(16));
    }
    ensure!(!parts.is_empty(), "there is no token to look for");
    let holds = |bytes: &[u8]| {
        let lower = bytes.to_ascii_lowercase();
        lower.windows(16).any(|window| parts.contains(window))
    };
    let mut places = Vec::new();
    for call in play.stage.forge.calls() {
        if play.is_bot(call.user) && holds(&call.request) {
            places.push(format!("{} {}", call.method, call.path));
        }
    }
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).context("cannot look through the store")? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if holds(&std::fs::read(&path)?) {
                places.push(path.display().to_string());
            }
        }
    }
    Ok(places)
}
