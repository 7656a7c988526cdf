//! What the forge says before anything is made: what it runs, who asks, which repository, which
//! people.
//!
//! Names become numbers here and nowhere else; a name that leads elsewhere (a renamed account) is
//! refused with the new one. Nothing is changed.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};

use super::Wish;
use crate::cli::printable::printable;
use crate::forgejo::client::setup::{Account, Place, lacks_scope};
use crate::forgejo::client::{Client, ForgejoError, RepositoryPath};

/// What a forge runs, as far as calls differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Forgejo.
    Forgejo,
    /// Gitea, or something that does not say.
    Gitea,
}

/// The people of a board.
pub(super) struct People {
    pub(super) owners: Vec<Account>,
    pub(super) requesters: Vec<Account>,
}

/// A refusal in words: what to do about a token that may too little.
pub(super) fn explain(what: &str, error: ForgejoError) -> anyhow::Error {
    let mend = match &error {
        ForgejoError::Permanent { why, .. } if lacks_scope(why) => {
            "; make the token of --token-file with more scopes: write:repository, write:issue, \
             read:user, and write:admin for --create-bot and its undoing"
        }
        ForgejoError::Permanent { status: 401, .. } => {
            "; the token of --token-file is not (or no longer) one of this forge"
        }
        ForgejoError::Transient { .. } => "; run the same line again: what is done stays done",
        _ => "",
    };
    anyhow!("{what}: {error}{mend}")
}

/// Who the token belongs to.
pub(super) async fn me(forge: &Client) -> anyhow::Result<Account> {
    let answer = forge.own_account().await;
    let answer = answer.map_err(|error| explain("cannot ask the forge who the token is", error))?;
    Ok(answer.value)
}

/// What the forge runs.
pub(super) async fn kind(forge: &Client) -> anyhow::Result<Kind> {
    let answer = forge.version().await;
    let answer = answer.map_err(|error| explain("cannot ask the forge what it is", error))?;
    Ok(Kind::of(&answer.value.version))
}

impl Kind {
    /// Reads what a forge says of its version: Forgejo names the Gitea with which it is compatible.
    pub(crate) fn of(version: &str) -> Self {
        if version.contains("+gitea-") {
            Self::Forgejo
        } else {
            Self::Gitea
        }
    }
}

/// The repository, in which the token must be an administrator's.
pub(super) async fn place(
    forge: &Client,
    me: &Account,
    path: &RepositoryPath,
) -> anyhow::Result<Place> {
    let place = match forge.place(path).await {
        Ok(answer) => answer.value,
        Err(ForgejoError::NotFound) => bail!(
            "{path} is no repository that {} can see: look at the spelling of --repo",
            printable(&me.login)
        ),
        Err(error) => return Err(explain(&format!("cannot read {path}"), error)),
    };
    if !place.permissions.admin && !me.is_admin {
        bail!(
            "{} may not set {path} up: take a token of its owner, or of somebody with administrator \
             rights in it",
            printable(&me.login)
        );
    }
    if place.archived {
        bail!("{path} is archived: nothing can be asked there. Unarchive it first");
    }
    if !place.has_issues {
        bail!("{path} has no issues: turn them on in the repository's settings (Units)");
    }
    Ok(place)
}

/// The people by their logins; nobody is both owner and requester.
pub(super) async fn people(forge: &Client, wish: &Wish) -> anyhow::Result<People> {
    let mut known = BTreeMap::new();
    let mut owners = Vec::new();
    let mut requesters = Vec::new();
    for (login, role, list) in wish
        .owners
        .iter()
        .map(|login| (login, "owner", true))
        .chain(
            wish.requesters
                .iter()
                .map(|login| (login, "requester", false)),
        )
    {
        let account = account(forge, login, role).await?;
        if let Some(before) = known.insert(account.id, role) {
            if before != role {
                bail!(
                    "{login} is named as owner and as requester: agents need an account of their own, \
                     because who asks does not approve"
                );
            }
            continue;
        }
        if list {
            owners.push(account);
        } else {
            requesters.push(account);
        }
    }
    Ok(People { owners, requesters })
}

async fn account(forge: &Client, login: &str, role: &str) -> anyhow::Result<Account> {
    match forge.account(login).await {
        Ok(answer) => Ok(answer.value),
        Err(ForgejoError::NotFound) => bail!("the forge has no account {login} (--{role} {login})"),
        Err(ForgejoError::Redirected { location, .. }) => {
            let now = location.rsplit('/').next().unwrap_or_default().to_owned();
            bail!(
                "{login} is called {} now: name that one (--{role})",
                printable(&now)
            )
        }
        Err(error) => Err(explain(
            &format!("cannot ask for the account {login}"),
            error,
        )),
    }
}
