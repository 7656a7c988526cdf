//! What everybody may do at one moment, so that two moments can be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::Life;
use crate::gate::credential::Check;
use crate::gate::ids::ThreadKey;
use crate::gate::key::Table;
use crate::gate::request::Request;

impl Life {
    /// Nothing works in a thread, and nothing is open there.
    pub(super) fn nothing_lives_in(&self, thread: ThreadKey) {
        for check in self.all::<Check>(Table::Check) {
            let lives = check.clone().live(&self.story.policy, self.story.now);
            let of_it = check.identity.is_some() && check.thread == thread;
            assert!(!of_it || lives.is_none(), "{}", check.credential);
        }
        for request in self.all::<Request>(Table::Request) {
            assert!(request.thread != thread || !request.is_open(self.story.now));
        }
    }

    /// What everybody may do now, and what is open and counted.
    pub(super) fn authority(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all = BTreeMap::new();
        for check in self.all::<Check>(Table::Check) {
            let name = format!("{}", check.credential);
            if let Some(live) = check.live(&self.story.policy, self.story.now) {
                all.insert(name, live.scopes);
            }
        }
        for request in self.all::<Request>(Table::Request) {
            if request.is_open(self.story.now) {
                let approvers = request.approvals.iter();
                let approvers = approvers.map(|one| one.approver.to_string()).collect();
                all.insert(request.number.to_string(), approvers);
            }
        }
        all
    }
}

/// Nobody may do more than before, and nothing that is open or counted is new.
pub(super) fn no_wider(
    before: &BTreeMap<String, BTreeSet<String>>,
    after: &BTreeMap<String, BTreeSet<String>>,
) {
    for (what, now) in after {
        let had = before.get(what).unwrap_or_else(|| panic!("{what} is new"));
        assert!(now.is_subset(had), "{what} grew from {had:?} to {now:?}");
    }
}
