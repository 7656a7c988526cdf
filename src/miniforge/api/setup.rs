//! What setting up a bot needs: accounts and tokens, collaborators, files, hooks that are changed and
//! tested.
//!
//! As on Forgejo 15: only a password makes a token, a password is never shown again, a hook's secret
//! cannot be changed, the test of a hook is a push that nobody made.

use actix_web::web::Bytes;
use serde::Deserialize;

use super::{Answer, Desk, Here};
use crate::gate::ids::UserId;
use crate::miniforge::json::{Json, object};
use crate::miniforge::records::{Right, Token};

/// A new account, or changes of one.
#[derive(Deserialize)]
struct AccountForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    login_name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    restricted: bool,
}

/// A new token.
#[derive(Deserialize)]
struct TokenForm {
    name: String,
    #[serde(default)]
    scopes: Vec<String>,
}

/// A right for somebody.
#[derive(Deserialize)]
struct CollaboratorForm {
    #[serde(default)]
    permission: String,
}

/// A file, or the deletion of one.
#[derive(Deserialize)]
struct FileForm {
    #[serde(default)]
    content: String,
    #[serde(default)]
    sha: String,
}

/// Changes of a hook; a secret among them is passed over.
#[derive(Deserialize)]
struct HookChanges {
    active: Option<bool>,
    #[serde(default)]
    events: Vec<String>,
    config: Option<std::collections::BTreeMap<String, String>>,
}

