//! Users, issues, comments, repositories as JSON, field by field as Forgejo 15 writes them.
//!
//! The same shapes serve answers and deliveries. Who looks decides how much of a person is shown:
//! in comments and as sender nobody looks, so that `email` is a placeholder and `active` false.
//! Fields that nothing here can change are constants.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::json::{Json, object};
use super::records::{Comment, Issue, Label, Reaction, Repository, Right};
use super::state::State;
use crate::gate::ids::{RepositoryId, UserId};

/// Who looks at a user.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Viewer {
    /// Nobody in particular: the e-mail address is hidden.
    Nobody,
    /// A signed-in user, who sees more of himself than of others.
    Somebody(UserId),
}

/// What Go writes for a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// What Go writes for second zero.
const ZERO: &str = "1970-01-01T00:00:00Z";

impl State {
    /// A time as the forge writes it: whole seconds, `Z` only where the offset is zero.
    pub(crate) fn time(&self, time: Timestamp) -> String {
        let offset = self.settings.offset;
        if offset == Offset::UTC {
            time.to_string()
        } else {
            time.display_with_offset(offset).to_string()
        }
    }

    /// A user; one whose account is gone shows as Ghost or `null`.
    pub(crate) fn user_json(&self, id: UserId, viewer: Viewer) -> Json {
        let found = self.users.get(&id);
        if found.is_none() && self.settings.null_authors {
            return Json::Null;
        }
        let (id, login) = found.map_or((-1, "Ghost"), |user| (user.id.0, &user.login));
        let (email, himself) = match viewer {
            Viewer::Somebody(viewer) if found.is_some() => {
                let admin = self.users.get(&viewer).is_some_and(|user| user.site_admin);
                (format!("{login}@example.org"), admin || viewer.0 == id)
            }
            _ if self.settings.gitea => (format!("{id}+{login}@noreply.localhost"), false),
            _ => (format!("{}@noreply.localhost", login.to_lowercase()), false),
        };
        let site_admin = found.is_some_and(|user| user.site_admin);
        let suspended = found.is_some_and(|user| user.suspended);
        let user = object! {
            "id": id, "login": login, "login_name": "", "source_id": 0, "full_name": "",
            "email": email,
            "avatar_url": format!("{}/avatars/{id:032x}", self.root),
            "html_url": format!("{}/{login}", self.root),
            "language": "",
            "is_admin": himself && site_admin,
            "last_login": if himself { ZERO } else { NEVER },
            "created": found.map_or_else(|| ZERO.to_owned(), |user| self.time(user.created)),
            "restricted": himself && found.is_some_and(|user| user.restricted),
            "active": himself,
            "prohibit_login": himself && suspended, "location": "", "pronouns": "", "website": "",
            "description": "", "visibility": "public", "followers_count": 0,
            "following_count": 0, "starred_repos_count": 0,
            "username": login,
        };
        self.for_gitea(user, &["pronouns"], Json::Null)
    }

    /// An issue; `comments` is the count to show, which in deliveries is that of before.
    pub(crate) fn issue_json(&self, issue: &Issue, viewer: Viewer, comments: usize) -> Json {
        let page = self.issue_page(issue);
        let pull = issue.pull.then(|| {
            object! {"merged": false, "merged_at": Json::Null, "draft": false, "html_url": page.clone()}
        });
        let repository = self
            .repositories
            .get(&issue.thread.repository)
            .map(|repository| {
                let owner = self.login(repository.owner);
                object! {"id": repository.id.0, "name": repository.name.as_str(), "owner": owner,
                "full_name": format!("{owner}/{}", repository.name)}
            });
        let number = issue.thread.issue.0;
        let address = self.repository_address(issue.thread.repository);
        let shape = object! {
            "id": issue.id,
            "url": format!("{}/issues/{number}", address.1),
            "html_url": page.clone(),
            "number": number,
            "user": self.user_json(issue.author, viewer),
            "original_author": "", "original_author_id": 0,
            "title": issue.title.as_str(), "body": issue.body.as_str(), "ref": "",
            "assets": Json::List(Vec::new()),
            "labels": self.labels_json(issue),
            "milestone": Json::Null, "assignee": Json::Null, "assignees": Json::Null,
            "state": if issue.closed.is_some() { "closed" } else { "open" },
            "is_locked": issue.locked,
            "comments": count(comments),
            "created_at": self.time(issue.created), "updated_at": self.time(issue.updated),
            "closed_at": issue.closed.map(|closed| self.time(closed)),
            "due_date": Json::Null,
            "pull_request": pull,
            "repository": repository,
            "pin_order": 0,
        };
        self.for_gitea(
            shape,
            &[],
            object! {"time_estimate": 0, "content_version": 1},
        )
    }

