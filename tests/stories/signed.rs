//! An owner signs an approval with `ownergate approve`: what she is shown, what she pastes, and when
//! nothing is signed.
//!
//! The program `ssh-keygen` is played by a script that hands the text to the story, which signs it,
//! so that these stories need no OpenSSH. One story uses the real one where it is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use ownergate::demo::signer::SshKey;
use ownergate::gate::statement::APPROVE;
use ownergate::secret::sshsig::verify;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::harness::{Key, Story, Thread};

/// An owner's desk: a home with a key, and a folder of programs.
pub(crate) struct Desk {
    folder: TempDir,
    key: SshKey,
}

/// How the program ended, and what it wrote.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    /// Alice's desk, with a key that is made of one byte.
    pub(crate) fn of(seed: u8) -> Self {
        let folder = TempDir::new().unwrap();
        let key = SshKey::of(seed);
        let desk = Self { folder, key };
        fs::create_dir_all(desk.path("home/.ssh")).unwrap();
        fs::create_dir(desk.path("bin")).unwrap();
        fs::write(desk.path("home/.ssh/id_ed25519.pub"), desk.public()).unwrap();
        desk.script("exit 9");
        for pipe in ["text", "signature"] {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, desk.path(pipe), kind, mode, 0).unwrap();
        }
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The line of the `.pub` file.
    pub(crate) fn public(&self) -> String {
        self.key.public()
    }

    /// What `ssh-keygen` is on this desk.
    fn script(&self, body: &str) {
        let path = self.path("bin/ssh-keygen");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// The armor of a signature as `ssh-keygen -Y sign` makes it.
    fn armor(&self, namespace: &str, text: &[u8]) -> String {
        self.key.armor(namespace, text)
    }

    fn command(&self, story: &Story, arguments: &[&str]) -> Command {
        let url = story.stage.url();
        let approve = ["approve", "--bot", &url];
        self.program(&[&approve, arguments].concat())
    }

    /// The program, with what stands on this desk.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ownergate"));
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", path)
            .env("TMPDIR", self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `ownergate approve` with this standard input.
    async fn approve(&self, story: &Story, arguments: &[&str], stdin: &str) -> Done {
        let mut child = self.command(story, arguments).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // A program that asks nothing may be gone already.
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        Done::of(child.wait_with_output().await.unwrap())
    }

    /// Runs the program, which has this desk's key sign whatever it wants signed, once.
    pub(crate) async fn signs(&self, arguments: &[&str]) -> Done {
        self.scripted();
        let (text, signature) = (self.path("text"), self.path("signature"));
        let key = self.key.clone();
        let signer = tokio::task::spawn_blocking(move || {
            let text = fs::read(text).unwrap();
            fs::write(signature, key.armor(APPROVE, &text)).unwrap();
        });
        let done = self.runs(arguments).await;
        // Had it signed nothing, the text would still be waited for.
        if done.code != Some(0) {
            let _ = fs::write(self.path("text"), "");
            let _ = fs::read(self.path("signature"));
        }
        signer.await.unwrap();
        done
    }

    /// Runs the program.
    pub(crate) async fn runs(&self, arguments: &[&str]) -> Done {
        let mut child = self.program(arguments).spawn().unwrap();
        drop(child.stdin.take());
        Done::of(child.wait_with_output().await.unwrap())
    }

    /// `ssh-keygen` hands its text to whoever signs.
    fn scripted(&self) {
        // `ssh-keygen -q -Y sign -n NAMESPACE -f KEY FILE`
        self.script(&format!(
            "[ \"$1 $2 $3 $4 $5 $6\" = \"-q -Y sign -n {APPROVE} -f\" ] || exit 8\n\
             cat \"$8\" > {text}\ncat {signature} > \"$8.sig\"",
            text = self.path("text").display(),
            signature = self.path("signature").display(),
        ));
    }

    /// The same, and the text that `ssh-keygen` is given is signed by the story.
    async fn sign(
        &self,
        story: &Story,
        arguments: &[&str],
        signing: impl FnOnce(&str) -> String + Send + 'static,
    ) -> Done {
        self.scripted();
        let (text, signature) = (self.path("text"), self.path("signature"));
        let signer = tokio::task::spawn_blocking(move || {
            let text = fs::read_to_string(text).unwrap();
            fs::write(signature, signing(&text)).unwrap();
        });
        let done = self.approve(story, arguments, "y\n").await;
        signer.await.unwrap();
        done
    }
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It failed, signed nothing and said why.
    fn refused(&self, why: &str) {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        assert!(self.stderr.contains(why), "{}", self.stderr);
    }
}

/// A story in which alice's key is pinned.
async fn story(desk: &Desk) -> Story {
    let alice = "id = 2\nlogin = \"alice\"\n";
    let pinned = format!("{alice}signing_keys = [\"{}\"]\n", desk.public());
    Story::configured(&[(alice, &pinned)]).await
}

/// An agent asks, and its code.
async fn asked<'a>(story: &'a Story, key: &Key) -> (Thread<'a>, String) {
    let thread = story.thread(&story.stage.codex, "roadmap").await;
    thread.ask(&story.stage.codex, key).await;
    let code = thread.block("request")["code"].as_str().unwrap().to_owned();
    (thread, code)
}

