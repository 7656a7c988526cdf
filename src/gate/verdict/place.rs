//! The place where something is asked, approved, claimed or swapped, as it was read again: nothing widens
//! but in an open thread that can be read, of a repository that is where the configuration says.

use super::super::evidence::{ReadIssue, ReadRepository, Reads};
use super::super::ids::IssueNumber;
use super::super::policy::Board;
use super::Reason;

/// Why nothing widens in a thread, if so.
pub fn shut_thread(issue: &ReadIssue) -> Option<Reason> {
    match issue {
        ReadIssue::Gone => Some(Reason::ThreadClosed),
        ReadIssue::Found(found) if !found.open => Some(Reason::ThreadClosed),
        ReadIssue::Found(found) => found.body.is_none().then_some(Reason::BodyTooLarge),
    }
}

/// Why nothing widens on a board whose repository was read so, if so.
pub fn moved_repository(board: &Board, repository: &ReadRepository) -> Option<Reason> {
    match repository {
        ReadRepository::Named(name) if *name == board.repository => None,
        ReadRepository::Named(name) => Some(Reason::Renamed(name.clone())),
        ReadRepository::Gone => Some(Reason::Renamed("nowhere".to_owned())),
    }
}

/// Why nothing widens in a place that had to be read; what was not read shuts it, too.
pub fn shut_place(board: &Board, issue: IssueNumber, reads: &Reads) -> Vec<Reason> {
    let thread = thread_among(reads, issue);
    thread
        .into_iter()
        .chain(repository_among(reads, board))
        .collect()
}

/// What speaks against the thread among what was read.
pub(super) fn thread_among(reads: &Reads, issue: IssueNumber) -> Option<Reason> {
    match reads.issues.get(&issue) {
        Some(issue) => shut_thread(issue),
        None => Some(Reason::ThreadClosed),
    }
}

/// What speaks against the repository among what was read.
pub(super) fn repository_among(reads: &Reads, board: &Board) -> Option<Reason> {
    match &reads.repository {
        Some(repository) => moved_repository(board, repository),
        None => Some(Reason::Renamed("nowhere".to_owned())),
    }
}
