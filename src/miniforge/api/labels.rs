//! Labels of a repository and on issues; both need the right to write.
//!
//! Names are not unique. An exclusive label takes the place of others of its scope, which is told
//! of once and without a name.

use serde::Deserialize;

use super::{Answer, Desk, Here};
use crate::gate::ids::ThreadKey;
use crate::miniforge::json::Json;
use crate::miniforge::records::{Label, Right};

/// The body of a new label.
#[derive(Deserialize)]
struct LabelForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    color: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    exclusive: bool,
}

/// The body of a change: ids or names, not mixed.
#[derive(Deserialize)]
struct LabelsForm {
    labels: Named,
}

/// How labels are named.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    /// By number.
    Ids(Vec<i64>),
    /// By name.
    Names(Vec<String>),
}

impl Desk<'_> {
    /// `GET …/labels`.
    pub(super) fn list_labels(&self, here: Here) -> Result<Answer, Answer> {
        let mut labels: Vec<&Label> = self.labels_of(here).collect();
        labels.sort_by(|one, other| one.name.cmp(&other.name));
        let total = labels.len();
        let page = self.number("page").unwrap_or(1).max(1);
        let shown = labels
            .into_iter()
            .skip((page - 1).saturating_mul(self.limit()));
        let list = shown
            .take(self.limit())
            .map(|label| self.state.label_json(label))
            .collect();
        Ok(Answer::json(200, &Json::List(list)).with("X-Total-Count", total))
    }

    /// `POST …/labels`.
    pub(super) fn make_label(&mut self, here: Here) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Write)?;
        let form: LabelForm = self.form()?;
        let color = form.color.trim_start_matches('#').to_lowercase();
        let hex = color.len() == 6 && color.bytes().all(|byte| byte.is_ascii_hexdigit());
        if form.name.is_empty() || !hex {
            return Err(self.refuse(422, "bad name or color code"));
        }
        let id = self.state.add_label(Label {
            id: 0,
            repository: here.id,
            name: form.name,
            color,
            description: form.description,
            exclusive: form.exclusive,
        });
        let label = self
            .state
            .labels
            .get(&id)
            .map(|label| self.state.label_json(label));
        Ok(Answer::json(201, &label.unwrap_or(Json::Null)))
    }

    /// `GET …/issues/{n}/labels`, and the answer to changes.
    pub(super) fn issue_labels(&self, thread: ThreadKey) -> Result<Answer, Answer> {
        let issue = self
            .state
            .issues
            .get(&thread)
            .ok_or_else(|| self.not_found())?;
        Ok(Answer::json(
            200,
            &Json::List(self.state.labels_json(issue)),
        ))
    }

    /// `POST` adds, `PUT` replaces, `DELETE` takes one away or all.
    pub(super) fn change_labels(
        &mut self,
        here: Here,
        thread: ThreadKey,
        rest: &[&str],
    ) -> Result<Answer, Answer> {
        self.demand(here.right >= Right::Write)?;
        match (self.call.method, rest) {
            ("POST" | "PUT", []) => {
                let form: LabelsForm = self.form()?;
                let ids = self.known(here, form.labels);
                if self.call.method == "PUT" {
                    self.set_labels(thread, Vec::new());
                }
                self.add_labels(thread, &ids);
                self.issue_labels(thread)
            }
            ("DELETE", []) => {
                self.set_labels(thread, Vec::new());
                self.state
                    .tell_of_issue(thread, self.doer, "label_cleared", None);
                Ok(Answer::empty(204))
            }
            ("DELETE", [label]) => {
                let named = |one: &&Label| one.name == *label || one.id.to_string() == *label;
                let found = self.labels_of(here).find(named).map(|found| found.id);
                let id = found.ok_or_else(|| self.refuse(422, "label does not exist"))?;
                let mut kept = self.labels_on(thread);
                kept.retain(|other| *other != id);
                self.set_labels(thread, kept);
                self.note_labels(thread);
                Ok(Answer::empty(204))
            }
            _ => Err(self.not_found()),
        }
    }

    /// Puts labels on an issue, and tells of it once.
    pub(super) fn add_labels(&mut self, thread: ThreadKey, ids: &[i64]) {
        let mut labels = self.labels_on(thread);
        for id in ids {
            let Some(new) = self.state.labels.get(id) else {
                continue;
            };
            let excluded = |other: &i64| {
                let other = self.state.labels.get(other);
                new.scope().is_some() && other.and_then(Label::scope) == new.scope()
            };
            labels.retain(|other| other != id && !excluded(other));
            labels.push(*id);
        }
        self.set_labels(thread, labels);
        self.note_labels(thread);
    }

    /// Leaves the forge's note of a change in the thread, and tells of it.
    fn note_labels(&mut self, thread: ThreadKey) {
        self.state
            .add_comment(thread, self.doer, "", false, self.now);
        self.state
            .tell_of_issue(thread, self.doer, "label_updated", None);
    }

    /// The labels on an issue.
    fn labels_on(&self, thread: ThreadKey) -> Vec<i64> {
        self.state
            .issues
            .get(&thread)
            .map(|issue| issue.labels.clone())
            .unwrap_or_default()
    }

    /// Writes the labels of an issue.
    fn set_labels(&mut self, thread: ThreadKey, labels: Vec<i64>) {
        if let Some(issue) = self.state.issues.get_mut(&thread) {
            issue.labels = labels;
        }
    }

    /// The ids of the labels meant; unknown ones are passed over silently.
    fn known(&self, here: Here, named: Named) -> Vec<i64> {
        match named {
            Named::Ids(mut ids) => {
                ids.retain(|id| self.labels_of(here).any(|label| label.id == *id));
                ids
            }
            Named::Names(names) => {
                let found = names
                    .iter()
                    .filter_map(|name| self.labels_of(here).find(|one| one.name == *name));
                found.map(|label| label.id).collect()
            }
        }
    }

    /// The labels of this repository.
    fn labels_of(&self, here: Here) -> impl Iterator<Item = &Label> {
        self.state
            .labels
            .values()
            .filter(move |label| label.repository == here.id)
    }
}