/// The line and the armor of a comment.
fn parts(comment: &str) -> (&str, String) {
    let (line, rest) = comment.split_once("\n\n```\n").unwrap();
    let armor = rest.strip_suffix("\n```\n").unwrap();
    (line, format!("{armor}\n"))
}

/// The statement among what was shown.
fn shown(stderr: &str) -> String {
    let start = stderr.find("ownergate-approval-v1").unwrap();
    let (text, _) = stderr[start..].split_once("\n\n").unwrap();
    format!("{text}\n")
}

#[tokio::test]
async fn an_owner_signs_what_she_is_shown_and_pastes_the_comment() {
    let desk = Desk::of(1);
    let story = story(&desk).await;
    let key = Key::new();
    let (thread, code) = asked(&story, &key).await;
    let signer = desk.key.clone();
    let own = Desk {
        folder: TempDir::new().unwrap(),
        key: signer,
    };
    let arguments = ["R1", &code, "--recipient", &key.recipient, "--ttl", "1h"];
    let done = desk
        .sign(&story, &arguments, move |text| {
            own.armor(APPROVE, text.as_bytes())
        })
        .await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let (line, armor) = parts(&done.stdout);
    assert_eq!(
        line,
        format!("/gate approve R1 {code} scopes=board:read,card:write ttl=1h vouched=approver")
    );
    let text = shown(&done.stderr);
    let signed = verify(&armor, APPROVE, text.as_bytes(), [desk.public().as_str()]).unwrap();
    assert!(done.stderr.contains(&signed.fingerprint), "{}", done.stderr);

    // The bot gives the same text to whoever signs without this program.
    let url = format!(
        "{}/v1/requests/R1/statement?code={code}&approver=2&ttl=1h&vouched=approver",
        story.stage.url()
    );
    let given = story.stage.client().get(url).send().await.unwrap();
    assert_eq!(given.text().await.unwrap(), text);

    thread.comment(&story.stage.alice, &done.stdout).await;
    let token = thread.open(&key);
    assert_eq!(story.may(&token).await, "board:read card:write");
}

