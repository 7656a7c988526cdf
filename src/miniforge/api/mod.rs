//! The forge's API as a pure function: state and call in, answer out.
//!
//! The calls that bots and people make, with the statuses and the empty bodies that Forgejo
//! answers (`routers/api/v1`). Everybody signs in with a token, or with a password where one is
//! demanded; nothing is shown to strangers but the version. HTTP itself and faults are not dealt
//! with here.

mod comments;
mod issues;
mod labels;
mod people;
mod scopes;
mod setup;

use actix_web::web::Query;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::json::{Json, object};
use super::records::{Repository, Right};
use super::state::{State, whole_seconds};
use crate::gate::ids::{IssueNumber, RepositoryId, ThreadKey, UserId};

/// A call as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// `GET`, `POST` and so on.
    pub(crate) method: &'a str,
    /// The path below `/api/v1`, still escaped.
    pub(crate) path: &'a str,
    /// The query, still escaped.
    pub(crate) query: &'a str,
    /// The header `Authorization`.
    pub(crate) authorization: Option<&'a str>,
    /// The header `Sudo`.
    pub(crate) sudo: Option<&'a str>,
    /// The body.
    pub(crate) body: &'a [u8],
    /// The forge's time.
    pub(crate) now: Timestamp,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Headers, `Date` not among them.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body, maybe empty.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A status with an empty body.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A status with a JSON body.
    pub(crate) fn json(status: u16, json: &Json) -> Self {
        let kind = ("Content-Type", "application/json;charset=utf-8".to_owned());
        Self {
            status,
            headers: vec![kind],
            body: json.compact(),
        }
    }

    /// The same with one more header.
    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// One call being answered, with who makes it.
struct Desk<'a> {
    state: &'a mut State,
    call: Call<'a>,
    query: Vec<(String, String)>,
    doer: UserId,
    now: Timestamp,
}

/// A repository that the doer may at least read.
#[derive(Clone, Copy)]
struct Here {
    id: RepositoryId,
    right: Right,
}

/// Answers a call; also the doer's number, if he is known.
pub(crate) fn answer(state: &mut State, call: Call<'_>) -> (Answer, Option<UserId>) {
    let query = Query::<Vec<(String, String)>>::from_query(call.query);
    let query = query.map(Query::into_inner).unwrap_or_default();
    let segments: Vec<String> = call.path.split('/').skip(1).map(unescape).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let now = whole_seconds(call.now);
    let mut desk = Desk {
        state,
        call,
        query,
        doer: UserId(0),
        now,
    };
    if (call.method, segments.as_slice()) == ("GET", &["version"]) && call.authorization.is_none() {
        return (desk.version(), None);
    }
    if let ("GET", ["users", login]) = (desk.call.method, segments.as_slice())
        && desk.call.authorization.is_none()
    {
        // Whoever has a name may be seen without signing in.
        let (Ok(answer) | Err(answer)) = desk.user_by_name(login);
        return (answer, None);
    }
    let outcome = match desk.sign_in(&segments) {
        Ok(doer) => {
            desk.doer = doer;
            desk.route(&segments)
        }
        Err(refusal) => Err(refusal),
    };
    let doer = Some(desk.doer).filter(|doer| doer.0 != 0);
    let (Ok(answer) | Err(answer)) = outcome;
    (answer, doer)
}

