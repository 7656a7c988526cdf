//! What the bot says about secrets from before.

use super::super::credential::Credential;
use super::super::ids::{RequestNumber, Slug};
use super::super::import::Row;
use super::super::policy::Board;
use super::super::request::{Alive, Request};
use super::super::time::instant;
use super::escape::foreign;
use super::normal::spoken;
use super::reasons::codes;

/// Credentials that a notice shows, one line each.
const SHOWN: usize = 20;

/// What would come alive by an import.
pub(super) fn what(request: &Request, board: &Board) -> Vec<String> {
    let wanted = &request.effect;
    let file = wanted.import.as_ref();
    vec![
        format!(
            "- may {} in {}, each for {} at most",
            codes(&wanted.scopes),
            foreign(&board.workspace, 80),
            spoken(wanted.ttl.unwrap_or(0))
        ),
        format!(
            "- the file's SHA-256 is `{}`; it came from the bot's own host, and nobody wrote it on the forge",
            file.map_or("", |import| import.file.as_str())
        ),
    ]
}

/// What would become an identity's.
pub(super) fn what_is_linked(request: &Request, board: &Board) -> Vec<String> {
    let line = |alive: &Alive| {
        format!(
            "- may {} in {} as that identity, until {}",
            codes(&alive.scopes),
            foreign(&board.workspace, 80),
            instant(alive.ends)
        )
    };
    request.effect.alive.iter().map(line).collect()
}

/// One secret of a request, as its summary shows it.
pub fn import_row(row: &Row, identity: Option<&str>) -> String {
    let ends = row
        .expires_at
        .map_or_else(String::new, |ends| format!(", until {}", instant(ends)));
    let whose = identity.map_or_else(|| "no identity".to_owned(), |slug| format!("`{slug}`"));
    format!(
        "- {}: {}{ends}; for {whose}",
        foreign(&row.label, 80),
        codes(&row.scopes)
    )
}

/// Secrets from before work here.
pub fn imported(request: &Request, credentials: &[Credential], approvers: &str) -> String {
    let count = credentials.len();
    let mut lines = vec![format!(
        "**{} approved by {}: {count} {} from before {} here now**.",
        request.number,
        approvers,
        if count == 1 { "secret" } else { "secrets" },
        if count == 1 { "works" } else { "work" },
    )];
    lines.extend(credentials.iter().take(SHOWN).map(|credential| {
        format!(
            "- {} {}: {}, ends {}",
            credential.number,
            foreign(credential.label.as_deref().unwrap_or(""), 80),
            codes(&credential.scopes),
            instant(credential.expires_at)
        )
    }));
    if count > SHOWN {
        lines.push(format!("- and {} more", count - SHOWN));
    }
    if let Some(first) = credentials.first() {
        lines.push(format!(
            "To take one back: `/gate revoke {}`, with its identity's name in front if it has one.",
            first.number
        ));
    }
    lines.join("\n")
}

/// A secret from before is an identity's.
pub fn linked(
    request: RequestNumber,
    credential: &Credential,
    slug: &Slug,
    approvers: &str,
) -> String {
    format!(
        "**{request} approved by {}: {} is `{slug}`'s now** · {} · ends {}. To take it back: `/gate revoke {slug} {}`",
        approvers,
        credential.number,
        codes(&credential.scopes),
        instant(credential.expires_at),
        credential.number,
    )
}