impl Desk<'_> {
    /// `POST /admin/users`, `PATCH` and `DELETE /admin/users/{name}`.
    pub(super) fn accounts(&mut self, rest: &[&str]) -> Result<Answer, Answer> {
        let doer = self.state.users.get(&self.doer);
        if !doer.is_some_and(|user| user.site_admin) {
            return Err(self.refuse(403, "user should be the site admin"));
        }
        match (self.call.method, rest) {
            ("POST", []) => self.make_account(),
            ("PATCH", [login]) => {
                let form: AccountForm = self.form()?;
                let id = self.somebody(login)?;
                if form.login_name.is_empty() {
                    return Err(self.refuse(422, "[LoginName]: Required"));
                }
                if let Some(user) = self.state.users.get_mut(&id) {
                    user.password = Some(form.password).filter(|password| !password.is_empty());
                }
                Ok(self.user(id))
            }
            ("DELETE", [login]) => {
                let id = self.somebody(login)?;
                self.state.delete_user(id);
                Ok(Answer::empty(204))
            }
            _ => Err(self.not_found()),
        }
    }

    fn make_account(&mut self) -> Result<Answer, Answer> {
        let form: AccountForm = self.form()?;
        if self.state.user_by_login(&form.username).is_some() {
            let message = format!("user already exists [name: {}]", form.username);
            return Err(self.refuse(422, &message));
        }
        if !form.email.contains('@') || form.username.is_empty() {
            return Err(self.refuse(422, "[Email]: Required"));
        }
        // Forgejo's usual rule: length, and of the rest what `PASSWORD_COMPLEXITY` may ask for.
        let has = |what: fn(&char) -> bool| form.password.chars().any(|c| what(&c));
        let strong = form.password.len() >= 8
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_digit)
            && has(char::is_ascii_punctuation);
        if !strong {
            return Err(self.refuse(400, "PasswordComplexity"));
        }
        let id = self.state.add_user(&form.username, None, self.call.now);
        if let Some(user) = self.state.users.get_mut(&id) {
            user.password = Some(form.password);
            user.restricted = form.restricted;
        }
        let Answer { body, headers, .. } = self.user(id);
        Ok(Answer {
            status: 201,
            headers,
            body,
        })
    }

    /// `POST /users/{name}/tokens`: for the password of the account or a site admin's only.
    pub(super) fn make_token(&mut self, login: &str) -> Result<Answer, Answer> {
        if self.by_password().is_none() {
            return Err(self.refuse(401, "auth required"));
        }
        let form: TokenForm = self.form()?;
        let id = self.somebody(login)?;
        let admin = self
            .state
            .users
            .get(&self.doer)
            .is_some_and(|user| user.site_admin);
        if id != self.doer && !admin {
            return Err(self.refuse(403, "user should be the site admin"));
        }
        if form.scopes.is_empty() {
            return Err(self.refuse(400, "access token must have a scope"));
        }
        let value = crate::miniforge::state::new_token();
        let token = Token {
            name: form.name,
            value: value.clone(),
            scopes: form.scopes,
        };
        let shape = object! {
            "id": 1, "name": token.name.as_str(), "sha1": value.as_str(),
            "token_last_eight": &value[32..], "scopes": token.scopes.clone(),
        };
        let user = self.state.users.get_mut(&id);
        let tokens = user.map(|user| &mut user.tokens);
        if let Some(tokens) = tokens {
            if tokens.iter().any(|own| own.name == token.name) {
                return Err(self.refuse(400, "access token name has been used already"));
            }
            tokens.push(token);
        }
        Ok(Answer::json(201, &shape))
    }

    /// `GET`, `PUT` and `DELETE …/collaborators/{name}`.
    pub(super) fn collaborator(&mut self, here: Here, login: &str) -> Result<Answer, Answer> {
        let id = self.somebody(login)?;
        let given = |desk: &Self| {
            let found = desk.state.repositories.get(&here.id);
            found.is_some_and(|repository| repository.rights.contains_key(&id))
        };
        match self.call.method {
            "GET" if given(self) => Ok(Answer::empty(204)),
            "GET" => Err(self.not_found()),
            method => {
                self.demand(here.right >= Right::Admin)?;
                let right = match (method, self.form::<CollaboratorForm>()) {
                    ("DELETE", _) => None,
                    ("PUT", Ok(form)) => Some(match form.permission.as_str() {
                        "read" => Right::Read,
                        "admin" => Right::Admin,
                        _ => Right::Write,
                    }),
                    _ => return Err(self.not_found()),
                };
                if let Some(repository) = self.state.repositories.get_mut(&here.id) {
                    match right {
                        Some(right) => repository.rights.insert(id, right),
                        None => repository.rights.remove(&id),
                    };
                }
                Ok(Answer::empty(204))
            }
        }
    }

    /// `GET`, `POST` and `DELETE …/contents/{path}`, for whoever may write to the default branch.
    pub(super) fn contents(&mut self, here: Here, path: &str) -> Result<Answer, Answer> {
        let repository = self.state.repositories.get(&here.id);
        let there = repository.and_then(|found| found.files.get(path).cloned());
        let shape = |content: &[u8]| {
            let sha = super::super::hooks::hmac_sha1("blob", content);
            object! {"name": path, "path": path, "sha": sha, "type": "file"}
        };
        if self.call.method == "GET" {
            let content = there.ok_or_else(|| self.not_found())?;
            return Ok(Answer::json(200, &shape(&content)));
        }
        self.demand(here.right >= Right::Write)?;
        let form: FileForm = self.form()?;
        match (self.call.method, there) {
            ("POST", Some(_)) => Err(self.refuse(422, "repository file already exists")),
            ("POST", None) => {
                let content = data_encoding::BASE64.decode(form.content.as_bytes());
                let content = content.map_err(|_| self.refuse(422, "illegal base64 data"))?;
                let answer = object! {"content": shape(&content)};
                if let Some(repository) = self.state.repositories.get_mut(&here.id) {
                    repository.files.insert(path.to_owned(), content);
                }
                Ok(Answer::json(201, &answer))
            }
            ("DELETE", Some(content)) => {
                if super::super::hooks::hmac_sha1("blob", &content) != form.sha {
                    return Err(self.refuse(409, "sha does not match"));
                }
                if let Some(repository) = self.state.repositories.get_mut(&here.id) {
                    repository.files.remove(path);
                }
                Ok(Answer::json(200, &object! {"content": Json::Null}))
            }
            _ => Err(self.not_found()),
        }
    }

    /// `PATCH …/hooks/{id}`: without events it hears of pushes only; the secret stays.
    pub(super) fn edit_hook(&mut self, here: Here, id: &str) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Admin)?;
        let form: HookChanges = self.form()?;
        let id = self.own_hook(here, id)?;
        let events = if form.events.is_empty() {
            vec!["push".to_owned()]
        } else {
            form.events
        };
        if let Some(hook) = self.state.hooks.hooks.get_mut(&id) {
            hook.events = events.into_iter().collect();
            hook.active = form.active.unwrap_or(hook.active);
            if let Some(config) = form.config {
                if let Some(url) = config.get("url") {
                    hook.url.clone_from(url);
                }
                hook.form = config
                    .get("content_type")
                    .is_some_and(|kind| kind == "form");
            }
        }
        let hook = self.state.hooks.hooks.get(&id).cloned();
        let hook = hook.ok_or_else(|| self.not_found())?;
        Ok(Answer::json(200, &self.hook_json(&hook)))
    }

    /// `POST …/hooks/{id}/tests`: sends a push, whatever the hook is for; Gitea only to one for pushes.
    pub(super) fn test_hook(&mut self, here: Here, id: &str) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Admin)?;
        let id = self.own_hook(here, id)?;
        let repository = self.state.repositories.get(&here.id);
        let repository = repository.map(|found| self.state.repository_json(found, here.right));
        let zero = "0".repeat(40);
        let push = object! {
            "ref": "refs/heads/main", "before": zero.as_str(), "after": zero.as_str(),
            "commits": Json::List(Vec::new()), "repository": repository,
        };
        let gitea = self.state.settings.gitea;
        let hook = self.state.hooks.hooks.get(&id);
        if gitea && hook.is_some_and(|hook| !hook.events.contains("push")) {
            return Ok(Answer::empty(204));
        }
        let body = Bytes::from(push.compact());
        self.state.hooks.deliver(gitea, id, ("push", "push"), body);
        Ok(Answer::empty(204))
    }

    /// A hook of this repository.
    fn own_hook(&self, here: Here, id: &str) -> Result<i64, Answer> {
        let id: i64 = id.parse().map_err(|_| self.not_found())?;
        let hook = self.state.hooks.hooks.get(&id);
        hook.filter(|hook| hook.repository == here.id)
            .map(|hook| hook.id)
            .ok_or_else(|| self.not_found())
    }

    /// An account by its name.
    fn somebody(&self, login: &str) -> Result<UserId, Answer> {
        let found = self.state.user_by_login(login);
        found.map(|user| user.id).ok_or_else(|| self.not_found())
    }
}
