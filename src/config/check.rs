//! How the people, scopes and gates of a board relate: what must hold for its gates to mean what
//! they say.
//!
//! People are counted as numeric ids: a person with two names, a machine that may approve or a
//! signature that two can give would make one yes count as two. A gate that its owners can never
//! fill is a fault, too: better said at the start than found by whoever waits.

use std::collections::{BTreeMap, BTreeSet};

use super::Board;
use super::fault::Reading;
use super::signing_key::without_comment;
use crate::gate::ids::UserId;
use crate::gate::policy::{self, Factor, Gate, Owner, Requesters};

/// Checks one board. `bot` is the bot's own account, where the file names it.
pub(super) fn board(reading: &Reading, key: &str, board: &Board, bot: Option<UserId>) {
    let rules = &board.rules;
    // Owners of whom something could not be read are not counted out.
    let owners_read = !reading.began(&format!("{key}.owner"));
    somebody(reading, key, rules);
    machines(reading, key, rules);
    if let Some(bot) = bot {
        the_bot(reading, key, rules, bot);
    }
    keys(reading, key, rules);
    if !reading.faulty(&format!("{key}.scopes")) {
        scopes(reading, key, rules);
    }
    for (name, gate) in &rules.gates {
        let key = format!("{key}.gate.{name}");
        listed(reading, &key, rules, gate);
        if owners_read && !rules.owners.is_empty() {
            enough(reading, &key, rules, gate);
        }
    }
}

/// The bot approves nothing, least of all what it was asked for.
pub(super) fn the_bot(reading: &Reading, key: &str, rules: &policy::Board, bot: UserId) {
    if let Some(owner) = rules.owner(bot) {
        let why = format!("{bot} is the bot's own account, which can approve nothing");
        let key = format!("{key}.owner[{}].id", owner.login);
        reading.fault(key, why, "the id of a person's account");
    }
}

/// A machine account of one board is no person on another.
pub(super) fn machines_elsewhere(reading: &Reading, boards: &[Board]) {
    for board in boards {
        for (id, owner) in &board.rules.owners {
            let elsewhere = boards.iter().find(|other| {
                other.rules.repository_id != board.rules.repository_id
                    && other.rules.machine_accounts.contains(id)
            });
            if let Some(other) = elsewhere {
                let why = format!(
                    "{id} is a machine account of the board {:?}: agents use it, so it can \
                     approve nothing here either",
                    other.rules.name
                );
                let key = format!("{}.owner[{}].id", board.key(), owner.login);
                reading.fault(key, why, "the id of a person's account");
            }
        }
    }
}

/// There is somebody to approve, and something to approve at.
fn somebody(reading: &Reading, key: &str, rules: &policy::Board) {
    let owner = format!("{key}.owner");
    let unnamed = rules.owners.is_empty();
    if unnamed && !reading.began(&owner) {
        reading.fault(
            owner,
            "nobody owns this board, so nothing could be approved",
            "[[board.owner]] with id = 2 and login = \"alice\"",
        );
    }
    let gate = format!("{key}.gate");
    if rules.gates.is_empty() && !reading.began(&gate) {
        reading.fault(
            gate,
            "this board has no gate, so nothing could be approved",
            "[board.gate.dev] with scopes, max_ttl, quorum and factors",
        );
    }
}

/// No owner is a machine account.
fn machines(reading: &Reading, key: &str, rules: &policy::Board) {
    for id in &rules.machine_accounts {
        if let Some(owner) = rules.owner(*id) {
            let why = format!(
                "{id} stands under machine_accounts as well: who asks for agents can approve \
                 nothing"
            );
            let key = format!("{key}.owner[{}].id", owner.login);
            reading.fault(key, why, "the id of a person's account");
        }
    }
}

/// No key is held by two, be they owners or requesters.
fn keys(reading: &Reading, key: &str, rules: &policy::Board) {
    let mut holders: BTreeMap<&str, (UserId, String)> = BTreeMap::new();
    let owners = rules.owners.iter().map(|(id, owner)| {
        let key = format!("{key}.owner[{}]", owner.login);
        (*id, key, &owner.signing_keys)
    });
    let requesters = rules.known_requesters.iter().map(|(id, known)| {
        let key = format!("{key}.requester[{id}]");
        (*id, key, &known.signing_keys)
    });
    for (id, holder, signing_keys) in owners.chain(requesters) {
        for signing_key in signing_keys {
            let first = holders
                .entry(without_comment(signing_key))
                .or_insert_with(|| (id, holder.clone()));
            if first.0 != id {
                let why = format!(
                    "this key is also one of {}: a signature must say who gave it",
                    first.1
                );
                let example = "a key of its own for each person (`ssh-keygen -t ed25519`)";
                reading.fault(format!("{holder}.signing_keys"), why, example);
            }
        }
    }
}