    /// A pull request as deliveries hold it; branches and figures are constants.
    pub(crate) fn pull_json(&self, issue: &Issue, viewer: Viewer, comments: usize) -> Json {
        let page = self.issue_page(issue);
        let repository = self.repositories.get(&issue.thread.repository);
        let branch = |name: &str| {
            object! {"label": name, "ref": name, "sha": "0".repeat(40),
            "repo_id": issue.thread.repository.0,
            "repo": repository.map(|found| self.repository_json(found, Right::Owner))}
        };
        object! {
            "id": issue.id, "url": page.clone(), "number": issue.thread.issue.0,
            "user": self.user_json(issue.author, viewer),
            "title": issue.title.as_str(), "body": issue.body.as_str(),
            "labels": self.labels_json(issue),
            "milestone": Json::Null, "assignee": Json::Null, "assignees": Json::Null,
            "requested_reviewers": Json::List(Vec::new()),
            "requested_reviewers_teams": Json::List(Vec::new()),
            "state": if issue.closed.is_some() { "closed" } else { "open" },
            "draft": false, "is_locked": issue.locked, "comments": count(comments),
            "review_comments": 0, "additions": 1, "deletions": 0, "changed_files": 1,
            "html_url": page.clone(), "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "mergeable": true, "merged": false, "merged_at": Json::Null,
            "merge_commit_sha": Json::Null, "merged_by": Json::Null, "allow_maintainer_edit": false,
            "base": branch("main"), "head": branch("change"), "merge_base": "0".repeat(40),
            "due_date": Json::Null,
            "created_at": self.time(issue.created), "updated_at": self.time(issue.updated),
            "closed_at": issue.closed.map(|closed| self.time(closed)),
            "pin_order": 0, "flow": 0,
        }
    }

    /// A comment. `issue_url` and `pull_request_url` are pages, and the one that does not fit is empty.
    pub(crate) fn comment_json(&self, comment: &Comment) -> Json {
        let issue = self.issues.get(&comment.thread);
        let page = issue
            .map(|issue| self.issue_page(issue))
            .unwrap_or_default();
        let pull = issue.is_some_and(|issue| issue.pull);
        let (pull_page, issue_page) = if pull {
            (page.as_str(), "")
        } else {
            ("", page.as_str())
        };
        object! {
            "id": comment.id.0,
            "html_url": format!("{page}#issuecomment-{}", comment.id),
            "pull_request_url": pull_page, "issue_url": issue_page,
            "user": self.user_json(comment.author, Viewer::Nobody),
            "original_author": "", "original_author_id": 0,
            "body": comment.body.as_str(),
            "assets": Json::List(Vec::new()),
            "created_at": self.time(comment.created), "updated_at": self.time(comment.updated),
        }
    }

    /// A repository, with the permissions of the right given.
    pub(crate) fn repository_json(&self, repository: &Repository, right: Right) -> Json {
        let (page, api) = self.repository_address(repository.id);
        let owner = self.login(repository.owner);
        let open = |pull: bool| {
            let counted = |issue: &&Issue| {
                issue.thread.repository == repository.id
                    && issue.closed.is_none()
                    && issue.pull == pull
            };
            count(self.issues.values().filter(counted).count())
        };
        let shape = object! {
            "id": repository.id.0,
            "owner": self.user_json(repository.owner, Viewer::Somebody(UserId(0))),
            "name": repository.name.as_str(),
            "full_name": format!("{owner}/{}", repository.name),
            "description": "", "empty": false, "private": repository.private, "fork": false,
            "template": false, "parent": Json::Null, "mirror": false, "size": 25, "language": "",
            "languages_url": format!("{api}/languages"),
            "html_url": page.clone(), "url": api, "link": "",
            "ssh_url": format!("ssh://git@localhost/{owner}/{}.git", repository.name),
            "clone_url": format!("{page}.git"),
            "original_url": "", "website": "", "stars_count": 0, "forks_count": 0,
            "watchers_count": 1,
            "open_issues_count": open(false), "open_pr_counter": open(true), "release_counter": 0,
            "default_branch": "main", "archived": repository.archived,
            "created_at": self.time(repository.created), "updated_at": self.time(repository.created),
            "archived_at": ZERO,
            "permissions": object! {"admin": right >= Right::Admin, "push": right >= Right::Write,
                "pull": right >= Right::Read},
        };
        let units = self.for_gitea(units(&page), FORGEJO_UNITS, gitea_units());
        self.for_gitea(shape, &["parent"], Json::Null).and(units)
    }

