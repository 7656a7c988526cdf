//! `ownergate open`: an agent opens the credential that the bot posted for it.
//!
//! Invariant: the token goes to one place only, a new private file or the standard output, and only
//! if what was opened is a token and nothing else; on any failure before that nothing is left
//! behind. That it opens says nothing about who sealed it: `--bot-key` refuses what the bot has not
//! signed, `--activate` asks the bot at the address that the caller knows.

use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use reqwest::Url;
use zeroize::Zeroizing;

use super::activate::{activate, bot_address};
use crate::secret::clipboard::{KeyTextFault, SealedTextFault, age_keys_in, sealed_file_in};
use crate::secret::file::write_secret_file;
use crate::secret::note::{self, NoteFault};
use crate::secret::seal::{UnsealFault, unseal_any};
use crate::secret::token::RawToken;

/// No comment and no key file is larger.
const LARGEST_INPUT: u64 = 1024 * 1024;

/// What is said where nothing shows that the bot sealed it.
const NOT_CHECKED: &str = "warning: who sent this was not checked, and anybody can seal a file to an age1 key: --bot-key KEY checks it";

/// Open a sealed credential: pipe the bot's comment, or the age file, into this command.
#[derive(Debug, clap::Args)]
pub struct OpenArgs {
    /// The age key file whose `age1…` the request named.
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Where the token goes.
    #[command(flatten)]
    pub destination: Destination,
    /// The bot's public key (`GET /v1/bot-key`, learnt where you trust it), or a file with it: only
    /// what the bot signed with it is opened. May be given again, while the bot changes its key.
    #[arg(long, value_name = "KEY|FILE", value_parser = bot_keys)]
    pub bot_key: Vec<Vec<String>>,
    /// Tell the bot that the token has arrived, and print what it may do.
    #[arg(long, requires = "bot")]
    pub activate: bool,
    /// The bot's address, such as `https://gate.example` (http only on this machine).
    #[arg(long, value_name = "URL", requires = "activate", value_parser = bot_address)]
    pub bot: Option<Url>,
}

/// Where the token goes: one of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Destination {
    /// Write the token into this new file (mode 0600); an existing one is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print the token: it then stands in whatever records this terminal.
    #[arg(long)]
    pub stdout: bool,
}

/// Opens what comes on the standard input. Must not be called on a thread of a tokio runtime.
pub fn run(args: &OpenArgs) -> anyhow::Result<ExitCode> {
    let stdin = std::io::stdin();
    let mut stderr = std::io::stderr();
    if stdin.is_terminal() {
        writeln!(
            stderr,
            "paste the bot's comment, then press Ctrl-D on a line of its own"
        )?;
    }
    let mut stdout = std::io::stdout();
    let end = if stdout.is_terminal() { "\n" } else { "" };
    open_to(args, &mut stdin.lock(), &mut stdout, end, &mut stderr)
}