/// Gates and ceilings name only what may be asked for on the board.
fn scopes(reading: &Reading, key: &str, rules: &policy::Board) {
    let all = &rules.scopes;
    let ceilings = rules.owners.values().filter_map(|owner| {
        let key = format!("{key}.owner[{}].ceiling", owner.login);
        Some((key, owner.ceiling.as_ref()?))
    });
    let gates = rules
        .gates
        .iter()
        .map(|(name, gate)| (format!("{key}.gate.{name}.scopes"), &gate.scopes));
    for (key, some) in ceilings.chain(gates) {
        let foreign: Vec<&str> = some.difference(all).map(String::as_str).collect();
        if !foreign.is_empty() {
            let why = format!(
                "{} is no scope of this board; its scopes are {}",
                foreign.join(", "),
                words(all)
            );
            reading.fault(
                key,
                why,
                format!("only scopes of the board: {}", words(all)),
            );
        }
    }
}

/// A gate with signatures vouches for who asks, so who asks must be known.
fn listed(reading: &Reading, key: &str, rules: &policy::Board, gate: &Gate) {
    let anyone = rules.requesters == Requesters::Anyone;
    if anyone && gate.factors.contains(&Factor::Signature) {
        let why = "a gate that demands a signature needs listed requesters, and this board lets \
                   anyone ask";
        reading.fault(format!("{key}.factors"), why, r#"requesters = "listed""#);
    }
    if gate.judge_required && rules.judges.is_empty() {
        let why = "nobody is named whose judgement could be waited for";
        let example = "[[board.judge]] with id = 9 and login = \"iskra\"";
        reading.fault(format!("{key}.judge"), why, example);
    }
}

/// The gate can be filled by the owners there are.
fn enough(reading: &Reading, key: &str, rules: &policy::Board, gate: &Gate) {
    let approvers: Vec<&Owner> = rules.owners.values().filter(|it| it.may_approve).collect();
    let needed = gate.quorum as usize;
    if approvers.len() < needed {
        let why = format!(
            "{needed} owners must approve, and only {} of this board may",
            approvers.len()
        );
        let example = format!(
            "quorum = {}, or one more [[board.owner]]",
            approvers.len().max(1)
        );
        reading.fault(format!("{key}.quorum"), why, example);
        return;
    }
    let able = approvers
        .iter()
        .filter(|owner| can_bring(owner, gate))
        .count();
    if able < needed {
        let unable: Vec<&str> = approvers
            .iter()
            .filter(|owner| !can_bring(owner, gate))
            .map(|owner| owner.login.as_str())
            .collect();
        let why = format!(
            "{needed} owners must bring {}, and {able} can: {} cannot",
            factor_words(gate),
            unable.join(", ")
        );
        let example = "signing_keys = [\"ssh-ed25519 AAAA… alice\"] for `signature`, \
                       totp_file = \"secrets/totp-alice\" for `code`";
        reading.fault(format!("{key}.factors"), why, example);
    }
}

/// Whether an owner has everything that an approval at this gate must bring.
pub(super) fn can_bring(owner: &Owner, gate: &Gate) -> bool {
    gate.factors.iter().all(|factor| match factor {
        Factor::Comment => true,
        Factor::Code => owner.has_code,
        Factor::Signature => !owner.signing_keys.is_empty(),
    })
}

/// What an approval at this gate must bring, in people's words.
pub fn factor_words(gate: &Gate) -> String {
    gate.factors
        .iter()
        .map(|factor| factor.word())
        .collect::<Vec<_>>()
        .join(" and ")
}

/// The members, as people read them.
fn words(set: &BTreeSet<String>) -> String {
    set.iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{ALICE_KEY, BOARD, PIOTR_KEY, base, only_fault, with};

    #[test]
    fn a_quorum_is_at_most_the_owners_who_may_approve() {
        assert!(with("quorum = 1", "quorum = 2").load().is_ok());
        let fault = only_fault(
            &with("quorum = 1", "quorum = 3"),
            "board[kan].gate.dev.quorum",
        );
        assert!(
            fault.why.contains("3 owners") && fault.example.contains("quorum = 2"),
            "{fault}"
        );
        let left =
            with("quorum = 1", "quorum = 2").with("id = 3\n", "id = 3\nmay_approve = false\n");
        only_fault(&left, "board[kan].gate.dev.quorum");
    }

    #[test]
    fn a_machine_account_cannot_own() {
        let fault = only_fault(
            &with("machine_accounts = [7]", "machine_accounts = [7, 3]"),
            "board[kan].owner[piotr].id",
        );
        assert!(fault.why.contains("machine_accounts"), "{fault}");
    }

    #[test]
    fn a_machine_account_of_one_board_cannot_own_another() {
        let other = BOARD
            .replace("\"kan\"", "\"ops\"")
            .replace("hook-kan", "hook-ops")
            .replace("alice/board", "alice/ops")
            .replace("repository_id = 17", "repository_id = 18")
            .replace("id = 3\n", "id = 7\n")
            .replace("machine_accounts = [7]", "machine_accounts = [8]");
        let fault = only_fault(&base().and(&other), "board[ops].owner[piotr].id");
        assert!(fault.why.contains("\"kan\""), "{fault}");
    }

    #[test]
    fn the_bot_cannot_own() {
        let named = with("[forge]", "[forge]\nbot_id = 3");
        only_fault(&named, "board[kan].owner[piotr].id");
        let config = base().load().unwrap().config;
        let faults = config.bot_faults(super::UserId(3));
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].key, "board[kan].owner[piotr].id");
        assert_eq!(config.bot_faults(super::UserId(5)), []);
    }

    #[test]
    fn two_people_cannot_hold_one_key_under_two_comments() {
        let renamed = format!("{} laptop", ALICE_KEY.trim_end_matches(" alice"));
        let shared = with(PIOTR_KEY, &renamed);
        let fault = only_fault(&shared, "board[kan].owner[piotr].signing_keys");
        assert!(fault.why.contains("owner[alice]"), "{fault}");
        let agent =
            format!("[[board.requester]]\nid = 7\nsigning_keys = [{renamed:?}]\n[board.gate.dev]");
        only_fault(
            &with("[board.gate.dev]", &agent),
            "board[kan].requester[7].signing_keys",
        );
        let own =
            format!("[[board.requester]]\nid = 2\nsigning_keys = [{renamed:?}]\n[board.gate.dev]");
        assert!(
            with("[board.gate.dev]", &own).load().is_ok(),
            "her own key twice"
        );
    }

    #[test]
    fn gates_and_ceilings_hold_only_scopes_of_the_board() {
        let gate = with("\"card:write\"] # dev", "\"board:rea\"]");
        let fault = only_fault(&gate, "board[kan].gate.dev.scopes");
        assert!(fault.why.contains("board:rea is no scope"), "{fault}");
        assert!(fault.example.contains("board:read, card:write"), "{fault}");
        let ceiling = with("id = 2\n", "id = 2\nceiling = [\"deploy:run\"]\n");
        only_fault(&ceiling, "board[kan].owner[alice].ceiling");
    }

    #[test]
    fn a_signature_needs_listed_requesters() {
        let anyone = with("[[board]]", "[[board]]\nrequesters = \"anyone\"");
        assert!(anyone.load().is_ok());
        let signed = anyone.with(r#"factors = ["comment"]"#, r#"factors = ["signature"]"#);
        let fault = only_fault(&signed, "board[kan].gate.dev.factors");
        assert!(fault.example.contains("listed"), "{fault}");
    }

    #[test]
    fn owners_must_be_able_to_bring_what_a_gate_demands() {
        let two = with("quorum = 1", "quorum = 2");
        let signed = two
            .clone()
            .with(r#"factors = ["comment"]"#, r#"factors = ["signature"]"#);
        assert!(signed.load().is_ok());
        let keyless = signed.with(&format!("signing_keys = [{PIOTR_KEY:?}]"), "");
        let fault = only_fault(&keyless, "board[kan].gate.dev.factors");
        assert!(fault.why.contains("1 can: piotr cannot"), "{fault}");
        let code = with(
            r#"factors = ["comment"]"#,
            r#"factors = ["comment", "code"]"#,
        );
        let fault = only_fault(&code, "board[kan].gate.dev.factors");
        assert!(fault.why.contains("comment and code") && fault.example.contains("totp_file"));
        let enrolled = code.with("id = 2\n", "id = 2\ntotp_file = \"secrets/totp\"\n");
        assert!(enrolled.load().is_ok());
    }

    #[test]
    fn a_board_has_an_owner_and_a_gate() {
        let (people, gates) = BOARD.split_at(BOARD.find("[[board.owner]]").unwrap());
        assert!(gates.contains("[board.gate.dev]"));
        let faults = with(BOARD, people).load().unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["board[kan].owner", "board[kan].gate"]);
    }

    #[test]
    fn a_required_judgement_needs_a_judge() {
        let judged = with("quorum = 1", "quorum = 1\njudge = \"required\"");
        only_fault(&judged, "board[kan].gate.dev.judge");
        let named = judged.with(
            "[board.gate.dev]",
            "[[board.judge]]\nid = 9\nlogin = \"iskra\"\n[board.gate.dev]",
        );
        assert!(named.load().is_ok());
    }
}