#[tokio::test]
async fn she_is_shown_everything_and_asked_one_question() {
    let desk = Desk::of(2);
    let story = story(&desk).await;
    let key = Key::new();
    let (_, code) = asked(&story, &key).await;
    let done = desk.approve(&story, &["R1", &code], "n\n").await;
    done.refused("nothing is signed");
    assert_eq!(done.stderr.matches('?').count(), 1, "{}", done.stderr);
    let said = done
        .stderr
        .replace(&story.stage.url(), "BOT")
        .replace(&story.stage.forge.url(), "FORGE")
        .replace(&desk.folder.path().display().to_string(), "DESK")
        .replace(&key.recipient, "AGE")
        .replace(&code, "CODE");
    let said: Vec<String> = said
        .lines()
        .map(|line| match line.split_once('=') {
            Some((key @ ("digest" | "installation" | "nonce"), _)) => format!("{key}=…"),
            _ => line.to_owned(),
        })
        .map(|line| match line.split_once("its key ") {
            Some((before, after)) => format!("{before}its key {}", &after[64..]),
            None => line,
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    first use of BOT: its key  is pinned in DESK/home/.config/ownergate/known-bots, and no other is believed from now on
    R1: codex asks in alice/board#1 for: issue
      environment: dev
      identity: codex-kan-1
      recipient: AGE
      scopes: board:read card:write
      ttl: 8h
      the asker says: sort the roadmap
      needs 1 of the board's owners, counted so far: none; ends 2026-11-27T14:00:00Z
    the comment will say: /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    you are alice (2) and sign with DESK/home/.ssh/id_ed25519 SHA256:4A9jyZBOhnKZvcGQ6TRFbf5Gymb41AfYvYaVmWHD+G4 this text:

    ownergate-approval-v1
    action=issue
    approver=2
    digest=…
    environment=dev
    forge=FORGE
    identity=codex-kan-1
    installation=…
    nonce=…
    not_after=2026-11-27T14:00:00Z
    recipient=AGE
    repository_id=17
    request=R1
    scopes=board:read,card:write
    thread=1
    ttl=28800

    sign it as alice? [y/N] ownergate: nothing is signed
    ");
    // Nobody there to answer is no.
    let silent = desk.approve(&story, &["R1", &code], "").await;
    silent.refused("nothing is signed");
    assert!(!silent.stderr.contains("first use"), "{}", silent.stderr);
}

#[tokio::test]
async fn another_recipient_than_the_one_she_was_told_is_not_signed_for() {
    let desk = Desk::of(3);
    let story = story(&desk).await;
    let (_, code) = asked(&story, &Key::new()).await;
    let told = Key::new().recipient;
    let done = desk
        .approve(&story, &["R1", &code, "--recipient", &told, "--yes"], "")
        .await;
    done.refused("the request names another key than the one that you gave");
}

#[tokio::test]
async fn a_bot_with_another_key_is_not_believed() {
    let desk = Desk::of(4);
    let story = story(&desk).await;
    let (_, code) = asked(&story, &Key::new()).await;
    let bots = desk.path("home/.config/ownergate/known-bots");
    fs::create_dir_all(bots.parent().unwrap()).unwrap();
    let pinned = format!("{} {}\n", story.stage.url(), "0".repeat(64));
    fs::write(&bots, &pinned).unwrap();
    let done = desk.approve(&story, &["R1", &code, "--yes"], "").await;
    done.refused("the bot shows another key than before");
    assert_eq!(fs::read_to_string(&bots).unwrap(), pinned);
}

#[tokio::test]
async fn a_bots_new_key_is_followed_where_the_pinned_one_vouches_for_it() {
    let desk = Desk::of(4);
    let mut story = story(&desk).await;
    let (thread, code) = asked(&story, &Key::new()).await;
    drop(thread);
    let approve = ["R1", &code];
    let before = desk.approve(&story, &approve, "n\n").await;
    assert!(before.stderr.contains("first use of"), "{}", before.stderr);
    let new = crate::bot_note::put_successor(&story, "signing-key-2").public_hex();
    let changed = ("secrets/signing-key\"", "secrets/signing-key-2\"");
    story.restart(&[changed]).await;
    let after = desk.approve(&story, &approve, "n\n").await;
    after.refused("nothing is signed");
    let told = format!("has the new key {new}; its old one, ");
    assert!(after.stderr.contains(&told), "{}", after.stderr);
    let bots = desk.path("home/.config/ownergate/known-bots");
    let pinned = format!("{} {new}\n", story.stage.url());
    assert_eq!(fs::read_to_string(&bots).unwrap(), pinned);
    let again = desk.approve(&story, &approve, "n\n").await;
    assert!(!again.stderr.contains(&new), "{}", again.stderr);
}

#[tokio::test]
async fn a_key_that_nobody_pinned_signs_nothing() {
    let desk = Desk::of(5);
    let story = story(&desk).await;
    let (_, code) = asked(&story, &Key::new()).await;
    let stranger = Desk::of(6);
    let file = stranger.path("home/.ssh/id_ed25519");
    let file = file.display().to_string();
    let named = desk
        .approve(&story, &["R1", &code, "--key", &file, "--yes"], "")
        .await;
    named.refused("is pinned for no owner who may approve there");
    let usual = stranger.approve(&story, &["R1", &code, "--yes"], "").await;
    usual.refused("no usual key in");
    let missing = desk
        .approve(&story, &["R1", &code, "--key", "/nowhere", "--yes"], "")
        .await;
    missing.refused("there is no public key in /nowhere");
    for (id, why) in [("4", "no usual key in"), ("3", "3 is no owner")] {
        let other = desk
            .approve(&story, &["R1", &code, "--approver", id, "--yes"], "")
            .await;
        other.refused(why);
    }
}

#[tokio::test]
async fn what_would_not_count_is_not_printed() {
    let desk = Desk::of(7);
    let story = story(&desk).await;
    let (thread, code) = asked(&story, &Key::new()).await;
    for (namespace, more, why) in [
        ("git", "", "signed for another purpose"),
        (APPROVE, "\r", "other bytes were signed"),
    ] {
        let own = Desk {
            folder: TempDir::new().unwrap(),
            key: desk.key.clone(),
        };
        let done = desk
            .sign(&story, &["R1", &code], move |text| {
                own.armor(namespace, format!("{text}{more}").as_bytes())
            })
            .await;
        done.refused(why);
    }
    desk.script("exit 1");
    let failed = desk.approve(&story, &["R1", &code, "--yes"], "").await;
    failed.refused("ssh-keygen did not sign");
    for (arguments, why) in [
        (
            &["--scopes", "deploy:run"][..],
            "nobody asked for deploy:run",
        ),
        (&["--ttl", "9h"], "the ttl may be up to 8h"),
    ] {
        let all = [&["R1", &code, "--yes"], arguments].concat();
        desk.approve(&story, &all, "").await.refused(why);
    }
    thread.comment(&story.stage.alice, "/gate deny R1").await;
    let denied = desk.approve(&story, &["R1", &code, "--yes"], "").await;
    denied.refused("R1 is not open but denied");
    assert_eq!(left_over(desk.folder.path()), Vec::<String>::new());
}

/// Folders of texts to sign that were not removed.
fn left_over(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ownergate-approve"))
        .collect()
}

#[tokio::test]
async fn a_wrong_code_is_told_and_a_wrong_line_is_a_usage_error() {
    let desk = Desk::of(8);
    let story = story(&desk).await;
    let (_, _) = asked(&story, &Key::new()).await;
    let wrong = desk.approve(&story, &["R1", "0000-0000-0000"], "").await;
    wrong.refused("knows no R1 with this code");
    for line in [
        &["17", "0000-0000-0000"][..],
        &["R1", "none"],
        &["R1"],
        &["R1", "0000-0000-0000", "--ttl", "soon"],
        &["R1", "0000-0000-0000", "--bot", "http://gate.example"],
    ] {
        let done = desk.approve(&story, line, "").await;
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{line:?}");
    }
}

#[tokio::test]
async fn the_real_ssh_keygen_signs_with_a_key_that_it_made() {
    // Without OpenSSH on this machine there is nothing to tell; the other stories do without it.
    let real = Path::new("/usr/bin/ssh-keygen");
    if !real.exists() {
        return;
    }
    let desk = Desk::of(9);
    fs::remove_file(desk.path("bin/ssh-keygen")).unwrap();
    let file = desk.path("own key");
    let made = Command::new(real)
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f"])
        .arg(&file)
        .status()
        .await
        .unwrap();
    assert!(made.success());
    let public = fs::read_to_string(desk.path("own key.pub")).unwrap();
    let alice = "id = 2\nlogin = \"alice\"\n";
    let pinned = format!("{alice}signing_keys = [\"{}\"]\n", public.trim());
    let story = Story::configured(&[(alice, &pinned)]).await;
    let key = Key::new();
    let (thread, code) = asked(&story, &key).await;
    let named = file.display().to_string();
    let done = desk
        .approve(&story, &["R1", &code, "--key", &named, "--yes"], "")
        .await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let (_, armor) = parts(&done.stdout);
    verify(
        &armor,
        APPROVE,
        shown(&done.stderr).as_bytes(),
        [public.as_str()],
    )
    .unwrap();
    thread.comment(&story.stage.alice, &done.stdout).await;
    thread.open(&key);
}

#[tokio::test]
async fn what_goes_on_is_approved_the_same_way() {
    let desk = Desk::of(10);
    let story = story(&desk).await;
    let key = Key::new();
    let (thread, _) = asked(&story, &key).await;
    let token = thread.approved(&story.stage.alice, &key).await;
    let pause = "/gate pause codex-kan-1 looks odd";
    thread.comment(&story.stage.alice, pause).await;
    assert_eq!(story.may(&token).await, "inactive");
    thread
        .comment(&story.stage.codex, "/gate resume codex-kan-1")
        .await;
    let code = thread.block("request")["code"].as_str().unwrap().to_owned();
    let own = Desk {
        folder: TempDir::new().unwrap(),
        key: desk.key.clone(),
    };
    let done = desk
        .sign(&story, &["R2", &code], move |text| {
            own.armor(APPROVE, text.as_bytes())
        })
        .await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let text = shown(&done.stderr);
    assert!(text.contains("\naction=resume\n"), "{text}");
    for absent in ["ttl=", "recipient=", "challenge=", "vouched="] {
        assert!(!text.contains(absent), "{text}");
    }
    assert!(done.stdout.starts_with(&thread.approve_line()));
    thread.comment(&story.stage.alice, &done.stdout).await;
    assert_eq!(story.may(&token).await, "board:read card:write");
}
