//! Lists of a repository, page by page, whatever size their texts have.
//!
//! Anybody can make a page of a list as large as they like. A page too large is asked for in
//! smaller ones, down to a single entry, which is counted as unreadable and passed.

use std::sync::Arc;

use jiff::Timestamp;

use super::Bot;
use crate::forgejo::ForgejoError;
use crate::forgejo::client::RepositoryPath;
use crate::forgejo::types::{Comment, Issue};
use crate::gate::ids::RepositoryId;

/// Page sizes; each divides the one before, so that a smaller page begins where the larger did.
const SIZES: [u32; 6] = [48, 24, 12, 6, 3, 1];

/// One entry.
#[derive(Debug)]
pub enum Listed {
    /// A comment.
    Comment(Comment),
    /// An issue.
    Issue(Issue),
}

/// Which list.
#[derive(Clone, Copy, Debug)]
enum List {
    Comments,
    Issues,
}

/// A walk through a list.
#[derive(Debug)]
pub struct Pages<'a> {
    bot: &'a Arc<Bot>,
    list: List,
    path: RepositoryPath,
    since: Timestamp,
    /// Places still to read: offset and index of the size.
    todo: Vec<(u32, usize)>,
    /// The largest size that the forge gives.
    most: usize,
    /// The forge's time of the first answer.
    pub began: Option<Timestamp>,
    /// Entries that could not be read at any size.
    pub unreadable: u32,
}

impl<'a> Pages<'a> {
    /// Comments of a repository that were changed at or after `since`.
    pub async fn comments(
        bot: &'a Arc<Bot>,
        repository: RepositoryId,
        since: Timestamp,
    ) -> Result<Self, ForgejoError> {
        Self::new(bot, List::Comments, repository, since).await
    }

    /// Issues of a repository that were changed at or after `since`.
    pub async fn issues(
        bot: &'a Arc<Bot>,
        repository: RepositoryId,
        since: Timestamp,
    ) -> Result<Self, ForgejoError> {
        Self::new(bot, List::Issues, repository, since).await
    }

    async fn new(
        bot: &'a Arc<Bot>,
        list: List,
        repository: RepositoryId,
        since: Timestamp,
    ) -> Result<Self, ForgejoError> {
        Ok(Self {
            bot,
            list,
            path: bot.forge.path(repository).await?,
            since,
            todo: vec![(0, 0)],
            most: 0,
            began: None,
            unreadable: 0,
        })
    }

    /// The next entries; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, ForgejoError> {
        while let Some((offset, index)) = self.todo.pop() {
            let size = SIZES[index];
            match self.read(offset / size + 1, size).await {
                Ok((items, total)) => {
                    let got = u32::try_from(items.len()).unwrap_or(u32::MAX);
                    self.go_on(offset, index, got, total);
                    return Ok(Some(items));
                }
                Err(ForgejoError::TooLarge { .. }) if index + 1 == SIZES.len() => {
                    self.unreadable += 1;
                    self.go_on(offset, index, size, None);
                }
                Err(ForgejoError::TooLarge { .. }) => self.split(offset, index),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The same entries in smaller pages, the first of them first.
    fn split(&mut self, offset: u32, index: usize) {
        let smaller = SIZES[index + 1];
        let parts = SIZES[index] / smaller;
        self.todo.extend(
            (0..parts)
                .rev()
                .map(|part| (offset + part * smaller, index + 1)),
        );
    }

    /// What comes after a page: the rest of what it was split from, else the next one, unless the
    /// list is at its end.
    fn go_on(&mut self, offset: u32, index: usize, got: u32, total: Option<u64>) {
        let size = SIZES[index];
        if got >= size {
            if self.todo.is_empty() {
                self.todo.push((offset + size, self.most));
            }
            return;
        }
        let more = total.is_some_and(|total| total > u64::from(offset) + u64::from(got));
        match SIZES.iter().position(|size| *size <= got) {
            // The forge gives fewer at a time than it was asked for.
            Some(fitting) if more && fitting > index => {
                self.most = fitting;
                self.todo.clear();
                self.todo.push((offset + SIZES[fitting], fitting));
            }
            Some(_) | None => self.todo.clear(),
        }
    }

    async fn read(
        &mut self,
        page: u32,
        limit: u32,
    ) -> Result<(Vec<Listed>, Option<u64>), ForgejoError> {
        let forge = &self.bot.forge;
        let (date, read) = match self.list {
            List::Comments => {
                let answer = forge.note(
                    forge
                        .client
                        .comments_since(&self.path, self.since, page, limit)
                        .await,
                )?;
                let items = answer
                    .value
                    .items
                    .into_iter()
                    .map(Listed::Comment)
                    .collect();
                (answer.date, (items, answer.value.total))
            }
            List::Issues => {
                let answer = forge.note(
                    forge
                        .client
                        .issues_since(&self.path, self.since, page, limit)
                        .await,
                )?;
                let items = answer.value.items.into_iter().map(Listed::Issue).collect();
                (answer.date, (items, answer.value.total))
            }
        };
        if self.began.is_none() {
            self.began = date;
        }
        Ok(read)
    }
}
