//! Warnings: what can be used and will yet surprise.
//!
//! A scope that nobody can hand on is refused whenever it is asked for. That is said when the
//! configuration is read, because otherwise a person learns it by waiting.

use super::check::{can_bring, factor_words};
use super::fault::Reading;
use super::value::SCOPE;
use super::{Board, Config};
use crate::gate::policy::{Gate, STRICTEST};
use crate::gate::time::span;

/// Notes the warnings that need the whole configuration.
pub(super) fn warn(reading: &Reading, config: &Config) {
    for board in &config.boards {
        for (name, gate) in &board.rules.gates {
            let key = format!("{}.gate.{name}", board.key());
            warn_unreachable(reading, &key, board, gate);
            warn_unheard(reading, &key, board, gate);
        }
        warn_together(reading, board);
        warn_ungranted(reading, board);
        warn_unnameable(reading, board);
        warn_hasty(reading, config, board);
    }
}

/// Gates that their owners can open one by one and not together, which is what lets a board go on.
fn warn_together(reading: &Reading, board: &Board) {
    let Some(gate) = board
        .rules
        .gate(STRICTEST)
        .filter(|_| board.rules.gates.len() > 1)
    else {
        return;
    };
    let approvers = board.rules.owners.values().filter(|it| it.may_approve);
    let able = approvers.filter(|owner| can_bring(owner, &gate)).count();
    if able < gate.quorum as usize {
        let why = format!(
            "all gates together demand {} of {} owners, and {able} can bring that: once frozen the board could \
             not go on (`/gate thaw`), and no secret without an identity could be imported",
            factor_words(&gate),
            gate.quorum
        );
        reading.warn(format!("{}.gate", board.key()), why);
    }
}

/// A longest silence that one failed read would break.
fn warn_hasty(reading: &Reading, config: &Config, board: &Board) {
    let every = config.forge.reconcile.as_secs();
    if board.rules.max_silence.is_some_and(|most| most < 3 * every) {
        let why = format!(
            "a board is read every {} (forge.reconcile), so one or two failed reads have all of its \
             tokens refused",
            span(every)
        );
        reading.warn(format!("{}.max_silence", board.key()), why);
    }
}

/// A gate that waits for a judgement, whatever it recommends.
fn warn_unheard(reading: &Reading, key: &str, board: &Board, gate: &Gate) {
    let mut judges = board.rules.judges.values();
    if gate.judge_required && judges.all(|judge| judge.shut_on.is_empty()) {
        let why = "no judge has `shut_on`: a judgement must be there, and none can object";
        reading.warn(format!("{key}.judge"), why);
    }
}

/// A scope of the board that stands in no gate.
fn warn_ungranted(reading: &Reading, board: &Board) {
    let rules = &board.rules;
    for scope in &rules.scopes {
        if !rules.gates.values().any(|gate| gate.scopes.contains(scope)) {
            let why = format!("no gate grants {scope}: every request for it is refused");
            reading.warn(format!("{}.scopes", board.key()), why);
        }
    }
}

/// Something inside the workspace that no request can name, since a request is of smaller letters than
/// this key lets stand.
fn warn_unnameable(reading: &Reading, board: &Board) {
    for resource in board.rules.resources.iter().flatten() {
        if SCOPE.read(&toml::Value::from(resource.as_str())).is_err() {
            let why = format!(
                "no request can name {resource}: a request's resources have the form {}, so write it as the \
                 agents would",
                SCOPE.shown
            );
            reading.warn(format!("{}.resources", board.key()), why);
        }
    }
}

