//! Issues and pull requests.
//!
//! Readers open them, their author or a writer edits, closes and reopens, an admin deletes without
//! a word to anybody. An edit of text and state in one call tells of the text first, with the old
//! state. Lists are always paged.

use serde::Deserialize;

use super::{Answer, Desk, Here};
use crate::gate::ids::ThreadKey;
use crate::miniforge::json::Json;
use crate::miniforge::records::{Issue, Right};
use crate::miniforge::shapes::Viewer;

/// The body of a new issue.
#[derive(Deserialize)]
struct NewIssueForm {
    #[serde(default)]
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    labels: Vec<i64>,
}

/// The body of an edit.
#[derive(Deserialize)]
struct EditIssueForm {
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
    updated_at: Option<String>,
}

impl Desk<'_> {
    /// `GET …/issues/{n}`, and the answer to other calls about an issue.
    pub(super) fn issue(&self, thread: ThreadKey, status: u16) -> Result<Answer, Answer> {
        let issue = self
            .state
            .issues
            .get(&thread)
            .ok_or_else(|| self.not_found())?;
        Ok(Answer::json(status, &self.shown(issue)))
    }

    /// An issue as the doer sees it.
    fn shown(&self, issue: &Issue) -> Json {
        let comments = self.state.plain_comments(issue.thread).len();
        self.state
            .issue_json(issue, Viewer::Somebody(self.doer), comments)
    }

    /// `GET …/issues`: open ones, newest first, 30 a page, unless asked otherwise.
    pub(super) fn list_issues(&self, here: Here) -> Result<Answer, Answer> {
        let within = self.bounds()?;
        let state = self.parameter("state").unwrap_or("open");
        let kind = self.parameter("type");
        let author = self.parameter("created_by");
        let author = author.map(|login| self.state.user_by_login(login).map(|user| user.id));
        let wanted = |issue: &&Issue| {
            issue.thread.repository == here.id
                && within(issue.updated)
                && (state == "all" || (state == "closed") == issue.closed.is_some())
                && kind.is_none_or(|kind| (kind == "pulls") == issue.pull)
                && author.is_none_or(|author| author == Some(issue.author))
        };
        let mut found: Vec<&Issue> = self.state.issues.values().filter(wanted).collect();
        match self.parameter("sort") {
            Some("oldest") => found.sort_by_key(|issue| (issue.created, issue.id)),
            Some("leastupdate") => found.sort_by_key(|issue| (issue.updated, issue.id)),
            Some("recentupdate") => {
                found.sort_by_key(|issue| std::cmp::Reverse((issue.updated, issue.id)));
            }
            _ => found.sort_by_key(|issue| std::cmp::Reverse((issue.created, issue.id))),
        }
        let (total, limit) = (found.len(), self.limit());
        let page = self.number("page").unwrap_or(1).max(1);
        let shown = found
            .into_iter()
            .skip((page - 1).saturating_mul(limit))
            .take(limit);
        let list = shown.map(|issue| self.shown(issue)).collect();
        let answer = Answer::json(200, &Json::List(list)).with("X-Total-Count", total);
        let link = self.links(page, total.div_ceil(limit));
        Ok(if link.is_empty() {
            answer
        } else {
            answer.with("Link", link)
        })
    }

    /// The header `Link`: next and last, first and previous page.
    fn links(&self, page: usize, last: usize) -> String {
        let others = self.query.iter().filter(|(name, _)| name != "page");
        let others: Vec<String> = others
            .map(|(name, value)| format!("&{name}={value}"))
            .collect();
        let to = |page: usize, name: &str| {
            let (root, path, rest) = (&self.state.root, self.call.path, others.concat());
            format!("<{root}/api/v1{path}?page={page}{rest}>; rel=\"{name}\"")
        };
        let mut links = Vec::new();
        if page < last {
            links.extend([to(page + 1, "next"), to(last, "last")]);
        }
        if page > 1 {
            links.extend([to(1, "first"), to(page - 1, "prev")]);
        }
        links.join(",")
    }

    /// `POST …/issues`; labels count only where a writer gives them, and are told apart.
    pub(super) fn open_issue(&mut self, here: Here) -> Result<Answer, Answer> {
        let form: NewIssueForm = self.form()?;
        if form.title.is_empty() {
            return Err(self.refuse(422, "[Title]: Required"));
        }
        let owner = self
            .state
            .repositories
            .get(&here.id)
            .map(|repository| repository.owner);
        if owner.is_some_and(|owner| self.state.blocks.contains(&(owner, self.doer))) {
            return Err(self.refuse(403, "user is blocked"));
        }
        let text = (form.title.as_str(), form.body.as_str());
        let thread = self
            .state
            .add_issue(here.id, self.doer, text, false, self.now);
        let thread = thread.ok_or_else(|| self.not_found())?;
        self.state.tell_of_issue(thread, self.doer, "opened", None);
        if here.right >= Right::Write && !form.labels.is_empty() {
            self.add_labels(thread, &form.labels);
        }
        self.issue(thread, 201)
    }

    /// `PATCH …/issues/{n}`: title, text and state, each told of by itself.
    pub(super) fn edit_issue(&mut self, here: Here, thread: ThreadKey) -> Result<Answer, Answer> {
        let form: EditIssueForm = self.form()?;
        let author = self.state.issues.get(&thread).map(|issue| issue.author);
        self.demand(author == Some(self.doer) || here.right >= Right::Write)?;
        let at = self.given_time(here, thread, form.updated_at.as_deref())?;
        if let Some(title) = form.title.filter(|title| !title.is_empty()) {
            let from = self.change(thread, |issue| std::mem::replace(&mut issue.title, title));
            let same = from
                == self
                    .state
                    .issues
                    .get(&thread)
                    .map(|issue| issue.title.clone());
            if !same && let Some(from) = from {
                self.state.add_comment(thread, self.doer, "", false, at);
                self.state
                    .tell_of_issue(thread, self.doer, "edited", Some(("title", from)));
            }
        }
        if let Some(body) = form.body {
            let from = self.change(thread, |issue| {
                issue.updated = at;
                std::mem::replace(&mut issue.body, body)
            });
            self.state
                .tell_of_issue(thread, self.doer, "edited", from.map(|from| ("body", from)));
        }
        if let Some(state) = form.state {
            let close = state == "closed";
            let was = self.change(thread, |issue| issue.closed.is_some());
            if was != Some(close) {
                self.state.add_comment(thread, self.doer, "", false, at);
                self.change(thread, |issue| issue.closed = close.then_some(at));
                let action = if close { "closed" } else { "reopened" };
                self.state.tell_of_issue(thread, self.doer, action, None);
            }
        }
        self.issue(thread, 201)
    }

    /// Changes an issue and says what the change gives back.
    fn change<T>(&mut self, thread: ThreadKey, how: impl FnOnce(&mut Issue) -> T) -> Option<T> {
        self.state.issues.get_mut(&thread).map(how)
    }

    /// `DELETE …/issues/{n}`: with its comments, and no hook hears of it.
    pub(super) fn delete_issue(&mut self, here: Here, thread: ThreadKey) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Admin)?;
        self.state.issues.remove(&thread);
        self.state
            .comments
            .retain(|_, comment| comment.thread != thread);
        Ok(Answer::empty(204))
    }
}
