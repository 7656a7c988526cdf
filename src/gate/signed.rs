//! What a signature says: an owner's over the statement of an approval, a requester's over the key that
//! its token goes to; and who vouches for that key.
//!
//! The bot builds each text from its own record and from what the comment restates; a comment brings
//! only the armor. Keys are the configured ones of that very person, and of nobody else.

use super::approval::Approval;
use super::command::{Restated, Vouched};
use super::ids::UserId;
use super::policy::{Board, Policy};
use super::request::Request;
use super::statement::{self, Delivery, Statement};
use crate::secret::sshkey::PublicKey;
use crate::secret::sshsig::{Signed, verify};

/// What a comment brings of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// None.
    Absent,
    /// One that counts for exactly this approval.
    Good(Signed),
    /// One that does not; why.
    Bad(String),
}

impl Signature {
    /// The signature, if it counts.
    pub fn good(&self) -> Option<&Signed> {
        match self {
            Self::Good(signed) => Some(signed),
            Self::Absent | Self::Bad(_) => None,
        }
    }
}

/// The text that an owner signs to approve a request as restated; `None` if something in it cannot
/// stand in a statement.
pub fn statement(
    policy: &Policy,
    request: &Request,
    approver: UserId,
    restated: &Restated,
) -> Option<String> {
    let wanted = &request.effect;
    let delivery = wanted
        .recipient
        .clone()
        .map(Delivery::Recipient)
        .or_else(|| wanted.challenge.clone().map(Delivery::Challenge));
    let statement = Statement {
        action: request.action.word().to_owned(),
        approver,
        delivery,
        digest: request.digest.clone(),
        environment: Some(wanted.environment.clone()),
        forge: policy.forge.clone(),
        identity: wanted.identity.clone(),
        installation: policy.installation.clone(),
        not_after: request.ends_at,
        nonce: request.nonce.clone()?,
        repository_id: request.thread.repository,
        request: request.number,
        scopes: restated.scopes.clone(),
        thread: Some(request.thread.issue),
        ttl: restated.ttl,
        vouched: restated.vouched,
    };
    statement.text().ok()
}

/// Reads an approval's signature against the keys of the owner who wrote the comment.
pub fn read(
    policy: &Policy,
    board: &Board,
    request: &Request,
    approver: UserId,
    restated: &Restated,
) -> Signature {
    let Some(armor) = &restated.armor else {
        return Signature::Absent;
    };
    let Some(owner) = board.owner(approver) else {
        return Signature::Bad("it is by no owner of this board".to_owned());
    };
    let Some(text) = statement(policy, request, approver, restated) else {
        return Signature::Bad("this request cannot be signed for; ask anew".to_owned());
    };
    let keys = owner.signing_keys.iter().map(String::as_str);
    match verify(armor, statement::APPROVE, text.as_bytes(), keys) {
        Ok(signed) => Signature::Good(signed),
        Err(fault) => Signature::Bad(fault.to_string()),
    }
}

/// Checks the signature of a counted approval once more, under the policy that it was counted under; why
/// it does not hold, if so.
pub fn recheck(policy: &Policy, request: &Request, approval: &Approval) -> Result<(), String> {
    match read_again(policy, request, approval) {
        Signature::Good(_) => Ok(()),
        Signature::Bad(why) => Err(why),
        Signature::Absent => Err("it is missing".to_owned()),
    }
}

/// What the signature of a counted approval says, read once more.
pub fn read_again(policy: &Policy, request: &Request, approval: &Approval) -> Signature {
    let Some(board) = policy.board(request.thread.repository) else {
        return Signature::Bad("its board is not in the policy of that line".to_owned());
    };
    if request.recompute(policy) != request.digest {
        return Signature::Bad("the digest is not that of what was asked".to_owned());
    }
    let restated = approval.restated(request);
    match read(policy, board, request, approval.approver, &restated) {
        Signature::Good(signed) if approval.signed_by.as_ref() != Some(&signed.fingerprint) => {
            Signature::Bad("it is by another key than was recorded".to_owned())
        }
        read => read,
    }
}

/// Reads a requester's signature over where its token goes: the fingerprint of the key that made it.
pub fn by_requester(
    policy: &Policy,
    board: &Board,
    requester: UserId,
    delivery: &Delivery,
    armor: &str,
) -> Result<String, String> {
    let Some(known) = board.known_requesters.get(&requester) else {
        return Err("no key is pinned for you here: leave `signature` out".to_owned());
    };
    let text = statement::requested(&policy.forge, board.repository_id, delivery);
    let keys = known.signing_keys.iter().map(String::as_str);
    verify(armor, statement::REQUEST, text.as_bytes(), keys)
        .map(|signed| signed.fingerprint)
        .map_err(|fault| fault.to_string())
}

/// Who vouches, without the approver, that the token goes to whoever asked: the configuration, or a
/// key that is pinned for the requester now.
pub fn vouched(request: &Request, board: &Board) -> Option<Vouched> {
    let known = board.known_requesters.get(&request.asker()?)?;
    let pinned = request
        .effect
        .recipient
        .as_ref()
        .is_some_and(|recipient| known.recipients.contains(recipient));
    if pinned {
        return Some(Vouched::Config);
    }
    let signer = request.signed_by.as_ref()?;
    let mut keys = known.signing_keys.iter();
    keys.any(|line| PublicKey::parse(line).is_ok_and(|key| key.fingerprint() == *signer))
        .then_some(Vouched::Request)
}