/// A scope of a gate that fewer owners may hand on than must approve.
fn warn_unreachable(reading: &Reading, key: &str, board: &Board, gate: &Gate) {
    for scope in &gate.scopes {
        let approvers = board.rules.owners.values().filter(|it| it.may_approve);
        let able = approvers
            .filter(|it| it.ceiling.as_ref().is_none_or(|most| most.contains(scope)))
            .count();
        if able < gate.quorum as usize {
            let why = format!(
                "{} must approve, and the ceilings let {able} hand on {scope}: it is never granted",
                gate.quorum
            );
            reading.warn(format!("{key}.scopes"), why);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::super::testing::{Sample, base, with};

    fn warnings(sample: &Sample) -> Vec<String> {
        let loaded = sample.load().unwrap();
        let text = |it: &super::super::Warning| format!("{}: {}", it.key, it.why);
        loaded.warnings.iter().map(text).collect()
    }

    #[test]
    fn a_plain_configuration_is_silent() {
        assert_eq!(warnings(&base()), Vec::<String>::new());
    }

    #[test]
    fn what_works_as_it_says_is_no_warning() {
        let kept = "quorum = 1\ncooling_off = \"10m\"\nopen_hours = \"Mon-Fri 08:00-18:00 UTC\"";
        assert_eq!(warnings(&with("quorum = 1", kept)), Vec::<String>::new());
        let offline = with(
            r#"factors = ["comment"]"#,
            "factors = [\"signature\"]\noffline = true",
        );
        assert_eq!(warnings(&offline), Vec::<String>::new());
        let code = with(r#"factors = ["comment"]"#, r#"factors = ["code"]"#)
            .with("id = 2\n", "id = 2\ntotp_file = \"secrets/totp\"\n");
        assert_eq!(warnings(&code), Vec::<String>::new());
    }

    #[test]
    fn gates_that_nobody_can_open_together_are_named() {
        let two =
            |factors: &str| {
                with("boards = [\"kan\"]", "boards = [\"kan\"]\nenvironments = [\"dev\"]").with(
                "[board.gate.dev]",
                &format!(
                    "[board.gate.pair]\nscopes = [\"board:read\"]\nmax_ttl = \"1h\"\nquorum = 2\n\
                     factors = [{factors}]\n[board.gate.dev]"
                ),
            )
            };
        assert_eq!(warnings(&two("\"signature\"")), Vec::<String>::new());
        let totp =
            |sample: Sample| sample.with("id = 2\n", "id = 2\ntotp_file = \"secrets/totp\"\n");
        let code = totp(two("\"comment\"")).with(
            "quorum = 1\nfactors = [\"comment\"]",
            "quorum = 1\nfactors = [\"code\"]",
        );
        let text = warnings(&code).join("\n");
        assert!(
            text.starts_with(
                "board[kan].gate: all gates together demand comment and code of 2 owners, and 1 can"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_judge_who_cannot_object_is_named() {
        let judged = |judge: &str| {
            with("quorum = 1", "quorum = 1\njudge = \"required\"").with(
                "[board.gate.dev]",
                &format!("[[board.judge]]\nid = 9\nlogin = \"iskra\"\n{judge}\n[board.gate.dev]"),
            )
        };
        let text = warnings(&judged("")).join("\n");
        assert!(text.contains("no judge has `shut_on`"), "{text}");
        let objects = judged("shut_on = [\"reject\"]");
        assert_eq!(warnings(&objects), Vec::<String>::new());
    }

    #[test]
    fn a_scope_that_no_gate_grants_is_named() {
        let less = with(
            "scopes = [\"board:read\", \"card:write\"] # dev",
            "scopes = [\"board:read\"]",
        );
        assert_eq!(
            warnings(&less),
            ["board[kan].scopes: no gate grants card:write: every request for it is refused"]
        );
    }

    #[test]
    fn a_resource_that_no_request_can_name_is_named() {
        let rooms = |list: &str| with("[[board]]", &format!("[[board]]\nresources = [{list}]"));
        assert_eq!(
            warnings(&rooms("\"road-map\", \"a:b\"")),
            Vec::<String>::new()
        );
        assert_eq!(
            warnings(&rooms("\"roadmap\", \"team/Inbox\", \"Inbox\"")),
            ["Inbox", "team/Inbox"].map(|name| format!(
                "board[kan].resources: no request can name {name}: a request's resources have the form \
                 [a-z0-9._:-]{{1,64}}, so write it as the agents would"
            ))
        );
    }

    #[test]
    fn a_scope_that_the_ceilings_keep_back_is_named() {
        let cut = with("id = 2\n", "id = 2\nceiling = [\"board:read\"]\n");
        assert_eq!(warnings(&cut), Vec::<String>::new(), "piotr may hand it on");
        let both = cut.with("quorum = 1", "quorum = 2");
        assert_eq!(
            warnings(&both),
            [
                "board[kan].gate.dev.scopes: 2 must approve, and the ceilings let 1 hand on \
              card:write: it is never granted"
            ]
        );
    }

    #[test]
    fn a_longest_silence_of_a_few_reads_is_named() {
        let silent = with("[[board]]", "[[board]]\nmax_silence = \"1m\"");
        assert_eq!(warnings(&silent), Vec::<String>::new());
        let hasty = silent.with("[forge]", "[forge]\nreconcile = \"21s\"");
        assert!(
            warnings(&hasty)[0].starts_with("board[kan].max_silence: a board is read every 21s")
        );
    }
}
