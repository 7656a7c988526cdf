//! Which happening tells which hooks what.
//!
//! Issues and pull requests, labels and comments are told; deleting an issue, locking and reactions
//! are not, as on Forgejo. `sender` is who did it now, the authors stay who they were. Payloads are
//! made only where a hook wants them.

use actix_web::web::Bytes;

use super::json::{Json, object};
use super::records::{Comment, Issue, Right};
use super::shapes::Viewer;
use super::state::State;
use crate::gate::ids::{RepositoryId, ThreadKey, UserId};

impl State {
    /// Tells of an issue or a pull request: opened, edited, closed, reopened, or its labels.
    pub(crate) fn tell_of_issue(
        &mut self,
        thread: ThreadKey,
        doer: UserId,
        action: &str,
        changed: Option<(&'static str, String)>,
    ) {
        let Some(issue) = self.issues.get(&thread) else {
            return;
        };
        let kind = if issue.pull { "pull_request" } else { "issues" };
        let event_type = match (action.starts_with("label_"), issue.pull) {
            (true, false) => "issue_label",
            (true, true) => "pull_request_label",
            (false, _) => kind,
        };
        self.tell(thread.repository, (kind, event_type), |state| {
            state.issue_payload(state.issues.get(&thread)?, doer, action, changed)
        });
    }

    /// Tells of a comment: created, edited, deleted. `count` is the number of comments before.
    pub(crate) fn tell_of_comment(
        &mut self,
        comment: &Comment,
        doer: UserId,
        action: &str,
        from: Option<String>,
        count: usize,
    ) {
        let thread = comment.thread;
        let pull = self.issues.get(&thread).is_some_and(|issue| issue.pull);
        let event_type = if pull {
            "pull_request_comment"
        } else {
            "issue_comment"
        };
        self.tell(thread.repository, ("issue_comment", event_type), |state| {
            let issue = state.issues.get(&thread)?;
            let viewer = Viewer::Somebody(doer);
            let mut payload =
                object! {"action": action, "issue": state.issue_json(issue, viewer, count)};
            if pull {
                payload =
                    payload.and(object! {"pull_request": state.pull_json(issue, viewer, count)});
            }
            payload = payload.and(object! {"comment": state.comment_json(comment)});
            if let Some(from) = from {
                payload = payload.and(object! {"changes": state.changes("body", from)});
            }
            let right = state.right_in(thread.repository, doer);
            let rest = object! {"repository": state.repository_in(thread.repository, right),
            "sender": state.user_json(doer, Viewer::Nobody), "is_pull": pull};
            Some(payload.and(rest))
        });
    }

    /// The payload of an event of an issue. `permissions` are those of its author, not the doer's.
    fn issue_payload(
        &self,
        issue: &Issue,
        doer: UserId,
        action: &str,
        changed: Option<(&'static str, String)>,
    ) -> Option<Json> {
        let thread = issue.thread;
        let comments = self.plain_comments(thread).len();
        let viewer = Viewer::Somebody(doer);
        let mut payload = object! {"action": action, "number": thread.issue.0};
        if let Some((field, from)) = changed {
            payload = payload.and(object! {"changes": self.changes(field, from)});
        }
        payload = payload.and(if issue.pull {
            object! {"pull_request": self.pull_json(issue, viewer, comments),
            "requested_reviewer": Json::Null}
        } else {
            object! {"issue": self.issue_json(issue, viewer, comments)}
        });
        let right = self.right_in(thread.repository, issue.author);
        let rest = object! {"repository": self.repository_in(thread.repository, right),
        "sender": self.user_json(doer, Viewer::Nobody), "commit_id": ""};
        let review = object! {"review": Json::Null};
        Some(if issue.pull {
            payload.and(rest).and(review)
        } else {
            payload.and(rest)
        })
    }

    /// Makes the deliveries of one happening, each hook its own.
    fn tell(
        &mut self,
        repository: RepositoryId,
        names: (&str, &str),
        payload: impl FnOnce(&State) -> Option<Json>,
    ) {
        let wanting = self.hooks.hooks.values();
        let wanting = wanting.filter(|hook| hook.repository == repository && hook.wants(names.1));
        let wanting: Vec<i64> = wanting.map(|hook| hook.id).collect();
        if wanting.is_empty() {
            return;
        }
        let Some(payload) = payload(self) else { return };
        let json = Bytes::from(payload.indented());
        for hook in wanting {
            self.hooks
                .deliver(self.settings.gitea, hook, names, json.clone());
        }
    }

    /// What an edit replaced.
    fn changes(&self, field: &'static str, from: String) -> Json {
        let changes = Json::Object(vec![(field, object! {"from": from})]);
        let labels = object! {"added_labels": Json::Null, "removed_labels": Json::Null};
        if self.settings.gitea {
            changes.and(labels)
        } else {
            changes
        }
    }

    /// The right of a user in a repository by number.
    pub(crate) fn right_in(&self, repository: RepositoryId, user: UserId) -> Right {
        let repository = self.repositories.get(&repository);
        repository.map_or(Right::None, |repository| self.right(repository, user))
    }

    /// A repository by number as JSON.
    fn repository_in(&self, repository: RepositoryId, right: Right) -> Option<Json> {
        let repository = self.repositories.get(&repository)?;
        Some(self.repository_json(repository, right))
    }
}
