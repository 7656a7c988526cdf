//! What must hold after every line, judged by what the forge in memory knows and the core does not
//! say: who wrote which words, and whether anybody touched them.

use std::collections::BTreeSet;

use serde_json::json;

use super::Life;
use super::factors::{PAUSE, in_hours, plain};
use crate::gate::approval::Approval;
use crate::gate::command::{self, Command, Reading, Vouched};
use crate::gate::credential::{Check, Credential, CredentialStatus};
use crate::gate::effect::{Effect, Role};
use crate::gate::event::{Look, Road, What};
use crate::gate::grant::{GrantRecord, GrantStatus, Rotation};
use crate::gate::identity::{Identity, IdentityStatus};
use crate::gate::ids::{CredentialNumber, Hash};
use crate::gate::key::{Key, Subject, Table};
use crate::gate::policy::{Factor, Gate};
use crate::gate::request::Request;

/// What was written in a comment that approves, as the grammar reads it.
fn restated(text: &str) -> Option<command::Restated> {
    match command::read(text) {
        Reading::Command(Command::Approve(restated)) => Some(restated),
        Reading::Command(_) | Reading::Nothing | Reading::Fault(_) => None,
    }
}

/// A yes as it was found to be right: what it restated, and under which gate.
#[derive(Clone, Debug)]
pub(super) struct Yes {
    pub restated: command::Restated,
    pub gate: Gate,
    pub vouched: bool,
}

impl Life {
    /// What every committed line since the last look must satisfy.
    pub(super) fn check(&mut self) {
        if self.unjudged {
            return;
        }
        let grants: Vec<GrantRecord> = self.all(Table::Grant);
        let credentials: Vec<Credential> = self.all(Table::Credential);
        self.check_approvals();
        for line in self.checked..self.story.lines.len() {
            let issued: Vec<_> = self.story.lines[line]
                .decision
                .entries
                .iter()
                .filter(|entry| entry.code == "credential_issued")
                .map(|entry| (entry.request.unwrap(), entry.credential.unwrap()))
                .collect();
            self.tally(line);
            self.check_touches(line);
            self.check_secrets(line);
            self.check_stopped(line);
            self.check_operators(line);
            for (request, number) in issued {
                let credential = credentials.iter().find(|c| c.number == number).unwrap();
                assert_eq!(credential.request, request);
                match self.swap(number) {
                    Some(rotation) => self.check_swapped(credential, &rotation),
                    None => self.check_issued(credential, line),
                }
            }
        }
        self.checked = self.story.lines.len();
        self.compare();
        for credential in &credentials {
            self.check_credential(credential, &grants);
        }
    }

    /// A credential came of its grant, its row is what it says, and it lives only in what lives.
    fn check_credential(&self, credential: &Credential, grants: &[GrantRecord]) {
        let swap = self.swap(credential.number).map(|swap| swap.grant);
        let mut all = swap.iter().chain(grants);
        let granted = all
            .find(|grant| grant.request == credential.request)
            .unwrap();
        // Claimed once more, a grant has another credential, and the one before has ended.
        let over = matches!(credential.status, CredentialStatus::Revoked(_));
        let is_its = match granted.status {
            GrantStatus::Consumed(number) => number == credential.number,
            GrantStatus::Imported(first, last) => (first..=last).contains(&credential.number),
            GrantStatus::Open | GrantStatus::Void => false,
        };
        assert!(is_its || (over && granted.status != GrantStatus::Open));
        let check: Check = self.story.record(&Key::check(&credential.mac)).unwrap();
        assert!(check.scopes.is_subset(&granted.scopes));
        let Some(number) = credential.identity else {
            assert_eq!(
                Some(check),
                credential.check_alone(),
                "the row is up to date"
            );
            return;
        };
        let identity: Identity = self.story.record(&Key::identity(number)).unwrap();
        assert_eq!(check, credential.check(&identity), "the row is up to date");
        let live = check.live(&self.story.policy, self.story.now).is_some();
        assert!(
            !live || identity.status == IdentityStatus::Active,
            "{} lives in what stands still or has ended",
            credential.number
        );
        assert!(
            over || identity.is_living(),
            "{} is left over",
            credential.number
        );
    }

    /// Every approval that a request counts was one.
    fn check_approvals(&mut self) {
        for request in self.all::<Request>(Table::Request) {
            for counted in &request.approvals {
                let key = (request.number, counted.approver, counted.comment);
                if !self.counted.contains_key(&key) {
                    let said = self.check_counted(&request, counted);
                    let restated = said.expect("it must not be counted");
                    let gate = self.brought(&request, counted);
                    let vouched = counted.vouched == Some(Vouched::Approver);
                    self.counted.insert(
                        key,
                        Yes {
                            restated,
                            gate,
                            vouched,
                        },
                    );
                }
            }
        }
    }

    /// The holder's wish that a credential came of, if it was one.
    pub(super) fn swap(&self, number: CredentialNumber) -> Option<Rotation> {
        let rotations: Vec<Rotation> = self.all(Table::Rotation);
        let mut rotations = rotations.into_iter();
        rotations.find(|rotation| rotation.successor == number)
    }

