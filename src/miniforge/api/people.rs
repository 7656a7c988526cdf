//! Version, users, blocking, repositories, rights and hooks.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Answer, Desk, Here};
use crate::gate::ids::{RepositoryId, UserId};
use crate::miniforge::hooks::Hook;
use crate::miniforge::json::{Json, object};
use crate::miniforge::records::Right;
use crate::miniforge::shapes::Viewer;

/// The body of a new hook.
#[derive(Deserialize)]
struct HookForm {
    /// Off unless said otherwise, as on Forgejo.
    #[serde(default)]
    active: bool,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    authorization_header: String,
    /// Left out by stories that do not care.
    #[serde(default, rename = "type")]
    kind: String,
    config: HookConfig,
}

/// Where and how a hook sends.
#[derive(Deserialize)]
struct HookConfig {
    #[serde(default)]
    url: String,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    secret: String,
}

impl Desk<'_> {
    /// `GET /version`.
    pub(super) fn version(&self) -> Answer {
        let gitea = self.state.settings.gitea;
        let version = if gitea {
            "1.26.0"
        } else {
            "15.0.3+gitea-1.22.0"
        };
        Answer::json(200, &object! {"version": version})
    }

    /// A user as the doer sees him.
    pub(super) fn user(&self, user: UserId) -> Answer {
        Answer::json(
            200,
            &self.state.user_json(user, Viewer::Somebody(self.doer)),
        )
    }

    /// `GET /users/{name}`; a former name redirects.
    pub(super) fn user_by_name(&self, login: &str) -> Result<Answer, Answer> {
        if let Some(user) = self.state.user_by_login(login) {
            return Ok(self.user(user.id));
        }
        let renamed = self.state.former_logins.get(&login.to_lowercase());
        let renamed = renamed
            .map(|id| self.state.login(*id))
            .ok_or_else(|| self.not_found())?;
        let to = format!("{}/api/v1/users/{renamed}", self.state.sub_path());
        Err(Answer::empty(self.state.settings.redirect_status).with("Location", to))
    }

    /// `PUT /user/block/{name}` and `/user/unblock/{name}`; Gitea has a path of its own.
    pub(super) fn block(&mut self, login: &str, on: bool) -> Result<Answer, Answer> {
        let other = self.state.user_by_login(login).map(|user| user.id);
        let pair = (self.doer, other.ok_or_else(|| self.not_found())?);
        if on {
            self.state.blocks.insert(pair);
        } else {
            self.state.blocks.remove(&pair);
        }
        Ok(Answer::empty(204))
    }

    /// `GET /repos/{owner}/{name}`.
    pub(super) fn repository(&self, here: Here) -> Result<Answer, Answer> {
        let found = self
            .state
            .repositories
            .get(&here.id)
            .ok_or_else(|| self.not_found())?;
        Ok(Answer::json(
            200,
            &self.state.repository_json(found, here.right),
        ))
    }

    /// `GET /repositories/{id}`.
    pub(super) fn repository_by_id(&self, id: &str) -> Result<Answer, Answer> {
        let id = RepositoryId(id.parse().map_err(|_| self.not_found())?);
        let found = self
            .state
            .repositories
            .get(&id)
            .ok_or_else(|| self.not_found())?;
        self.repository(self.readable(found)?)
    }

    /// `GET …/collaborators/{name}/permission`: of others only for admins.
    pub(super) fn permission(&self, here: Here, login: &str) -> Result<Answer, Answer> {
        let user = self.state.user_by_login(login).map(|user| user.id);
        if user != Some(self.doer) && here.right < Right::Admin {
            return Err(self.refuse(403, "Only admins can query all permissions"));
        }
        let user = user.ok_or_else(|| self.not_found())?;
        let right = self.state.right_in(here.id, user).word();
        let user = self.state.user_json(user, Viewer::Somebody(self.doer));
        let shape = object! {"permission": right, "role_name": right, "user": user};
        Ok(Answer::json(200, &shape))
    }

    /// `GET …/hooks`: with the `Authorization` in clear and never the secret, as on Forgejo.
    pub(super) fn list_hooks(&self, here: Here) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Admin)?;
        let hooks = self
            .state
            .hooks
            .hooks
            .values()
            .filter(|hook| hook.repository == here.id);
        let list: Vec<Json> = hooks.map(|hook| self.hook_json(hook)).collect();
        let total = list.len();
        Ok(Answer::json(200, &Json::List(list)).with("X-Total-Count", total))
    }

    /// `POST …/hooks`: sends nothing; without events it would hear of pushes only.
    pub(super) fn make_hook(&mut self, here: Here) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Admin)?;
        let form: HookForm = self.form()?;
        let known = form.kind == "gitea" || (form.kind == "forgejo" && !self.state.settings.gitea);
        if !known && !form.kind.is_empty() {
            return Err(self.refuse(422, &format!("Invalid hook type: {}", form.kind)));
        }
        if form.config.url.is_empty()
            || !["json", "form"].contains(&form.config.content_type.as_str())
        {
            return Err(self.refuse(422, "Invalid url or content type"));
        }
        let events = if form.events.is_empty() {
            vec!["push".to_owned()]
        } else {
            form.events
        };
        let mut hook = Hook {
            id: 0,
            repository: here.id,
            url: form.config.url,
            secret: form.config.secret,
            events: events.into_iter().collect(),
            authorization: Some(form.authorization_header).filter(|header| !header.is_empty()),
            active: form.active,
            form: form.config.content_type == "form",
        };
        hook.id = self.state.hooks.add(hook.clone());
        Ok(Answer::json(201, &self.hook_json(&hook)))
    }

    /// `DELETE …/hooks/{id}`.
    pub(super) fn delete_hook(&mut self, here: Here, id: &str) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Admin)?;
        let id: i64 = id.parse().map_err(|_| self.not_found())?;
        let hooks = &mut self.state.hooks.hooks;
        if hooks
            .get(&id)
            .is_some_and(|hook| hook.repository == here.id)
        {
            hooks.remove(&id);
            return Ok(Answer::empty(204));
        }
        Err(self.not_found())
    }

    /// A hook as JSON.
    pub(super) fn hook_json(&self, hook: &Hook) -> Json {
        let kind = if self.state.settings.gitea {
            "gitea"
        } else {
            "forgejo"
        };
        let content_type = if hook.form { "form" } else { "json" };
        object! {
            "id": hook.id, "type": kind, "branch_filter": "", "url": hook.url.as_str(),
            "config": object! {"content_type": content_type, "url": hook.url.as_str()},
            "content_type": content_type, "metadata": Json::Null,
            "events": listed(&hook.events),
            "authorization_header": hook.authorization.clone().unwrap_or_default(),
            "active": hook.active,
        }
    }
}

/// The events of a hook as forges list them: a whole kind with everything that it stands for.
fn listed(events: &BTreeSet<String>) -> Vec<String> {
    let mut all = events.clone();
    if events.contains("issues") {
        let kind = [
            "issue_assign",
            "issue_label",
            "issue_milestone",
            "issue_comment",
        ];
        all.extend(kind.map(str::to_owned));
    }
    all.into_iter().collect()
}
