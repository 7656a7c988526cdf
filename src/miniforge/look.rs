//! What a story looks at, and prepares, where a forge is set up: accounts and their tokens, hooks with
//! their secrets, files.
//!
//! Nobody sees this over HTTP. It changes nothing but tokens.

use super::MiniForge;
use super::hooks::Hook;
use super::records::{Right, Token};
use super::state::State;
use crate::gate::ids::{RepositoryId, UserId};

impl MiniForge {
    /// The hooks of a repository, secrets included.
    pub fn hooks_of(&self, repository: RepositoryId) -> Vec<Hook> {
        self.look(|state| {
            let all = state.hooks.hooks.values();
            let own = all.filter(|hook| hook.repository == repository);
            own.cloned().collect()
        })
    }

    /// How many accounts there are.
    pub fn accounts(&self) -> usize {
        self.look(|state| state.users.len())
    }

    /// How many issues a repository has, open or closed.
    pub fn issues_of(&self, repository: RepositoryId) -> usize {
        self.look(|state| {
            let all = state.issues.keys();
            all.filter(|thread| thread.repository == repository).count()
        })
    }

    /// The paths of a repository's files.
    pub fn files_of(&self, repository: RepositoryId) -> Vec<String> {
        self.look(|state| {
            let found = state.repositories.get(&repository);
            found.map_or_else(Vec::new, |found| found.files.keys().cloned().collect())
        })
    }

    /// What somebody may do in a repository.
    pub fn right_of(&self, repository: RepositoryId, user: UserId) -> Right {
        self.look(|state| state.right_in(repository, user))
    }

    /// Changes the first hook of a repository as nobody can over HTTP, its secret included.
    pub fn change_hook(&self, repository: RepositoryId, how: impl FnOnce(&mut Hook)) {
        self.change(|state| {
            let mut hooks = state.hooks.hooks.values_mut();
            if let Some(hook) = hooks.find(|hook| hook.repository == repository) {
                how(hook);
            }
        });
    }

    /// A token of an account that may do these things only.
    pub fn give_token(&self, user: UserId, scopes: &[&str]) -> String {
        self.change(|state| state.give_token(user, scopes))
    }
}

impl State {
    /// Archives a repository, or takes that back.
    pub fn archive(&mut self, repository: RepositoryId, archived: bool) {
        if let Some(repository) = self.repositories.get_mut(&repository) {
            repository.archived = archived;
        }
    }

    fn give_token(&mut self, user: UserId, scopes: &[&str]) -> String {
        let value = super::state::new_token();
        if let Some(user) = self.users.get_mut(&user) {
            user.tokens.push(Token {
                name: format!("token {}", user.tokens.len()),
                value: value.clone(),
                scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            });
        }
        value
    }
}
