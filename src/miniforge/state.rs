//! What the miniature forge knows: users, repositories, issues, comments, labels, hooks.
//!
//! One plain struct without locks, network or clock; `api` changes it as people do over HTTP, the
//! methods here as an administrator or a story does. People and repositories are kept by number, so
//! that names can be renamed and used again. It decides nothing about credentials.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::hooks::{Hook, Hooks};
use super::records::{Comment, Issue, Label, Repository, Right, Settings, User};
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId, ThreadKey, UserId};

/// Everything that the forge knows.
#[derive(Debug, Default)]
pub struct State {
    /// How it behaves.
    pub settings: Settings,
    /// Scheme, host, port and sub-path, without a final slash.
    pub(crate) root: String,
    /// Living accounts.
    pub(crate) users: BTreeMap<UserId, User>,
    /// Lower-case names that redirect.
    pub(crate) former_logins: BTreeMap<String, UserId>,
    /// By number.
    pub(crate) repositories: BTreeMap<RepositoryId, Repository>,
    /// Former owners and lower-case names that redirect.
    pub(crate) former_paths: BTreeMap<(UserId, String), RepositoryId>,
    /// Issues and pull requests.
    pub(crate) issues: BTreeMap<ThreadKey, Issue>,
    /// Comments and notes of all threads.
    pub(crate) comments: BTreeMap<CommentId, Comment>,
    /// Labels of all repositories.
    pub(crate) labels: BTreeMap<i64, Label>,
    /// Pairs of who blocks and who is blocked.
    pub(crate) blocks: BTreeSet<(UserId, UserId)>,
    /// Hooks and their deliveries.
    pub(crate) hooks: Hooks,
    last_user: i64,
    last_repository: i64,
    last_issue: i64,
    last_comment: i64,
    last_label: i64,
}

impl State {
    /// Makes an account, with the next number if none is given. A former name becomes free for it.
    pub fn add_user(&mut self, login: &str, id: Option<UserId>, now: Timestamp) -> UserId {
        let id = id.unwrap_or(UserId(self.last_user + 1));
        self.last_user = self.last_user.max(id.0);
        self.former_logins.remove(&login.to_lowercase());
        let user = User {
            id,
            login: login.to_owned(),
            token: new_token(),
            site_admin: false,
            suspended: false,
            restricted: false,
            password: None,
            tokens: Vec::new(),
            created: whole_seconds(now),
        };
        self.users.insert(id, user);
        id
    }

    /// Makes an account a site admin.
    pub fn make_site_admin(&mut self, user: UserId) {
        if let Some(user) = self.users.get_mut(&user) {
            user.site_admin = true;
        }
    }

    /// Gives an account another name; the old one redirects until somebody takes it.
    pub fn rename_user(&mut self, user: UserId, login: &str) {
        self.former_logins.remove(&login.to_lowercase());
        if let Some(user) = self.users.get_mut(&user) {
            let former = std::mem::replace(&mut user.login, login.to_owned());
            self.former_logins.insert(former.to_lowercase(), user.id);
        }
    }

    /// Deletes an account: its token ends, its reactions go, its comments stay and show Ghost.
    pub fn delete_user(&mut self, id: UserId) {
        self.users.remove(&id);
        self.former_logins.retain(|_, user| *user != id);
        for comment in self.comments.values_mut() {
            comment.reactions.retain(|reaction| reaction.user != id);
        }
        for issue in self.issues.values_mut() {
            issue.reactions.retain(|reaction| reaction.user != id);
        }
    }

    /// Forbids an account to sign in, or allows it again; nothing else of it changes.
    pub fn suspend_user(&mut self, user: UserId, suspended: bool) {
        if let Some(user) = self.users.get_mut(&user) {
            user.suspended = suspended;
        }
    }

    /// Makes a public repository, with the next number if none is given.
    pub fn add_repository(
        &mut self,
        owner: UserId,
        name: &str,
        id: Option<RepositoryId>,
        now: Timestamp,
    ) -> RepositoryId {
        let id = id.unwrap_or(RepositoryId(self.last_repository + 1));
        self.last_repository = self.last_repository.max(id.0);
        self.former_paths.remove(&(owner, name.to_lowercase()));
        let repository = Repository {
            id,
            owner,
            name: name.to_owned(),
            private: false,
            files: BTreeMap::new(),
            archived: false,
            rights: BTreeMap::new(),
            last_number: 0,
            created: whole_seconds(now),
        };
        self.repositories.insert(id, repository);
        id
    }

    /// Renames a repository, or gives it to another owner, or both; the old path redirects.
    pub fn move_repository(&mut self, id: RepositoryId, owner: Option<UserId>, name: Option<&str>) {
        if let Some(repository) = self.repositories.get_mut(&id) {
            let former = (repository.owner, repository.name.to_lowercase());
            self.former_paths.insert(former, id);
            repository.owner = owner.unwrap_or(repository.owner);
            if let Some(name) = name {
                repository.name = name.to_owned();
            }
            let current = (repository.owner, repository.name.to_lowercase());
            self.former_paths.remove(&current);
        }
    }

