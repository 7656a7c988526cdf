//! What `init` would make or undo is said and not done: no file, and the forge is only read. Without a
//! yes nothing is even looked at.

use insta::assert_snapshot;
use ownergate::miniforge::Fault;

use crate::init::{STEPS, USUAL, Village};

/// A line of the story that would change something, and does not.
async fn rehearsed(village: &Village, line: &str) -> String {
    let before = (village.files(), village.changes());
    let there = village.directory().exists();
    let ran = village.run(line).await;
    assert_eq!(ran.code, 0, "{line}: {}{}", ran.out, ran.err);
    assert_eq!((village.files(), village.changes()), before, "{line}");
    assert_eq!(village.directory().exists(), there, "{line}");
    assert!(ran.out.ends_with("nothing was changed\n"), "{}", ran.out);
    ran.out
}

/// What a run made, mended or undid, and what a rehearsal says it would, without the forge's numbers.
fn things(said: &str) -> Vec<String> {
    let number = regex::Regex::new(r" \(\d+\)| \(hook \d+\)|#\d+").unwrap();
    let lines = said.lines().filter_map(|line| {
        let done = ["made", "mended", "undone"].iter();
        let would = ["would make", "would mend", "would undo"].iter();
        let rest = done.chain(would).find_map(|word| line.strip_prefix(word))?;
        let thing = number.replace_all(rest.trim(), "");
        Some(
            thing
                .replace("an issue", "issue")
                .replace("issue  of", "issue of"),
        )
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_an_empty_folder_everything_is_said_and_nothing_is_made() {
    let village = Village::new();
    let said = rehearsed(&village, &format!("{USUAL} --dry-run")).await;
    assert_snapshot!(said, @r"
    would make pepper     gate/secrets/pepper (a pepper)
    would make key        gate/secrets/signing-key (a signing key)
    would make bot        the account ownergate, restricted
    would make bot        the token of ownergate in gate/secrets/forge-token, write:issue, read:repository, read:user
    would make client     gate/secrets/client-board-api (the secret of a client)
    would make secret     gate/secrets/hook-board (a webhook secret)
    would make reader     ownergate in alice/board (collaborator, read)
    would make form       .forgejo/issue_template/identity.yaml in alice/board
    would make control    an issue of alice/board
    would make webhook    https://gate.example/hooks/board: issues, issue_comment, pull_request_comment
    would make config     gate/ownergate.toml

    nothing was changed
    ");
    // And just that is made then.
    let made = village.init().await;
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(things(&said), things(&made.out));
    let again = village.run(&format!("{USUAL} --dry-run")).await;
    assert!(
        again.out.ends_with("nothing would be changed\n"),
        "{}",
        again.out
    );
    assert_eq!(things(&again.out), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_run_left_undone_is_what_the_next_would_do() {
    for (method, path) in STEPS {
        let village = Village::new();
        village
            .forge
            .fault(method, path, Some(1), Fault::LoseAnswer);
        assert_eq!(village.init().await.code, 1, "{path}");
        let said = rehearsed(&village, &format!("{USUAL} --dry-run")).await;
        let made = village.init().await;
        assert_eq!(made.code, 0, "{path}: {}", made.err);
        assert_eq!(things(&said), things(&made.out), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_hook_another_board_and_the_undoing_are_said_and_not_done() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    // A hook that sends nothing.
    village
        .forge
        .change_hook(village.board, |hook| hook.active = false);
    let mend = rehearsed(&village, &format!("{USUAL} --dry-run")).await;
    assert!(mend.contains("would mend webhook"), "{mend}");
    assert_eq!(things(&mend), things(&village.init().await.out));
    // A hook whose secret nobody has any more.
    std::fs::remove_file(village.directory().join("secrets/hook-board")).unwrap();
    let other = rehearsed(&village, &format!("{USUAL} --dry-run")).await;
    assert!(
        other.contains("hook 1 has another secret and would go"),
        "{other}"
    );
    assert_eq!(things(&other), things(&village.init().await.out));
    village.forge.add_repository(village.alice.id, "ops");
    let line = "init --token-file alice --repo alice/ops --owner alice --dir gate";
    let board = rehearsed(&village, &format!("{line} --dry-run")).await;
    assert!(
        board.contains("would make config     the board ops in gate/ownergate.toml"),
        "{board}"
    );
    assert_eq!(
        things(&board),
        things(&village.run(&format!("{line} --yes")).await.out)
    );
    for line in [
        "init --remove --token-file admin --dir gate --repo alice/ops",
        "init --remove --token-file admin --dir gate",
    ] {
        let undo = rehearsed(&village, &format!("{line} --dry-run")).await;
        assert!(undo.contains("would undo hook"), "{undo}");
        let undone = village.run(&format!("{line} --confirm")).await;
        assert_eq!(things(&undo), things(&undone.out));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_made_is_refused_in_a_rehearsal_too() {
    for (from, to, why) in [
        (
            "--token-file admin",
            "--token-file alice",
            "only a site administrator's token can",
        ),
        (
            "--create-bot",
            "--create-bot --bot-login codex",
            "is an owner or a requester",
        ),
        (
            "--create-bot",
            "--bot-token-file admin",
            "needs an account of its own",
        ),
        ("https://gate", "http://gate", "use https"),
    ] {
        let village = Village::new();
        let ran = village
            .run(&format!("{} --dry-run", USUAL.replacen(from, to, 1)))
            .await;
        assert_eq!(ran.code, 1, "{why}: {}", ran.out);
        assert!(ran.err.contains(why), "{why}: {}", ran.err);
        assert!(!village.directory().exists(), "{why}");
        assert!(village.changes().is_empty(), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_yes_and_without_a_terminal_nothing_is_looked_at() {
    let village = Village::new();
    // Not even whether the files are there that are named.
    let ran = village
        .run(&USUAL.replace("--yes", "").replace("admin", "nowhere"))
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_snapshot!(ran.err, @"ownergate: Set a gate up in gate? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change");
    let ran = village
        .run("init --remove --token-file nowhere --dir gate")
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_snapshot!(ran.err, @"ownergate: Undo on the forge what was made from gate? Nobody can be asked here: add --confirm to do it, or --dry-run to see what would change");
    let ran = village.run("init --confirm --dry-run --dir gate").await;
    assert_eq!(ran.code, 2);
    assert!(village.forge.calls().is_empty());
    assert!(!village.directory().exists());
    // A `--confirm` is a yes as well; what is missing is named then, as with `--yes`.
    let ran = village.run("init --confirm --dir gate").await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--forge is missing"), "{}", ran.err);
    assert_eq!(
        village.run(&USUAL.replace("--yes", "--confirm")).await.code,
        0
    );
}
