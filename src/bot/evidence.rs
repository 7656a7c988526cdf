//! Gathering: reads on the forge exactly what a decision says it needs.
//!
//! Nothing is interpreted here beyond its shape. What cannot be read is an error and never an
//! absence; only a 404 of the thing itself, in a repository that was just found by its id, says that
//! it is gone.

use std::sync::Arc;

use jiff::Timestamp;

use super::forge::Forge;
use super::marker;
use crate::clock::Clock;
use crate::forgejo::client::{CommentRead, RepositoryPath};
use crate::forgejo::types::{Comment, Issue, IssueState};
use crate::forgejo::{Body, Foreign, ForgejoError};
use crate::gate::evidence::{
    Candidate, FoundComment, FoundIssue, Need, Needs, ReadComment, ReadIssue, ReadRepository, Reads,
};
use crate::gate::ids::{CommentId, Hash, IssueNumber, RepositoryId, UserId};
use crate::secret::pepper::Peppers;
use crate::secret::recipient::Recipient;
use crate::secret::seal::seal;
use crate::secret::token::{RawToken, TokenPrefix, mint};
use crate::store::StoreError;

/// What gathering uses.
#[derive(Clone, Debug)]
pub struct Gatherer {
    /// The forge.
    pub forge: Arc<Forge>,
    /// For MACs of minted tokens and markers.
    pub peppers: Arc<Peppers>,
    /// What tokens begin with.
    pub prefix: TokenPrefix,
    /// The time.
    pub clock: Clock,
}

/// Why something could not be gathered.
#[derive(Debug, thiserror::Error)]
pub enum GatherFault {
    /// The forge.
    #[error(transparent)]
    Forge(#[from] ForgejoError),
    /// The bot's own records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The candidate.
    #[error("cannot prepare a credential: {0}")]
    Candidate(String),
}

impl Gatherer {
    /// Adds what is needed to what was read. The repository is found by its id first, so that a name
    /// that another repository has now is never read.
    pub async fn gather(
        &self,
        repository: RepositoryId,
        needs: &Needs,
        reads: &mut Reads,
    ) -> Result<(), GatherFault> {
        let began = self.clock.now();
        let path = match self.forge.locate(repository).await {
            Ok((path, name)) => {
                reads.repository = Some(ReadRepository::Named(name));
                path
            }
            Err(error) => return Err(error.into()),
        };
        for need in needs {
            match need {
                // The first is read anyway; the others stand in the bot's own records.
                Need::Repository | Need::History(_) | Need::LastUse(_) | Need::Waiting(_) => {}
                Need::Comment(id) => {
                    let read = self.comment(&path, *id).await?;
                    reads.comments.insert(*id, read);
                }
                Need::Issue(number) => {
                    let read = self.issue(&path, *number).await?;
                    reads.issues.insert(*number, read);
                }
                Need::Candidate { .. } => self.candidate(need, reads)?,
            }
        }
        reads.at.get_or_insert(began);
        Ok(())
    }

    /// Prepares what the forge has no part in, and gives what is left.
    pub fn prepare(&self, needs: &Needs, reads: &mut Reads) -> Result<Needs, GatherFault> {
        for need in needs {
            self.candidate(need, reads)?;
        }
        let left = needs
            .iter()
            .filter(|need| !matches!(need, Need::Candidate { .. }));
        Ok(left.cloned().collect())
    }

    /// Mints and seals a candidate, if that is what is needed.
    fn candidate(&self, need: &Need, reads: &mut Reads) -> Result<(), GatherFault> {
        let Need::Candidate {
            request,
            slug,
            recipient,
        } = need
        else {
            return Ok(());
        };
        let token =
            mint(&self.prefix, slug).map_err(|fault| GatherFault::Candidate(fault.to_string()))?;
        let sealed = match recipient {
            Some(recipient) => sealed_to(recipient, &token)?,
            None => {
                let why = "a token that is claimed is minted at its claim".to_owned();
                return Err(GatherFault::Candidate(why));
            }
        };
        reads.candidate = Some(Candidate {
            request: *request,
            slug: slug.clone(),
            recipient: recipient.clone(),
            mac: self.peppers.token_mac(token.expose()),
            pepper_id: self.peppers.pepper_id().to_owned(),
            sealed,
        });
        Ok(())
    }

    async fn comment(
        &self,
        path: &RepositoryPath,
        id: CommentId,
    ) -> Result<ReadComment, GatherFault> {
        match self.forge.note(self.forge.client.comment(path, id).await) {
            Ok(answer) => Ok(match answer.value {
                CommentRead::Found(comment) => self.read_comment(&comment),
                CommentRead::NotPlain => ReadComment::NotPlain,
                CommentRead::Gone => ReadComment::Gone,
            }),
            Err(ForgejoError::NotFound) => Ok(ReadComment::Gone),
            Err(ForgejoError::TooLarge { .. }) => Ok(ReadComment::TooLarge),
            Err(error) => Err(error.into()),
        }
    }

    /// A comment in the gate's terms. A time that cannot be read becomes one that counts for nothing.
    pub fn read_comment(&self, comment: &Comment) -> ReadComment {
        let Some(issue) = comment.thread() else {
            return ReadComment::NotPlain;
        };
        let Body::Text(text) = &comment.body else {
            return ReadComment::TooLarge;
        };
        let text = text.expose();
        let found = FoundComment {
            author: comment.user.as_ref().map(|user| user.id),
            login: login(comment.user.as_ref()),
            issue,
            body: Hash::of(text.as_bytes()),
            created_at: comment.created_at.unwrap_or(Timestamp::MIN),
            updated_at: comment.updated_at.unwrap_or(Timestamp::MAX),
            marker: marker::read(&self.peppers, text),
        };
        if comment.is_pull() {
            ReadComment::InPull(found)
        } else {
            ReadComment::Found(found)
        }
    }

    async fn issue(
        &self,
        path: &RepositoryPath,
        number: IssueNumber,
    ) -> Result<ReadIssue, GatherFault> {
        match self.forge.note(self.forge.client.issue(path, number).await) {
            Ok(answer) => Ok(read_issue(&answer.value)),
            Err(ForgejoError::NotFound) => Ok(ReadIssue::Gone),
            Err(error) => Err(error.into()),
        }
    }
}

fn sealed_to(recipient: &str, token: &RawToken) -> Result<String, GatherFault> {
    let parsed =
        Recipient::parse(recipient).map_err(|fault| GatherFault::Candidate(fault.to_string()))?;
    seal(&parsed, token).map_err(|fault| GatherFault::Candidate(fault.to_string()))
}

/// An issue in the gate's terms; a state that is not known is not open.
pub fn read_issue(issue: &Issue) -> ReadIssue {
    let text = issue.body.text().map(Foreign::expose);
    ReadIssue::Found(FoundIssue {
        open: issue.state == IssueState::Open,
        author: issue.user.as_ref().map(|user| user.id),
        login: login(issue.user.as_ref()),
        title: Hash::of(issue.title.expose().as_bytes()),
        body: text.map(|text| Hash::of(text.as_bytes())),
        body_lf: text
            .filter(|text| text.contains("\r\n"))
            .map(|text| Hash::of(text.replace("\r\n", "\n").as_bytes())),
        unlabelled: issue.is_unlabelled(),
        created_at: issue.created_at.unwrap_or(Timestamp::MIN),
    })
}

fn login(user: Option<&crate::forgejo::types::User>) -> String {
    user.filter(|user| user.id != UserId(-1))
        .map(|user| user.login.clone())
        .unwrap_or_default()
}
