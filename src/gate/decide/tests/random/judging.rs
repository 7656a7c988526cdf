//! Judges of a random history: what they say, and what that is worth by what the forge in memory knows.

use super::acts::Way;
use super::factors::key;
use super::{Life, pick};
use crate::gate::decide::tests::judged::{ISKRA, judgement};
use crate::gate::decide::tests::*;
use crate::gate::event::What;
use crate::gate::ids::{CommentId, Hash};
use crate::gate::policy::Factor;
use crate::gate::request::Request;

impl Life {
    /// Somebody judges the issue of a request.
    pub(super) fn judge(&mut self, which: u8, how: u8, way: Way) {
        let Some(request) = self.named(which) else {
            return;
        };
        let action = if how.is_multiple_of(4) {
            "reject"
        } else {
            "go"
        };
        let text = judgement(&self.story, request.thread, action);
        let who = pick(&[ISKRA, ISKRA, ISKRA, ISKRA, ISKRA, CAROL], how).unwrap_or(ISKRA);
        let text = if how > 240 { text.repeat(2) } else { text };
        let id = self.story.write(request.thread, who, &text);
        let delivery = self.story.delivery(id);
        self.deliver(delivery, way);
        self.story.settle();
    }

    /// Whether the configuration and the requester's own signature vouch for where the token goes.
    pub(super) fn vouches(&self, request: &Request) -> [bool; 2] {
        let board = self.story.policy.board(request.thread.repository).unwrap();
        let asker = request.asker().expect("somebody asked");
        let Some(known) = board.known_requesters.get(&asker) else {
            return [false, false];
        };
        let to = |to: &Option<String>| to.clone().map(|to| (asker, to));
        let recipient = to(&request.effect.recipient);
        let pledge = recipient.clone().or(to(&request.effect.challenge));
        let pledged = pledge.is_some_and(|pledge| self.pledged.contains(&pledge));
        let pinned = known.signing_keys.contains(&key(asker).public());
        [
            recipient.is_some_and(|(_, to)| known.recipients.contains(&to)),
            request.signed_by.is_some() && pledged && pinned,
        ]
    }

    /// Somebody vouches where that is demanded, and no judge is against it.
    pub(super) fn let_through(&self, request: &Request) {
        let gate = self.gate(request).expect("there is a gate");
        let counted = request.approvals.iter().map(|yes| {
            let known = &self.counted[&(request.number, yes.approver, yes.comment)];
            assert_eq!(known.gate, gate, "it was given under other rules");
            known.vouched
        });
        let [by_config, by_request] = self.vouches(request);
        let vouched = counted.fold(by_config || by_request, |all, one| all | one);
        let signed = gate.factors.contains(&Factor::Signature);
        assert!(
            vouched || !signed || !request.action.delivers(),
            "nobody vouches"
        );
        if gate.judge_required {
            let mut served = self
                .witness
                .served
                .iter()
                .filter(|(_, of)| **of == request.number);
            assert!(
                served.any(|(id, _)| self.says_go(request, *id)),
                "no judge lets it"
            );
            assert!(!self.objects(request), "a judge objects");
        }
    }

    /// The comment of a judge that says that a request may be, if there is one.
    fn says_go(&self, request: &Request, id: i64) -> bool {
        let summary = request.summary.as_ref().map(|summary| summary.comment);
        let Some(comment) = self.story.forge.comments.get(&id) else {
            return false;
        };
        comment.thread == request.thread
            && comment.author == ISKRA
            && !comment.deleted
            && comment.updated == comment.created
            && Some(CommentId(id)) > summary
            && comment.text == judgement(&self.story, request.thread, "go")
    }

    /// The judge's newest word on a request that was heard is an objection.
    fn objects(&self, request: &Request) -> bool {
        let summary = request.summary.as_ref().map(|summary| summary.comment);
        let heard = |id: i64| {
            let deliveries = self.story.deliveries.iter().map(|one| &one.accepted);
            let mut proper = false;
            for accepted in deliveries {
                if let What::Comment(spoken) = &accepted.what
                    && spoken.id == id
                    && accepted.repository == request.thread.repository
                {
                    let text = &self.story.forge.comments[&id].text;
                    if spoken.body != Hash::of(text.as_bytes()) {
                        return false;
                    }
                    proper |= accepted.unverified_sender == Some(ISKRA)
                        && accepted.issue == request.thread.issue;
                }
            }
            proper
        };
        let mut all = self
            .story
            .forge
            .comments
            .iter()
            .rev()
            .filter(|(id, comment)| {
                comment.thread == request.thread
                    && comment.author == ISKRA
                    && Some(CommentId(**id)) > summary
                    && heard(**id)
            });
        let waits = !self.story.waiting().is_empty();
        all.next().is_some_and(|(_, comment)| {
            let whole = !comment.deleted && comment.updated == comment.created;
            whole && !waits && comment.text == judgement(&self.story, request.thread, "reject")
        })
    }
}
