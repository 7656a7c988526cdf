//! Comments and reactions.
//!
//! Writers edit and delete what others wrote and the author stays; admins set times back; an edit
//! within the second of writing cannot be seen. The list of a repository is paged only where
//! `page` is given, that of an issue never.

use serde::Deserialize;

use super::{Answer, Desk, Here};
use crate::gate::ids::{CommentId, ThreadKey, UserId};
use crate::miniforge::json::Json;
use crate::miniforge::records::{Comment, Reaction, Right};

/// What the forge accepts as a reaction.
const REACTIONS: [&str; 8] = [
    "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes",
];

/// The body of a new or edited comment.
#[derive(Deserialize)]
struct CommentForm {
    #[serde(default)]
    body: String,
    updated_at: Option<String>,
}

/// The body of a reaction.
#[derive(Deserialize)]
struct ReactionForm {
    #[serde(default)]
    content: String,
}

impl Desk<'_> {
    /// `GET …/issues/comments`: by time of change, in order of writing; whole without `page`.
    pub(super) fn list_repository_comments(&self, here: Here) -> Result<Answer, Answer> {
        let within = self.bounds()?;
        let here = |comment: &&Comment| {
            comment.thread.repository == here.id && comment.plain && within(comment.updated)
        };
        let mut found: Vec<&Comment> = self.state.comments.values().filter(here).collect();
        found.sort_by_key(|comment| (comment.created, comment.id));
        let total = found.len();
        if let Some(page) = self.number("page").filter(|page| *page > 0) {
            let limit = self.limit();
            found = found
                .into_iter()
                .skip((page - 1).saturating_mul(limit))
                .take(limit)
                .collect();
        }
        Ok(self.comments_answer(&found, total))
    }

    /// `GET …/issues/{n}/comments`: never paged.
    pub(super) fn list_comments(&self, thread: ThreadKey) -> Result<Answer, Answer> {
        let within = self.bounds()?;
        let mut found = self.state.plain_comments(thread);
        found.retain(|comment| within(comment.updated));
        Ok(self.comments_answer(&found, found.len()))
    }

    /// A list of comments, with the count of all and without `Link`.
    fn comments_answer(&self, comments: &[&Comment], total: usize) -> Answer {
        let list = comments
            .iter()
            .map(|comment| self.state.comment_json(comment))
            .collect();
        Answer::json(200, &Json::List(list)).with("X-Total-Count", total)
    }

    /// `GET …/issues/comments/{id}`: 204 for notes, 500 for authors who are gone.
    pub(super) fn read_comment(&self, here: Here, id: &str) -> Result<Answer, Answer> {
        let comment = self.comment(here, id)?;
        let gone = !self.state.users.contains_key(&comment.author);
        if !comment.plain {
            return Ok(Answer::empty(204));
        }
        if gone && self.state.settings.deleted_author_fails {
            return Err(self.refuse(500, "user does not exist"));
        }
        Ok(Answer::json(200, &self.state.comment_json(&comment)))
    }

    /// `POST …/issues/{n}/comments`.
    pub(super) fn write_comment(
        &mut self,
        here: Here,
        thread: ThreadKey,
    ) -> Result<Answer, Answer> {
        let form: CommentForm = self.form()?;
        if form.body.is_empty() {
            return Err(self.refuse(422, "[Body]: Required"));
        }
        if self.locked_for(here, thread) {
            return Err(self.refuse(403, "comment on a locked issue"));
        }
        let at = self.given_time(here, thread, form.updated_at.as_deref())?;
        self.not_blocked(thread)?;
        let before = self.state.plain_comments(thread).len();
        let id = self
            .state
            .add_comment(thread, self.doer, &form.body, true, at);
        let comment = self.comment(here, &id.to_string())?;
        self.state
            .tell_of_comment(&comment, self.doer, "created", None, before);
        Ok(Answer::json(201, &self.state.comment_json(&comment)))
    }

    /// `PATCH …/issues/comments/{id}`: its author or a writer; on Forgejo told even if nothing
    /// changed.
    pub(super) fn edit_comment(&mut self, here: Here, id: &str) -> Result<Answer, Answer> {
        let mut comment = self.comment(here, id)?;
        let form: CommentForm = self.form()?;
        if form.body.is_empty() {
            return Err(self.refuse(422, "[Body]: Required"));
        }
        self.demand(comment.author == self.doer || here.right >= Right::Write)?;
        if !comment.plain {
            return Ok(Answer::empty(204));
        }
        comment.updated = self.given_time(here, comment.thread, form.updated_at.as_deref())?;
        let from = std::mem::replace(&mut comment.body, form.body);
        let silent = self.state.settings.gitea && from == comment.body;
        self.state.comments.insert(comment.id, comment.clone());
        if !silent {
            let count = self.state.plain_comments(comment.thread).len();
            self.state
                .tell_of_comment(&comment, self.doer, "edited", Some(from), count);
        }
        Ok(Answer::json(200, &self.state.comment_json(&comment)))
    }

    /// `DELETE …/issues/comments/{id}`: its author or a writer; notes stay.
    pub(super) fn delete_comment(&mut self, here: Here, id: &str) -> Result<Answer, Answer> {
        let comment = self.comment(here, id)?;
        self.demand(comment.author == self.doer || here.right >= Right::Write)?;
        if comment.plain {
            let before = self.state.plain_comments(comment.thread).len();
            self.state.comments.remove(&comment.id);
            self.state
                .tell_of_comment(&comment, self.doer, "deleted", None, before);
        }
        Ok(Answer::empty(204))
    }

    /// Reactions to a comment, or to the issue itself; nobody is told of them.
    pub(super) fn reactions(
        &mut self,
        here: Here,
        thread: ThreadKey,
        comment: Option<CommentId>,
    ) -> Result<Answer, Answer> {
        if self.call.method == "GET" {
            return Ok(self.list_reactions(thread, comment));
        }
        let content = self.form::<ReactionForm>()?.content;
        if self.locked_for(here, thread) {
            return Err(self.refuse(403, "no permission to change reaction"));
        }
        let reaction = Reaction {
            user: self.doer,
            content,
            created: self.now,
        };
        let same =
            |other: &Reaction| (other.user, &other.content) == (reaction.user, &reaction.content);
        match self.call.method {
            "POST" => {
                self.not_blocked(thread)?;
                if !REACTIONS.contains(&reaction.content.as_str()) {
                    let message = format!("'{}' is not an allowed reaction", reaction.content);
                    return Err(self.refuse(403, &message));
                }
                let kept = self.kept_reactions(thread, comment);
                let existing = kept.iter().find(|other| same(other)).cloned();
                let status = if existing.is_some() { 200 } else { 201 };
                if existing.is_none() {
                    kept.push(reaction.clone());
                }
                let shown = existing.unwrap_or(reaction);
                Ok(Answer::json(
                    status,
                    &self.state.reaction_json(&shown, self.doer),
                ))
            }
            "DELETE" => {
                self.kept_reactions(thread, comment)
                    .retain(|other| !same(other));
                Ok(Answer::empty(200))
            }
            _ => Err(self.not_found()),
        }
    }

    /// The reactions as a list; none at all is `null`, as Go writes a list that was never made.
    fn list_reactions(&mut self, thread: ThreadKey, comment: Option<CommentId>) -> Answer {
        let doer: UserId = self.doer;
        let kept = self.kept_reactions(thread, comment).clone();
        let list: Vec<Json> = kept
            .iter()
            .map(|reaction| self.state.reaction_json(reaction, doer))
            .collect();
        Answer::json(
            200,
            &if list.is_empty() {
                Json::Null
            } else {
                Json::List(list)
            },
        )
    }

    /// Where the reactions are kept.
    fn kept_reactions(
        &mut self,
        thread: ThreadKey,
        comment: Option<CommentId>,
    ) -> &mut Vec<Reaction> {
        let state = &mut *self.state;
        let of_comment = comment.and_then(|id| state.comments.get_mut(&id));
        match of_comment {
            Some(found) => &mut found.reactions,
            None => {
                let issue = state.issues.get_mut(&thread);
                &mut issue.expect("the route has found the issue").reactions
            }
        }
    }

    /// Whether the issue is locked for the doer.
    fn locked_for(&self, here: Here, thread: ThreadKey) -> bool {
        let locked = self
            .state
            .issues
            .get(&thread)
            .is_some_and(|issue| issue.locked);
        locked && here.right < Right::Write
    }

    /// The comment with this id, if it is in this repository.
    pub(super) fn comment(&self, here: Here, id: &str) -> Result<Comment, Answer> {
        let id = CommentId(id.parse().map_err(|_| self.not_found())?);
        let found = self.state.comments.get(&id);
        let found = found.filter(|comment| comment.thread.repository == here.id);
        found.cloned().ok_or_else(|| self.not_found())
    }
}
