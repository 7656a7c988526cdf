//! Who calls, and what the token may be used for: scopes are judged before rights and before whether
//! there is such a thing (`routers/api/v1/api.go`, tokenRequiresScopes).
//!
//! The token that every account has from its beginning may do everything; those that are made over the
//! API may do what they were made for.

use super::{Answer, Desk};
use crate::gate::ids::UserId;
use crate::miniforge::records::{Token, User};

impl Desk<'_> {
    /// The account whose name and password were shown; `None` if no password was.
    pub(super) fn by_password(&self) -> Option<Result<UserId, Answer>> {
        let (scheme, pair) = self.call.authorization?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = data_encoding::BASE64.decode(pair.as_bytes()).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let found = text.and_then(|text| {
            let (login, password) = text.split_once(':')?;
            let user = self.state.user_by_login(login)?;
            (user.password.as_deref() == Some(password)).then_some(user.id)
        });
        Some(found.ok_or_else(|| self.refuse(401, "invalid username, password or token")))
    }

    /// The account of a token, if the token is for calls like this one.
    pub(super) fn of_token(&self, token: &str, segments: &[&str]) -> Result<&User, Answer> {
        let stranger = || self.refuse(401, "invalid username, password or token");
        let mut users = self.state.users.values();
        if let Some(user) = self.state.users.values().find(|user| user.token == token) {
            return Ok(user);
        }
        let made = |user: &&User| user.tokens.iter().any(|own| own.value == token);
        let user = users.find(made).ok_or_else(stranger)?;
        let token = user.tokens.iter().find(|own| own.value == token);
        let token = token.ok_or_else(stranger)?;
        let (level, kind) = (level(self.call.method), kind(segments));
        if let Some(kind) = kind
            && !allows(token, level, kind)
        {
            let message = format!(
                "token does not have at least one of required scope(s), required=[{level}:{kind}], token scope={}",
                token.scopes.join(",")
            );
            return Err(self.refuse(403, &message));
        }
        Ok(user)
    }
}

/// Reading is a GET, and everything else is writing.
fn level(method: &str) -> &'static str {
    if matches!(method, "GET" | "HEAD") {
        "read"
    } else {
        "write"
    }
}

/// What a path is about; `None` where any token will do.
fn kind(segments: &[&str]) -> Option<&'static str> {
    match segments {
        ["repos", _, _, "issues" | "labels" | "milestones", ..] => Some("issue"),
        ["repos" | "repositories", ..] => Some("repository"),
        ["user" | "users", ..] => Some("user"),
        ["admin", ..] => Some("admin"),
        ["notifications", ..] => Some("notification"),
        ["orgs" | "teams", ..] => Some("organization"),
        ["packages", ..] => Some("package"),
        _ => None,
    }
}

fn allows(token: &Token, level: &str, kind: &str) -> bool {
    let has = |scope: String| token.scopes.contains(&scope);
    has("all".to_owned())
        || has(format!("write:{kind}"))
        || (level == "read" && has(format!("read:{kind}")))
}