    /// Gives a right, or takes it with [`Right::None`].
    pub fn set_right(&mut self, repository: RepositoryId, user: UserId, right: Right) {
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.rights.insert(user, right);
        }
    }

    /// Hides a repository from users without a right, or shows it to all again.
    pub fn set_private(&mut self, repository: RepositoryId, private: bool) {
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.private = private;
        }
    }

    /// A repository by its number.
    pub fn repository(&self, id: RepositoryId) -> Option<&Repository> {
        self.repositories.get(&id)
    }

    /// An account by its number.
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id)
    }

    /// Adds a hook of any kind, whatever its `id` says, and gives it its number.
    pub fn add_hook(&mut self, hook: Hook) -> i64 {
        self.hooks.add(hook)
    }

    /// Takes a hook away; what it has in line is still sent.
    pub fn remove_hook(&mut self, id: i64) -> Option<Hook> {
        self.hooks.hooks.remove(&id)
    }

    /// What a user may do in a repository.
    pub fn right(&self, repository: &Repository, user: UserId) -> Right {
        let site_admin = self.users.get(&user).is_some_and(|user| user.site_admin);
        if site_admin || repository.owner == user {
            return Right::Owner;
        }
        let restricted = self.users.get(&user).is_some_and(|user| user.restricted);
        let everybody = if repository.private || restricted {
            Right::None
        } else {
            Right::Read
        };
        repository.rights.get(&user).copied().unwrap_or(everybody)
    }

    /// Blocks a user for another one.
    pub fn block(&mut self, who: UserId, blocked: UserId) {
        self.blocks.insert((who, blocked));
    }

    /// Opens an issue or a pull request, without telling the hooks.
    pub(crate) fn add_issue(
        &mut self,
        repository: RepositoryId,
        author: UserId,
        (title, body): (&str, &str),
        pull: bool,
        now: Timestamp,
    ) -> Option<ThreadKey> {
        let counted = self.repositories.get_mut(&repository)?;
        counted.last_number += 1;
        let thread = ThreadKey {
            repository,
            issue: IssueNumber(counted.last_number),
        };
        self.last_issue += 1;
        let issue = Issue {
            id: self.last_issue,
            thread,
            author,
            title: title.to_owned(),
            body: body.to_owned(),
            closed: None,
            locked: false,
            pull,
            labels: Vec::new(),
            reactions: Vec::new(),
            created: now,
            updated: now,
        };
        self.issues.insert(thread, issue);
        Some(thread)
    }

    /// Writes a comment, or one of the forge's notes, without telling the hooks.
    pub(crate) fn add_comment(
        &mut self,
        thread: ThreadKey,
        author: UserId,
        body: &str,
        plain: bool,
        at: Timestamp,
    ) -> CommentId {
        self.last_comment += 1;
        let id = CommentId(self.last_comment);
        let comment = Comment {
            id,
            thread,
            author,
            body: body.to_owned(),
            plain,
            reactions: Vec::new(),
            created: at,
            updated: at,
        };
        self.comments.insert(id, comment);
        if let Some(issue) = self.issues.get_mut(&thread) {
            issue.updated = at;
        }
        id
    }

    /// Makes a label.
    pub(crate) fn add_label(&mut self, mut label: Label) -> i64 {
        self.last_label += 1;
        label.id = self.last_label;
        self.labels.insert(label.id, label);
        self.last_label
    }

    /// The plain comments of a thread, oldest first.
    pub fn plain_comments(&self, thread: ThreadKey) -> Vec<&Comment> {
        let here = |comment: &&Comment| comment.thread == thread && comment.plain;
        let mut found: Vec<&Comment> = self.comments.values().filter(here).collect();
        found.sort_by_key(|comment| (comment.created, comment.id));
        found
    }

    /// Who has this name today.
    pub(crate) fn user_by_login(&self, login: &str) -> Option<&User> {
        self.users
            .values()
            .find(|user| user.login.eq_ignore_ascii_case(login))
    }

    /// The repository at this path today.
    pub(crate) fn repository_by_path(&self, owner: UserId, name: &str) -> Option<&Repository> {
        let here =
            |found: &&Repository| found.owner == owner && found.name.eq_ignore_ascii_case(name);
        self.repositories.values().find(here)
    }

    /// The path of the root, without a final slash: `/git`, or nothing.
    pub(crate) fn sub_path(&self) -> String {
        let path = self.root.splitn(4, '/').nth(3);
        path.map(|path| format!("/{path}")).unwrap_or_default()
    }

    /// The name of a user for paths, also of a deleted one.
    pub(crate) fn login(&self, user: UserId) -> &str {
        self.users.get(&user).map_or("Ghost", |user| &user.login)
    }
}

/// Cuts a time to the seconds that the forge stores.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A token of the form that the forge gives out.
pub(super) fn new_token() -> String {
    let (first, second) = (uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let mut token = format!("{first}{second}");
    token.truncate(40);
    token
}
