//! A stranger with a forge sets a gate up with one line: nothing is there before, everything after,
//! nothing twice, and all of it can be undone.

#[path = "init_rehearsed.rs"]
mod rehearsed;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ownergate::clock::Clock;
use ownergate::config::Config;
use ownergate::gate::ids::RepositoryId;
use ownergate::miniforge::{Fault, MiniForge, Options, Person, Right};
use ownergate::secret::file::{read_secret_file, write_secret_file};
use tempfile::TempDir;

use crate::harness_edges::soon;

/// A forge with people and a repository, and an empty folder.
pub(crate) struct Village {
    pub(crate) forge: MiniForge,
    pub(crate) root: Person,
    pub(crate) alice: Person,
    pub(crate) codex: Person,
    pub(crate) board: RepositoryId,
    pub(crate) folder: TempDir,
}

/// How a run of the program ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Village {
    pub(crate) fn new() -> Self {
        Self::at("")
    }

    pub(crate) fn at(sub_path: &str) -> Self {
        Self::with(sub_path, Clock::system())
    }

    pub(crate) fn with(sub_path: &str, clock: Clock) -> Self {
        let options = Options {
            sub_path: sub_path.to_owned(),
            ..Options::default()
        };
        let forge = MiniForge::start_with(clock, &options).unwrap();
        let root = forge.add_user("root1").unwrap();
        forge.change(|state| state.make_site_admin(root.id));
        let alice = forge.add_user("alice").unwrap();
        let codex = forge.add_user("codex").unwrap();
        let board = forge.add_repository(alice.id, "board");
        let folder = TempDir::new().unwrap();
        let village = Self {
            forge,
            root,
            alice,
            codex,
            board,
            folder,
        };
        village.secret("admin", &village.root.token);
        village.secret("alice", &village.alice.token);
        village
    }

    /// The same with tokens that will not do.
    fn with_others() -> Self {
        let village = Self::new();
        let carol = village.forge.add_user("carol").unwrap();
        village.secret("carol", &carol.token);
        let scopes = ["read:user", "read:repository", "read:issue"];
        village.secret(
            "small",
            &village.forge.give_token(village.alice.id, &scopes),
        );
        village.secret("open", &village.root.token);
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(village.folder.path().join("open"), open).unwrap();
        village
    }

    /// A token in a file of its own.
    pub(crate) fn secret(&self, name: &str, text: &str) {
        write_secret_file(&self.folder.path().join(name), text.as_bytes()).unwrap();
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.directory().join("ownergate.toml")
    }

    /// Runs the program in the folder; addresses and paths are made the same in every run.
    pub(crate) async fn run(&self, line: &str) -> Ran {
        let line = line.replace("{forge}", &self.forge.url());
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ownergate"));
        command
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        let output = soon(command.output()).await.unwrap();
        let text = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&format!("{}/", self.folder.path().display()), "")
                .replace(&self.forge.url(), "{forge}")
        };
        let ran = Ran {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        for person in [&self.root, &self.alice] {
            let said = format!("{}{}", ran.out, ran.err);
            assert!(!said.contains(&person.token), "a token was shown");
        }
        ran
    }

    /// The usual line.
    pub(crate) async fn init(&self) -> Ran {
        self.run(USUAL).await
    }

    /// Every file of the gate's folder, with its mode and content.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.directory()];
        while let Some(folder) = folders.pop() {
            // Before the first run there is none.
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                found.insert(path.clone(), (mode, std::fs::read(&path).unwrap()));
            }
        }
        found
    }

    /// Calls of the forge so far that change something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let calls = self.forge.calls();
        let changing = calls.iter().filter(|call| call.method != "GET");
        changing
            .map(|call| format!("{} {}", call.method, call.path))
            .collect()
    }
}