    /// A successor that a holder made is no more than the credential that it holds, at a gate that lets
    /// holders do so.
    fn check_swapped(&self, heir: &Credential, rotation: &Rotation) {
        let old = self.story.credential(heir.predecessor.unwrap().0);
        let key = Key::identity(heir.identity.unwrap());
        let identity: Identity = self.story.record(&key).unwrap();
        let board = self.story.policy.board(identity.board()).unwrap();
        assert!(board.gates[&identity.environment].holder_rotation);
        assert_eq!(identity.status, IdentityStatus::Active);
        assert_eq!(old.successor, Some(heir.number));
        assert_eq!(rotation.grant.policy, self.story.policy.hash());
        assert!(heir.scopes.is_subset(&old.scopes) && heir.expires_at <= old.expires_at);
        assert_eq!(heir.recipient, old.recipient);
        assert_eq!(heir.approvers, old.approvers);
        assert!(matches!(old.status, CredentialStatus::Active(_)));
    }

    /// No one-time code is in a line, and a sealed token nowhere but in the comment that delivers it and
    /// with the holder's wish that made it.
    fn check_secrets(&self, line: usize) {
        let decision = &self.story.lines[line].decision;
        let told = json!([decision.cause, decision.entries]).to_string();
        let mut texts = vec![(false, told)];
        for change in &decision.changes {
            let of_wish = change.key.table == Table::Rotation;
            texts.push((of_wish, json!(change.value).to_string()));
        }
        for effect in &decision.effects {
            let delivers =
                matches!(effect, Effect::Post(post) if matches!(post.role, Role::Credential(_)));
            texts.push((delivers, json!(effect).to_string()));
        }
        for (delivers, text) in texts {
            assert!(delivers || !text.contains("AGE ENCRYPTED"), "{text}");
            // The bot shows how a code is written by one that is none.
            let text = text.replace("otp=123456", "");
            let mut codes = text.split("otp=").skip(1);
            assert!(
                !codes.any(|code| code.starts_with(|one: char| one.is_ascii_digit())),
                "{text}"
            );
        }
    }

    /// The counter of a security key only grows.
    fn check_touches(&mut self, line: usize) {
        for entry in &self.story.lines[line].decision.entries {
            if entry.code != "approval_counted" {
                continue;
            }
            let facts = entry.facts.as_ref().unwrap();
            let yes: Approval = serde_json::from_value(facts["approval"].clone()).unwrap();
            let made = yes.armor.map(|armor| &self.signed[&plain(&armor)]);
            if let Some((by, counter)) = made.and_then(|made| Some((made.by, made.counter?))) {
                let last = self.touches.insert(by, counter).unwrap_or(0);
                assert!(
                    counter > last || (last, counter) == (0, 0),
                    "{last} {counter}"
                );
            }
        }
    }

    /// Invariants 1 to 3: a new credential rests on enough counted comments by people who may.
    fn check_issued(&self, credential: &Credential, line: usize) {
        let request: Request = self
            .story
            .record(&Key::request(credential.request))
            .unwrap();
        let grant: GrantRecord = self.story.record(&Key::grant(credential.request)).unwrap();
        // Policies are committed alone and looked at at once: what is in force is what was.
        let policy = &self.story.policy;
        let board = policy.board(request.thread.repository).unwrap();
        let gate = &board.gates[&request.effect.environment];
        assert_eq!(grant.digest, request.recompute(policy));
        assert_eq!(grant.policy, policy.hash());
        let approvers = &credential.approvers;
        assert!(approvers.len() >= usize::try_from(gate.quorum.max(1)).unwrap());
        let mut ceiling: BTreeSet<String> = request.effect.scopes.clone();
        ceiling.retain(|scope| gate.scopes.contains(scope) && board.scopes.contains(scope));
        let mut ttl = request.effect.ttl.unwrap().min(gate.max_ttl);
        for approver in approvers {
            let owner = &board.owners[approver];
            assert!(owner.may_approve && approver.is_somebody() && *approver != policy.bot);
            assert!(!board.machine_accounts.contains(approver));
            assert!(gate.self_approval || Some(*approver) != request.asker());
            let counted = request
                .approvals
                .iter()
                .find(|one| one.approver == *approver);
            let counted = counted.expect("whoever approved is counted");
            assert!(
                self.stands(counted),
                "{approver} took it back (line {line})"
            );
            let said = &self.counted[&(request.number, *approver, counted.comment)];
            assert_eq!(said.gate, *gate, "it was given under other rules");
            let said = &said.restated;
            ceiling.retain(|scope| said.scopes.contains(scope));
            if let Some(most) = &owner.ceiling {
                ceiling.retain(|scope| most.contains(scope));
            }
            ttl = ttl.min(said.ttl.unwrap());
        }
        assert!(credential.scopes.is_subset(&ceiling) && !credential.scopes.is_empty());
        let life = credential.expires_at.duration_since(credential.issued_at);
        assert!(life.as_secs() <= i64::try_from(ttl).unwrap());
    }