impl Desk<'_> {
    /// Who calls: the owner of the token or the password, or whom a site admin speaks as.
    fn sign_in(&self, segments: &[&str]) -> Result<UserId, Answer> {
        if let Some(by_password) = self.by_password() {
            return by_password;
        }
        let given = self
            .call
            .authorization
            .and_then(|header| header.split_once(' '));
        let token = given
            .filter(|(scheme, _)| ["token", "bearer"].contains(&scheme.to_lowercase().as_str()))
            .map(|(_, token)| token);
        let Some(token) = token else {
            return Err(self.refuse(401, "token is required"));
        };
        let user = self.of_token(token, segments)?;
        if user.suspended {
            return Err(self.refuse(403, "This account is prohibited from signing in"));
        }
        match self.parameter("sudo").or(self.call.sudo) {
            None => Ok(user.id),
            Some(_) if !user.site_admin => {
                Err(self.refuse(403, "Only administrators allowed to sudo."))
            }
            Some(login) => {
                let other = self.state.user_by_login(login);
                other.map(|other| other.id).ok_or_else(|| self.not_found())
            }
        }
    }

    /// Finds the call by method and path.
    fn route(&mut self, segments: &[&str]) -> Result<Answer, Answer> {
        let gitea = self.state.settings.gitea;
        match (self.call.method, segments) {
            ("GET", ["version"]) => Ok(self.version()),
            ("GET", ["user"] | ["users", _]) if !self.state.settings.tokens_read_users => {
                Err(self.refuse(403, "token does not have at least one of required scope(s)"))
            }
            ("GET", ["user"]) => Ok(self.user(self.doer)),
            ("GET", ["users", login]) => self.user_by_name(login),
            ("POST", ["users", login, "tokens"]) => self.make_token(login),
            (_, ["admin", "users", rest @ ..]) => self.accounts(rest),
            ("PUT", ["user", "block", login]) if !gitea => self.block(login, true),
            ("PUT", ["user", "unblock", login]) if !gitea => self.block(login, false),
            ("PUT", ["user", "blocks", login]) if gitea => self.block(login, true),
            ("DELETE", ["user", "blocks", login]) if gitea => self.block(login, false),
            ("GET", ["repositories", id]) => self.repository_by_id(id),
            (_, ["repos", owner, name, rest @ ..]) => {
                let here = self.here(owner, name)?;
                self.route_repository(here, rest)
            }
            _ => Err(self.not_found()),
        }
    }

    /// Finds the call inside a repository.
    fn route_repository(&mut self, here: Here, rest: &[&str]) -> Result<Answer, Answer> {
        match (self.call.method, rest) {
            ("GET", []) => self.repository(here),
            ("GET", ["issues"]) => self.list_issues(here),
            ("POST", ["issues"]) => self.open_issue(here),
            ("GET", ["issues", "comments"]) => self.list_repository_comments(here),
            ("GET", ["issues", "comments", id]) => self.read_comment(here, id),
            ("PATCH", ["issues", "comments", id]) => self.edit_comment(here, id),
            ("DELETE", ["issues", "comments", id]) => self.delete_comment(here, id),
            (_, ["issues", "comments", id, "reactions"]) => {
                let comment = self.comment(here, id)?;
                self.reactions(here, comment.thread, Some(comment.id))
            }
            (_, ["issues", number, rest @ ..]) => {
                let thread = self.thread(here, number)?;
                self.route_issue(here, thread, rest)
            }
            ("GET", ["labels"]) => self.list_labels(here),
            ("POST", ["labels"]) => self.make_label(here),
            ("GET", ["collaborators", login, "permission"]) => self.permission(here, login),
            (_, ["collaborators", login]) => self.collaborator(here, login),
            (_, ["contents", path @ ..]) => self.contents(here, &path.join("/")),
            ("GET", ["hooks"]) => self.list_hooks(here),
            ("POST", ["hooks"]) => self.make_hook(here),
            ("PATCH", ["hooks", id]) => self.edit_hook(here, id),
            ("DELETE", ["hooks", id]) => self.delete_hook(here, id),
            ("POST", ["hooks", id, "tests"]) => self.test_hook(here, id),
            _ => Err(self.not_found()),
        }
    }

    /// Finds the call inside an issue.
    fn route_issue(
        &mut self,
        here: Here,
        thread: ThreadKey,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        match (self.call.method, rest) {
            ("GET", []) => self.issue(thread, 200),
            ("PATCH", []) => self.edit_issue(here, thread),
            ("DELETE", []) => self.delete_issue(here, thread),
            ("GET", ["comments"]) => self.list_comments(thread),
            ("POST", ["comments"]) => self.write_comment(here, thread),
            (_, ["reactions"]) => self.reactions(here, thread, None),
            ("GET", ["labels"]) => self.issue_labels(thread),
            (_, ["labels", rest @ ..]) => self.change_labels(here, thread, rest),
            _ => Err(self.not_found()),
        }
    }

    /// The repository at a path; former paths redirect, and what may not be read is not found.
    fn here(&self, owner: &str, name: &str) -> Result<Here, Answer> {
        let state = &self.state;
        let Some(user) = state.user_by_login(owner) else {
            let renamed = state.former_logins.get(&owner.to_lowercase());
            let login = renamed
                .map(|id| state.login(*id))
                .ok_or_else(|| self.not_found())?;
            return Err(self.redirect(login, name));
        };
        let found = state.repository_by_path(user.id, name);
        if let Some(repository) = found {
            return self.readable(repository);
        }
        let moved = state.former_paths.get(&(user.id, name.to_lowercase()));
        let moved = moved.and_then(|id| state.repositories.get(id));
        let moved = moved.ok_or_else(|| self.not_found())?;
        Err(self.redirect(state.login(moved.owner), &moved.name))
    }

    /// The repository with the doer's right, if that is at least to read.
    fn readable(&self, repository: &Repository) -> Result<Here, Answer> {
        let right = self.state.right(repository, self.doer);
        if right == Right::None {
            return Err(self.not_found());
        }
        Ok(Here {
            id: repository.id,
            right,
        })
    }

    /// Sends the caller to the same call on another path of this host.
    fn redirect(&self, owner: &str, name: &str) -> Answer {
        let rest: Vec<&str> = self.call.path.splitn(5, '/').skip(4).collect();
        let mut to = format!("{}/api/v1/repos/{owner}/{name}", self.state.sub_path());
        for segment in rest {
            to = format!("{to}/{segment}");
        }
        if !self.call.query.is_empty() {
            to = format!("{to}?{}", self.call.query);
        }
        let mut answer = Answer::empty(self.state.settings.redirect_status);
        if self.call.method == "GET" {
            answer = answer.with("Content-Type", "text/html; charset=utf-8");
            answer.body = format!("<a href=\"{to}\">Moved</a>.\n\n").into_bytes();
        }
        answer.with("Location", to)
    }

    /// The issue with this number.
    fn thread(&self, here: Here, number: &str) -> Result<ThreadKey, Answer> {
        let issue = IssueNumber(number.parse().map_err(|_| self.not_found())?);
        let thread = ThreadKey {
            repository: here.id,
            issue,
        };
        let there = self.state.issues.contains_key(&thread);
        there.then_some(thread).ok_or_else(|| self.not_found())
    }

    /// A parameter of the query.
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self
            .query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// A number in the query; what is no number counts as missing.
    fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }

    /// The bounds `since` and `before`, both inclusive. An unescaped `+` arrives as a blank: 422.
    fn bounds(&self) -> Result<impl Fn(Timestamp) -> bool + use<>, Answer> {
        let bound = |name| match self.parameter(name) {
            None => Ok(None),
            Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| {
                self.refuse(
                    422,
                    &format!("parsing time {text:?} as RFC 3339: cannot parse"),
                )
            }),
        };
        let (since, before) = (bound("since")?, bound("before")?);
        Ok(move |time| {
            since.is_none_or(|since| time >= whole_seconds(since))
                && before.is_none_or(|before| time <= whole_seconds(before))
        })
    }

    /// The size of a page: 30 if not given, 50 at most.
    fn limit(&self) -> usize {
        self.number("limit")
            .filter(|limit| *limit > 0)
            .unwrap_or(30)
            .min(50)
    }

    /// The body as JSON; anything else is 422.
    fn form<T: DeserializeOwned>(&self) -> Result<T, Answer> {
        serde_json::from_slice(self.call.body).map_err(|fault| self.refuse(422, &fault.to_string()))
    }

    /// A refusal with the forge's JSON body.
    fn refuse(&self, status: u16, message: &str) -> Answer {
        let url = format!("{}/api/swagger", self.state.root);
        Answer::json(status, &object! {"message": message, "url": url})
    }

    /// 404, also where somebody may not look.
    fn not_found(&self) -> Answer {
        self.refuse(404, "The target couldn't be found.")
    }

    /// Demands a right; without it Forgejo answers 403 with an empty body.
    fn demand(&self, has: bool) -> Result<(), Answer> {
        has.then_some(()).ok_or_else(|| Answer::empty(403))
    }

    /// Refuses whom the issue's author or the repository's owner blocks.
    fn not_blocked(&self, thread: ThreadKey) -> Result<(), Answer> {
        let author = self.state.issues.get(&thread).map(|issue| issue.author);
        let owner = self
            .state
            .repositories
            .get(&thread.repository)
            .map(|found| found.owner);
        let blocks = |who: UserId| self.state.blocks.contains(&(who, self.doer));
        if [author, owner].into_iter().flatten().any(blocks) {
            return Err(self.refuse(403, "user is blocked"));
        }
        Ok(())
    }

    /// The time that a caller wants written: only admins may, not before the issue, not in the
    /// future. Gitea does not look at it.
    fn given_time(
        &self,
        here: Here,
        thread: ThreadKey,
        given: Option<&str>,
    ) -> Result<Timestamp, Answer> {
        let Some(given) = given.filter(|_| !self.state.settings.gitea) else {
            return Ok(self.now);
        };
        let given: Timestamp = given
            .parse()
            .map_err(|_| self.refuse(422, "updated_at is not a time"))?;
        let given = whole_seconds(given);
        if here.right < Right::Admin {
            return Err(self.refuse(403, "user needs to have admin or owner right"));
        }
        let created = self.state.issues.get(&thread).map(|issue| issue.created);
        if created.is_some_and(|created| given < created) || given > self.now {
            return Err(self.refuse(403, "unallowed update date"));
        }
        Ok(given)
    }
}

/// A path segment without its escapes; a plus stays a plus.
fn unescape(segment: &str) -> String {
    let query = format!("s={}", segment.replace('+', "%2B"));
    let decoded = Query::<Vec<(String, String)>>::from_query(&query);
    let decoded = decoded
        .ok()
        .and_then(|pairs| pairs.into_inner().into_iter().next());
    decoded.map_or_else(|| segment.to_owned(), |(_, value)| value)
}