/// What a run does on the forge, in its order: the beginnings of its calls.
pub(crate) const STEPS: [(&str, &str); 6] = [
    ("POST", "/admin/users"),
    ("POST", "/users/ownergate/tokens"),
    ("PUT", "/repos/alice/board/collaborators"),
    ("POST", "/repos/alice/board/contents"),
    ("POST", "/repos/alice/board/issues"),
    ("POST", "/repos/alice/board/hooks"),
];

pub(crate) const USUAL: &str = "init --forge {forge} --token-file admin --repo alice/board --owner alice \
     --create-bot --requester codex --public-url https://gate.example --dir gate \
     --listen 127.0.0.1:2 --internal-listen 127.0.0.1:3 --yes";

fn text(path: &Path) -> String {
    read_secret_file(path).unwrap().expose().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_line_makes_a_gate_that_is_sane() {
    let village = Village::new();
    let ran = village.init().await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    made   pepper     gate/secrets/pepper (a pepper)
    made   key        gate/secrets/signing-key (a signing key)
    made   bot        the account ownergate (4), restricted
    made   bot        the token of ownergate in gate/secrets/forge-token, write:issue, read:repository, read:user
    made   client     gate/secrets/client-board-api (the secret of a client)
    made   secret     gate/secrets/hook-board (a webhook secret)
    made   reader     ownergate in alice/board (collaborator, read)
    made   form       .forgejo/issue_template/identity.yaml in alice/board
    made   control    issue #1 of alice/board
    made   webhook    https://gate.example/hooks/board (hook 1): issues, issue_comment, pull_request_comment
    made   config     gate/ownergate.toml

    next:
      ownergate doctor --config gate/ownergate.toml
      ownergate serve --config gate/ownergate.toml
    ");
    let config = Config::load(&village.config_file()).unwrap();
    assert_eq!(config.warnings, []);
    let config = config.config;
    let board = &config.boards[0];
    assert_eq!(board.rules.repository_id, village.board);
    assert_eq!(
        board.rules.owners.keys().collect::<Vec<_>>(),
        [&village.alice.id]
    );
    assert!(board.rules.machine_accounts.contains(&village.codex.id));
    let gate = &board.rules.gates["dev"];
    assert!((gate.quorum, gate.self_approval, gate.holder_rotation) == (1, false, false));
    let checked = village
        .run("check-config --config gate/ownergate.toml")
        .await;
    assert_eq!(checked.code, 0, "{}", checked.err);
    // The bot: restricted, a reader of that one repository, with a small token.
    let bot = config.forge.bot_id.unwrap();
    let user = village
        .forge
        .look(|state| state.user(bot).cloned().unwrap());
    let right = village.forge.right_of(village.board, bot);
    assert_eq!(
        (user.login.as_str(), user.restricted, right),
        ("ownergate", true, Right::Read)
    );
    // The hook has the secret of the file.
    let hooks = village.forge.hooks_of(village.board);
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].secret, text(&board.hook_secret_file));
    assert_eq!(hooks[0].url, "https://gate.example/hooks/board");
    assert!(hooks[0].active && !hooks[0].form);
    // Nothing but secrets is secret, and no file has the token that made all this.
    for (path, (mode, content)) in village.files() {
        let secret = path.starts_with(village.directory().join("secrets"));
        assert!(!secret || mode == 0o600, "{} {mode:o}", path.display());
        let content = String::from_utf8(content).unwrap();
        assert!(!content.contains(&village.root.token), "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_again_it_changes_nothing_and_says_so() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let (files, changes) = (village.files(), village.changes());
    let ran = village.init().await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("everything is there; nothing was changed"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("made"), "{}", ran.out);
    assert_eq!(village.files(), files);
    assert_eq!(village.changes(), changes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_broken_off_goes_on_and_makes_nothing_twice() {
    let refusal = || Fault::Answer {
        status: 503,
        headers: Vec::new(),
        body: String::new(),
    };
    for (method, path) in STEPS {
        for fault in [refusal(), Fault::LoseAnswer] {
            let village = Village::new();
            village.forge.fault(method, path, Some(1), fault.clone());
            let ran = village.init().await;
            assert_eq!(ran.code, 1, "{path} {fault:?}: {}", ran.out);
            let goes_on = ran.err.contains("run the same line again");
            assert!(goes_on || path.ends_with("tokens"), "{path}: {}", ran.err);
            assert!(!village.config_file().exists(), "{path}");
            let ran = village.init().await;
            assert_eq!(ran.code, 0, "{path} {fault:?}: {}", ran.err);
            let hooks = village.forge.hooks_of(village.board);
            let issues = village.forge.issues_of(village.board);
            let accounts = village.forge.accounts();
            assert_eq!(
                (hooks.len(), issues, accounts),
                (1, 1, 4),
                "{path} {fault:?}"
            );
            // And all of it is known for ours.
            let ran = village
                .run("init --remove --token-file admin --dir gate --yes")
                .await;
            assert_eq!(ran.code, 0, "{path} {fault:?}: {}", ran.err);
            assert_eq!(village.forge.hooks_of(village.board).len(), 0);
            assert_eq!(village.forge.accounts(), 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_repository_becomes_another_board() {
    let village = Village::new();
    assert_eq!(village.init().await.code, 0);
    let mine = "\n# written by hand\n";
    let before = std::fs::read_to_string(village.config_file()).unwrap() + mine;
    std::fs::write(village.config_file(), &before).unwrap();
    let ops = village.forge.add_repository(village.alice.id, "ops");
    // An owner's token will do: the bot is there.
    let line =
        "init --token-file alice --repo alice/ops --owner alice --requester codex --dir gate --yes";
    let ran = village.run(line).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("takes the new board up on SIGHUP"),
        "{}",
        ran.out
    );
    let after = std::fs::read_to_string(village.config_file()).unwrap();
    assert!(after.starts_with(&before), "{after}");
    let config = Config::load(&village.config_file()).unwrap().config;
    let names: Vec<&str> = config
        .boards
        .iter()
        .map(|it| it.rules.name.as_str())
        .collect();
    assert_eq!(names, ["board", "ops"]);
    assert_eq!(
        village.forge.hooks_of(ops)[0].url,
        "https://gate.example/hooks/ops"
    );
    let secrets: Vec<String> = config
        .boards
        .iter()
        .map(|board| text(&board.hook_secret_file))
        .collect();
    assert_ne!(secrets[0], secrets[1]);
    let (files, changes) = (village.files(), village.changes());
    let again = village.run(line).await;
    assert!(again.out.contains("nothing was changed"), "{}", again.out);
    assert_eq!((village.files(), village.changes()), (files, changes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_is_undone_and_what_was_there_stays() {
    let village = Village::new();
    village
        .forge
        .add_hook(village.board, "https://elsewhere.example/", "another");
    assert_eq!(village.init().await.code, 0);
    let notes = std::fs::read_to_string(village.directory().join("ownergate.made.json")).unwrap();
    let secret = text(&village.directory().join("secrets/hook-board"));
    assert!(!notes.contains(&secret), "{notes}");
    let ran = village
        .run("init --remove --token-file admin --dir gate --confirm")
        .await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    undone hook 2 of alice/board
    undone issue #1 of alice/board
    undone .forgejo/issue_template/identity.yaml of alice/board
    undone ownergate from alice/board
    undone the account ownergate and its token
    note   the configuration, the secrets and the store in gate stay: delete them if you want
    ");
    let hooks = village.forge.hooks_of(village.board);
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].url, "https://elsewhere.example/");
    let files = village.forge.files_of(village.board);
    assert!(files.is_empty(), "{files:?}");
    assert!(village.config_file().exists());
    let again = village
        .run("init --remove --token-file admin --dir gate --confirm")
        .await;
    assert_eq!(again.code, 0);
    assert!(again.out.contains("nothing to undo"), "{}", again.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forge_below_a_path_and_a_public_address_with_one() {
    let village = Village::at("/git");
    let line = USUAL.replace("https://gate.example", "https://host.example/gate/");
    let line = line.replace("--forge {forge}", "--forge {forge}/");
    let ran = village.run(&line).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let hooks = village.forge.hooks_of(village.board);
    assert_eq!(hooks[0].url, "https://host.example/gate/hooks/board");
    for call in village.forge.calls() {
        assert!(call.path.starts_with("/git/api/v1/"), "{}", call.path);
        assert!(!call.path.contains("//"), "{}", call.path);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_there_is_used_by_its_token() {
    let village = Village::new();
    let bot = village.forge.add_user("gatekeeper").unwrap();
    village.secret("bot", &bot.token);
    let line = USUAL
        .replace("--create-bot", "--bot-token-file bot")
        .replace("admin", "alice");
    let ran = village.run(&line).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let config = Config::load(&village.config_file()).unwrap().config;
    assert_eq!(config.forge.bot_id, Some(bot.id));
    assert_eq!(text(&config.forge.token_file), bot.token);
    // It was there before and stays.
    let ran = village
        .run("init --remove --token-file alice --dir gate --confirm")
        .await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(village.forge.person(bot.id).is_ok());
}

/// Changes of the usual line, the exit code, and what has to be said.
type Refused = (&'static [(&'static str, &'static str)], i32, &'static str);

const REFUSED: &[Refused] = &[
    (
        &[("--requester codex", "--requester alice")],
        1,
        "owner and as requester",
    ),
    (
        &[("--requester codex", "--requester nobody")],
        1,
        "no account nobody (--requester nobody)",
    ),
    (
        &[("alice/board", "alice/bord")],
        1,
        "look at the spelling of --repo",
    ),
    (
        &[(ADMIN, "--token-file carol")],
        1,
        "may not set alice/board up",
    ),
    (&[(ADMIN, "--token-file open")], 1, "chmod 600"),
    (&[(ADMIN, "--token-file small")], 1, "more scopes"),
    (
        &[(ADMIN, "--token-file alice")],
        1,
        "only a site administrator's token can",
    ),
    (
        &[(MAKE, "--create-bot --bot-login carol")],
        1,
        "has an account carol already",
    ),
    (
        &[(MAKE, "--create-bot --bot-login codex")],
        1,
        "is an owner or a requester",
    ),
    (
        &[(MAKE, "--bot-token-file alice")],
        1,
        "cannot be an owner or a requester",
    ),
    (
        &[(MAKE, "--bot-token-file admin")],
        1,
        "needs an account of its own",
    ),
    (
        &[
            (MAKE, "--bot-token-file admin"),
            (ADMIN, "--token-file alice"),
        ],
        1,
        "site administrator",
    ),
    (&[(ADMIN, "")], 2, "--token-file is missing"),
    (&[("https://gate", "http://gate")], 1, "use https"),
    (
        &[("--listen 127.0.0.1:2", "--listen 8420")],
        2,
        "--listen: ",
    ),
    (
        &[("--dir gate", "--dir gate --scopes Card:Write")],
        1,
        "a scope",
    ),
];

const ADMIN: &str = "--token-file admin";
const MAKE: &str = "--create-bot";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_gate_is_refused_and_no_hook_is_made() {
    for (changes, code, why) in REFUSED {
        let village = Village::with_others();
        let line = changes.iter().fold(USUAL.to_owned(), |line, (from, to)| {
            assert!(line.contains(from), "{from}");
            line.replacen(from, to, 1)
        });
        let ran = village.run(&line).await;
        assert_eq!(ran.code, *code, "{why}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(why), "{why}: {}", ran.err);
        assert!(!village.config_file().exists(), "{why}");
        assert_eq!(village.forge.hooks_of(village.board).len(), 0, "{why}");
    }
}