    /// Invariant 3: what was counted is a comment by that person, in the request's thread and below
    /// its summary, of which no other text was ever delivered, and which says it now.
    fn check_counted(&self, request: &Request, counted: &Approval) -> Option<command::Restated> {
        let Some(id) = counted.comment else {
            return self.check_brought(request, counted);
        };
        let comment = self.story.forge.comments.get(&id.0)?;
        let whole = self.stands(counted)
            && comment.updated == comment.created
            && comment.thread == request.thread
            && id > request.summary.as_ref()?.comment
            && request.source.subject != Some(Subject::Comment(id.0));
        let mut delivered = false;
        let mut alone = true;
        for accepted in self.story.deliveries.iter().map(|one| &one.accepted) {
            let body = match &accepted.what {
                What::Comment(spoken) if spoken.id == id.0 => &spoken.body,
                What::Look(Look::Edited { comment, body, .. }) if *comment == id => body,
                What::Comment(_)
                | What::Opened(_)
                | What::Look(_)
                | What::Screened
                | What::Wished(_) => continue,
            };
            if accepted.repository == request.thread.repository {
                alone &= *body == counted.body;
                // A signature is as good when it was read back.
                delivered |= match accepted.road {
                    Road::Hook => accepted.unverified_sender == Some(counted.approver),
                    Road::CatchUp => counted.signed_by.is_some(),
                };
            }
        }
        restated(&comment.text)
            .filter(|said| whole && alone && delivered && said.code == request.code())
            .filter(|said| said.request == request.number)
    }

    /// What was brought without a comment is a signature of that owner over exactly this, at a gate that
    /// demands nothing else.
    fn check_brought(&self, request: &Request, counted: &Approval) -> Option<command::Restated> {
        let policy = &self.story.policy;
        let board = policy.board(request.thread.repository)?;
        let gate = board.gate(&request.effect.environment)?;
        assert_eq!(gate.factors, [Factor::Signature].into());
        crate::gate::signed::recheck(policy, request, counted).ok()?;
        Some(command::Restated {
            request: request.number,
            code: request.code(),
            scopes: counted.scopes.clone(),
            ttl: counted.ttl,
            otp: false,
            vouched: counted.vouched,
            armor: counted.armor.clone(),
        })
    }

    /// What was counted brought all that its gate demanded, by what was really signed, shown and heard
    /// here. The gate.
    fn brought(&mut self, request: &Request, counted: &Approval) -> Gate {
        let gate = self.gate(request).unwrap();
        let demands = |factor| gate.factors.contains(&factor);
        assert!(counted.comment.is_some() || !demands(Factor::Comment));
        assert_eq!(counted.armor.is_some(), counted.signed_by.is_some());
        assert!(counted.armor.is_some() || !demands(Factor::Signature));
        if let Some(armor) = &counted.armor {
            let made = &self.signed[&plain(armor)];
            assert_eq!(
                (made.by, made.approver),
                (counted.approver, counted.approver)
            );
            assert_eq!(made.restated.request, request.number);
            assert_eq!(
                (&made.restated.scopes, made.restated.ttl),
                (&counted.scopes, counted.ttl)
            );
            assert_eq!(made.restated.vouched, counted.vouched);
        }
        let [by_config, by_request] = self.vouches(request);
        match counted.vouched {
            Some(Vouched::Config) => assert!(by_config, "it does not vouch"),
            Some(Vouched::Request) => assert!(by_request, "it does not vouch"),
            Some(Vouched::Approver) => assert!(counted.armor.is_some(), "by no signature"),
            None => {}
        }
        if demands(Factor::Code) {
            let id = counted.comment.unwrap().0;
            let shown = |what: &What| match what {
                What::Comment(spoken) if spoken.id == id => spoken.otp.and_then(|otp| otp.step),
                _ => None,
            };
            let mut all = self.story.deliveries.iter();
            let step = all
                .find_map(|one| shown(&one.accepted.what))
                .expect("a right code");
            assert!(
                self.codes.insert((counted.approver, step)),
                "it was used before"
            );
        }
        let times = match counted.comment {
            Some(id) => self.story.received[&id.0].clone(),
            None => vec![counted.counted_at],
        };
        if gate.open_hours.is_some() {
            assert!(times.iter().any(|at| in_hours(*at)), "{times:?}");
        }
        if gate.cooling_off.is_some() {
            let summary = request.summary.as_ref().unwrap().comment.0;
            let from = self.story.forge.comments[&summary].created;
            assert!(
                times
                    .iter()
                    .any(|at| at.duration_since(from).as_secs() >= PAUSE)
            );
        }
        gate
    }

    /// True if the counted words are there, by the same person. A signature stays what it is.
    pub(super) fn stands(&self, counted: &Approval) -> bool {
        let Some(id) = counted.comment else {
            return true;
        };
        let comment = &self.story.forge.comments[&id.0];
        comment.author == counted.approver
            && !comment.deleted
            && Hash::of(comment.text.as_bytes()) == counted.body
    }
}