/// Why a text is not opened. Each is one sentence with what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// No usable sealed file in the text.
    #[error(transparent)]
    Sealed(#[from] SealedTextFault),
    /// No usable key in the identity file.
    #[error(transparent)]
    Key(#[from] KeyTextFault),
    /// The file does not open, or holds something else.
    #[error(transparent)]
    Unseal(#[from] UnsealFault),
    /// The bot did not sign it.
    #[error(transparent)]
    Note(#[from] NoteFault),
}

/// Opens a comment or an age file with the keys of an identity file, whatever the clipboard did to
/// both of them.
pub fn open(sealed: &[u8], identity: &[u8]) -> Result<RawToken, OpenFault> {
    let keys = age_keys_in(identity)?;
    let file = sealed_file_in(sealed)?;
    Ok(unseal_any(&keys, &file)?)
}

/// As [`open`], and only what one of these keys of the bot signed for one of the keys of the file.
pub fn open_noted(sealed: &[u8], identity: &[u8], known: &[String]) -> Result<RawToken, OpenFault> {
    let keys = age_keys_in(identity)?;
    let file = sealed_file_in(sealed)?;
    let text = std::str::from_utf8(sealed).map_err(|_| NoteFault::Missing)?;
    let recipients: Vec<String> = keys.iter().map(|key| key.recipient().to_string()).collect();
    note::check(&note::block_in(text)?, &file, &recipients, known)?;
    Ok(unseal_any(&keys, &file)?)
}

/// Public keys of a bot: the text of one, or a file with one on each line.
pub(super) fn bot_keys(text: &str) -> Result<Vec<String>, String> {
    let key = |text: &str| {
        let whole = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| text.to_ascii_lowercase())
    };
    if let Some(key) = key(text) {
        return Ok(vec![key]);
    }
    let form = "64 hex characters, or a file with such a line";
    let mut file = std::fs::File::open(text).map_err(|why| format!("not {form} ({why})"))?;
    let bytes = read_capped(&mut file).map_err(|why| why.to_string())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("not {form}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Option<Vec<String>> = lines.map(key).collect();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| format!("the file is not {form}"))
}

/// `run` with its three streams as values; `end` follows a printed token.
fn open_to(
    args: &OpenArgs,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    end: &str,
    stderr: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let identity = read_identity(&args.identity, stderr)?;
    let sealed = read_capped(stdin).context("cannot read the standard input")?;
    let token = if args.bot_key.is_empty() {
        let token = open(&sealed, &identity)?;
        writeln!(stderr, "{NOT_CHECKED}")?;
        token
    } else {
        open_noted(&sealed, &identity, &args.bot_key.concat())?
    };
    if let Some(path) = &args.destination.out {
        write_secret_file(path, token.expose().as_bytes())
            .with_context(|| format!("cannot make the new file {}", path.display()))?;
    } else {
        stdout.write_all(token.expose().as_bytes())?;
        stdout.write_all(end.as_bytes())?;
        stdout.flush()?;
    }
    let Some(bot) = &args.bot else {
        return Ok(ExitCode::SUCCESS);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network")?;
    let lines = runtime
        .block_on(activate(bot, &token))
        .context("the token is opened, but not activated")?;
    // Beside a printed token nothing else may stand on the standard output.
    let report: &mut dyn Write = match args.destination.out {
        Some(_) => &mut *stdout,
        None => &mut *stderr,
    };
    for line in lines {
        writeln!(report, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the key file; one that others can read works, but is told.
fn read_identity(path: &Path, stderr: &mut dyn Write) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let said = || format!("cannot read the identity file {}", path.display());
    let mut file = std::fs::File::open(path).with_context(said)?;
    let metadata = file.metadata().with_context(said)?;
    if metadata.is_file() && metadata.permissions().mode() & 0o006 != 0 {
        let path = path.display();
        writeln!(
            stderr,
            "warning: every user of this machine can read {path}: chmod 600 it"
        )?;
    }
    read_capped(&mut file).with_context(said)
}

/// Reads all of a stream, up to what a comment can be.
fn read_capped(stream: &mut dyn Read) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    // Of full size from the start: a growing buffer would leave copies of a key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST_INPUT as usize + 2));
    stream.take(LARGEST_INPUT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_INPUT {
        bail!("more than 1 MiB: give the one comment or file");
    }
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use clap::Parser;
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::gate::ids::Slug;
    use crate::gate::reply::machine::completed;
    use crate::secret::file::SecretText;
    use crate::secret::note::BotKeys;
    use crate::secret::seal::{generate_age_identity, seal};
    use crate::secret::signing::SigningKey;
    use crate::secret::token::{TokenPrefix, mint};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: OpenArgs,
    }

    /// An agent with its key file, a token sealed to it, and a folder for what it opens.
    struct Agent {
        folder: tempfile::TempDir,
        key: String,
        token: RawToken,
        sealed: String,
    }

    /// What a command did: its result, standard output and standard error.
    struct Done {
        result: anyhow::Result<ExitCode>,
        stdout: String,
        stderr: String,
    }

    impl Agent {
        fn new() -> Self {
            let (secret, recipient) = generate_age_identity();
            let prefix = TokenPrefix::parse("og").unwrap();
            let token = mint(&prefix, &Slug::parse("codex-7f3a").unwrap()).unwrap();
            let sealed = seal(&recipient, &token).unwrap();
            let key = format!("# public key: {recipient}\n{}\n", secret.expose());
            let folder = tempfile::tempdir().unwrap();
            write_secret_file(&folder.path().join("key"), key.as_bytes()).unwrap();
            Self {
                folder,
                key,
                token,
                sealed,
            }
        }

        fn path(&self, name: &str) -> String {
            self.folder.path().join(name).display().to_string()
        }

        fn comment(&self) -> String {
            format!(
                "**R17 approved by alice: `codex-7f3a` c1** · `board:read`\ncodex: open it\n\
                 <details><summary>sealed file</summary>\n\n```\n{}```\n</details>\n\n\
                 <!-- ownergate.v1 {{\"kind\":\"credential\"}} -->\n",
                self.sealed
            )
        }

        /// Runs `open` with the key file, the further arguments and this standard input.
        fn open(&self, arguments: &[&str], stdin: &[u8]) -> Done {
            let key = self.path("key");
            let line = ["open", "--identity", &key]
                .into_iter()
                .chain(arguments.iter().copied());
            let args = Line::try_parse_from(line).unwrap().args;
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            let result = open_to(&args, &mut &stdin[..], &mut stdout, "", &mut stderr);
            Done {
                result,
                stdout: String::from_utf8(stdout).unwrap(),
                stderr: String::from_utf8(stderr).unwrap(),
            }
        }
    }

    fn usage_error(arguments: &[&str]) -> Option<String> {
        let line = ["open", "--identity", "key"].iter().chain(arguments);
        let fault = Line::try_parse_from(line).err()?;
        assert_eq!(fault.exit_code(), 2);
        Some(fault.to_string())
    }

    fn not_checked() -> String {
        format!("{NOT_CHECKED}\n")
    }

    /// The agent's comment with the bot's note in it.
    fn noted(agent: &Agent, seed: &str) -> (String, String) {
        let current = SigningKey::parse(&SecretText::new(&seed.repeat(32))).unwrap();
        let public = current.public_hex();
        let keys = BotKeys {
            current,
            previous: None,
        };
        let recipient = agent.key.lines().next().unwrap();
        let recipient = recipient.trim_start_matches("# public key: ");
        let comment = completed(agent.comment().trim_end(), |block| {
            keys.note(block, recipient, agent.sealed.as_bytes())
        });
        (comment.unwrap(), public)
    }

    fn utf16(text: &str) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect()
    }

    #[test]
    fn what_the_clipboard_spared_is_opened_byte_for_byte() {
        let agent = Agent::new();
        let indented: String = agent
            .sealed
            .lines()
            .map(|line| format!("    {line}  \n"))
            .collect();
        let crlf = agent.sealed.replace('\n', "\r\n");
        for (number, text) in [agent.sealed.clone(), crlf, indented, agent.comment()]
            .iter()
            .enumerate()
        {
            let out = agent.path(&format!("token-{number}"));
            let done = agent.open(&["--out", &out], text.as_bytes());
            done.result.unwrap();
            assert_eq!((done.stdout, done.stderr), (String::new(), not_checked()));
            assert_eq!(std::fs::read_to_string(&out).unwrap(), agent.token.expose());
            let mode = std::fs::metadata(&out).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
        }
        let key = agent.key.replace('\n', "\r\n");
        let crlf = agent.comment().replace('\n', "\r\n");
        let opened = open(crlf.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(opened.expose(), agent.token.expose());
    }

    #[test]
    fn what_the_clipboard_broke_is_said_in_one_sentence_and_leaves_nothing() {
        let agent = Agent::new();
        let joined = agent.sealed.replace('\n', " ").into_bytes();
        for (text, word) in [
            (joined, "joined"),
            (utf16(&agent.sealed), "UTF-16"),
            (utf16(&agent.comment()), "UTF-16"),
            (b"hello".to_vec(), "no sealed file"),
            (agent.sealed.replace("-----END", "").into_bytes(), "cut"),
            (vec![b'a'; 1024 * 1024 + 1], "1 MiB"),
        ] {
            let done = agent.open(&["--out", &agent.path("token")], &text);
            let said = format!("{:#}", done.result.unwrap_err());
            assert!(said.contains(word) && said.lines().count() == 1, "{said}");
            assert_eq!(done.stdout + &done.stderr, "");
            assert_eq!(std::fs::read_dir(agent.folder.path()).unwrap().count(), 1);
        }
        for (key, word) in [
            (agent.key.replace('\n', " ").into_bytes(), "joined"),
            (utf16(&agent.key), "UTF-16"),
        ] {
            let said = open(agent.sealed.as_bytes(), &key).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn with_the_bots_key_only_what_the_bot_signed_is_opened() {
        let agent = Agent::new();
        let (comment, public) = noted(&agent, "11");
        let crlf = comment.replace('\n', "\r\n");
        let file = agent.path("bot-key");
        std::fs::write(&file, format!("{}\n{public}\n", "0".repeat(64))).unwrap();
        let (other, upper) = ("0".repeat(64), public.to_ascii_uppercase());
        for known in [
            &["--bot-key", &file][..],
            &["--bot-key", &other, "--bot-key", &upper],
        ] {
            let done = agent.open(&[&["--stdout"], known].concat(), crlf.as_bytes());
            assert_eq!(done.stdout, agent.token.expose());
            assert_eq!(done.stderr, "");
        }

        let other = Agent::new();
        let (foreign, _) = noted(&agent, "22");
        let swapped = comment.replace(&agent.sealed, &other.sealed);
        let wider = comment.replace("\"credential\",", "\"credential\",\"scopes\":\"all\",");
        let without = agent.comment();
        for (text, word) in [
            (foreign.as_str(), "another key than the bot's"),
            (&swapped, "another sealed file"),
            (&wider, "was changed"),
            (&without, "signed note is missing"),
            (&agent.sealed, "signed note is missing"),
        ] {
            let out = agent.path("token");
            let done = agent.open(&["--out", &out, "--bot-key", &public], text.as_bytes());
            let said = format!("{:#}", done.result.unwrap_err());
            assert!(said.contains(word) && said.lines().count() == 1, "{said}");
            assert!(!std::fs::exists(&out).unwrap());
        }
    }

    #[test]
    fn a_token_file_is_never_overwritten() {
        let agent = Agent::new();
        let out = agent.path("token");
        std::fs::write(&out, "precious").unwrap();
        let done = agent.open(&["--out", &out], agent.sealed.as_bytes());
        let said = done.result.unwrap_err().to_string();
        assert!(said.contains("cannot make the new file"), "{said}");
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "precious");
    }

    #[test]
    fn printed_it_stands_alone_and_a_careless_key_file_is_told_elsewhere() {
        let agent = Agent::new();
        let done = agent.open(&["--stdout"], agent.sealed.as_bytes());
        assert_eq!(
            (done.stdout.as_str(), done.stderr),
            (agent.token.expose(), not_checked())
        );
        let open_to_all = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(agent.path("key"), open_to_all).unwrap();
        let done = agent.open(&["--stdout"], agent.sealed.as_bytes());
        assert_eq!(done.stdout, agent.token.expose());
        assert!(done.stderr.contains("chmod 600"), "{}", done.stderr);
    }

    #[test]
    fn a_command_line_that_is_half_is_a_usage_error() {
        assert!(usage_error(&[]).is_some());
        assert!(usage_error(&["--stdout", "--out", "x"]).is_some());
        assert!(usage_error(&["--stdout", "--activate"]).is_some());
        assert!(usage_error(&["--stdout", "--bot", "https://gate.example"]).is_some());
        assert!(usage_error(&["--stdout"]).is_none());
        for bad in ["", "abc", "/dev/null", &"g".repeat(64)] {
            assert!(
                usage_error(&["--stdout", "--bot-key", bad]).is_some(),
                "{bad}"
            );
        }
        let stranger = "http://gate.example";
        assert!(usage_error(&["--stdout", "--activate", "--bot", stranger]).is_some());
        let bot = "https://gate.example";
        assert!(usage_error(&["--stdout", "--activate", "--bot", bot]).is_none());
    }

    /// A bot on loopback that gives this answer to the token, and what `open --activate` then did.
    fn activated(answer: ResponseTemplate, final_slash: &str) -> (Agent, Done) {
        let agent = Agent::new();
        // Its server lives as long as this runtime, which runs on threads of its own.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bearer = format!("Bearer {}", agent.token.expose());
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .and(path("/gate/v1/activate"))
                .and(header("authorization", bearer.as_str()))
                .respond_with(answer)
                .mount(&server)
                .await;
            server
        });
        let bot = format!("{}/gate{final_slash}", server.uri());
        let out = agent.path("token");
        let arguments = ["--out", &out, "--activate", "--bot", &bot];
        let done = agent.open(&arguments, agent.sealed.as_bytes());
        (agent, done)
    }

    #[test]
    fn activation_prints_what_the_token_may_do_so_that_it_can_be_seen() {
        let answer = serde_json::json!({
            "sub": "codex-7f3a",
            "scope": "board:read card:write",
            "exp": 1_764_000_000,
            "resources": ["roadmap", "in\u{202e}box\u{1b}[31m"],
        });
        for final_slash in ["", "/"] {
            let answer = ResponseTemplate::new(200).set_body_json(&answer);
            let (agent, done) = activated(answer, final_slash);
            done.result.unwrap();
            assert_eq!(
                done.stdout,
                "exp: 1764000000\nresources: roadmap in\\u{202e}box\\u{1b}[31m\n\
                 scope: board:read card:write\nsub: codex-7f3a\n"
            );
            let file = std::fs::read_to_string(agent.path("token")).unwrap();
            assert_eq!(file, agent.token.expose());
        }
    }

    #[test]
    fn a_token_that_is_not_accepted_is_kept_and_the_reason_said() {
        let elsewhere = ResponseTemplate::new(307).insert_header("location", "http://127.0.0.1:1/");
        for (answer, word) in [
            (ResponseTemplate::new(401), "does not accept it"),
            (elsewhere, "redirects"),
            (ResponseTemplate::new(503), "try again later"),
            (
                ResponseTemplate::new(200).set_body_string("<html>"),
                "not the bot's",
            ),
            (
                ResponseTemplate::new(200).set_body_string("a".repeat(70_000)),
                "too large",
            ),
        ] {
            let (agent, done) = activated(answer, "");
            let said = format!("{:#}", done.result.unwrap_err());
            assert!(said.contains("opened, but not activated"), "{said}");
            assert!(said.contains(word), "{said}");
            assert!(!said.contains(&agent.token.expose()[14..]), "{said}");
            let file = std::fs::read_to_string(agent.path("token")).unwrap();
            assert_eq!(file, agent.token.expose());
        }
    }
}