    /// A label.
    pub(crate) fn label_json(&self, label: &Label) -> Json {
        let (_, api) = self.repository_address(label.repository);
        object! {
            "id": label.id, "name": label.name.as_str(), "exclusive": label.exclusive,
            "is_archived": false, "color": label.color.as_str(),
            "description": label.description.as_str(),
            "url": format!("{api}/labels/{}", label.id),
        }
    }

    /// The labels of an issue, by name as the forge sorts them.
    pub(crate) fn labels_json(&self, issue: &Issue) -> Vec<Json> {
        let mut labels: Vec<&Label> = issue
            .labels
            .iter()
            .filter_map(|id| self.labels.get(id))
            .collect();
        labels.sort_by(|one, other| one.name.cmp(&other.name));
        labels
            .into_iter()
            .map(|label| self.label_json(label))
            .collect()
    }

    /// One reaction.
    pub(crate) fn reaction_json(&self, reaction: &Reaction, viewer: UserId) -> Json {
        object! {
            "user": self.user_json(reaction.user, Viewer::Somebody(viewer)),
            "content": reaction.content.as_str(),
            "created_at": self.time(reaction.created),
        }
    }

    /// The web page and the API address of a repository.
    fn repository_address(&self, id: RepositoryId) -> (String, String) {
        let path = self
            .repositories
            .get(&id)
            .map_or_else(String::new, |repository| {
                format!("{}/{}", self.login(repository.owner), repository.name)
            });
        (
            format!("{}/{path}", self.root),
            format!("{}/api/v1/repos/{path}", self.root),
        )
    }

    /// The web page of an issue or a pull request.
    pub(crate) fn issue_page(&self, issue: &Issue) -> String {
        let (page, _) = self.repository_address(issue.thread.repository);
        let kind = if issue.pull { "pulls" } else { "issues" };
        format!("{page}/{kind}/{}", issue.thread.issue.0)
    }

    /// On a Gitea, leaves out what only Forgejo writes and adds what only Gitea writes.
    fn for_gitea(&self, shape: Json, forgejo: &[&str], gitea: Json) -> Json {
        if self.settings.gitea {
            shape.without(forgejo).and(gitea)
        } else {
            shape
        }
    }
}

/// What of a repository's units only Forgejo writes.
const FORGEJO_UNITS: &[&str] = &[
    "has_wiki_contents",
    "wiki_branch",
    "wiki_ssh_url",
    "wiki_clone_url",
    "globally_editable_wiki",
    "default_update_style",
    "repo_transfer",
];

/// The second half of a repository: its units and merge styles.
fn units(page: &str) -> Json {
    object! {
        "has_issues": true,
        "internal_tracker": object! {"enable_time_tracker": true,
            "allow_only_contributors_to_track_time": true, "enable_issue_dependencies": true},
        "has_wiki": true, "has_wiki_contents": false, "wiki_branch": "main",
        "wiki_ssh_url": "", "wiki_clone_url": format!("{page}.wiki.git"),
        "globally_editable_wiki": false, "has_pull_requests": true, "has_projects": true,
        "has_releases": true, "has_packages": true, "has_actions": false,
        "ignore_whitespace_conflicts": false, "allow_merge_commits": true, "allow_rebase": true,
        "allow_rebase_explicit": true, "allow_squash_merge": true,
        "allow_fast_forward_only_merge": true, "allow_rebase_update": true,
        "default_delete_branch_after_merge": false, "default_merge_style": "merge",
        "default_allow_maintainer_edit": false, "default_update_style": "merge", "avatar_url": "",
        "internal": false, "mirror_interval": "", "object_format_name": "sha1",
        "mirror_updated": NEVER, "repo_transfer": Json::Null, "topics": Json::List(Vec::new()),
    }
}

/// What of a repository only Gitea writes.
fn gitea_units() -> Json {
    object! {"has_code": true, "projects_mode": "all", "allow_manual_merge": false,
    "autodetect_manual_merge": false, "branch_count": 1, "licenses": Json::List(Vec::new())}
}

/// A count as JSON holds it.
pub(crate) fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
