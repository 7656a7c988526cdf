//! `ownergate init`: a working gate from nothing, or one more board for it.
//!
//! What is missing is asked for on a terminal, and whether it is meant; without one the flag is named and
//! nothing is touched (exit 2). `--yes` asks neither. The token that sets the forge up is read from a
//! file, used, and neither kept nor shown. `--remove` undoes on the forge what was made there.

mod asker;

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use reqwest::Url;
use secrecy::SecretString;

use super::admin::runtime;
use super::confirm::{Change, Go};
use crate::config::{Config, Listen};
use crate::secret::file::{SecretText, read_secret_file};
use crate::setup::{self, BotWish, Notes, Outcome, Report, Step, Undo, Wish};
use asker::Asker;

/// The exit code for a wrong or incomplete command line.
const USAGE: u8 = 2;
/// Where the bot listens unless said otherwise.
const LISTEN: &str = "127.0.0.1:8420";
/// The bot's login unless said otherwise.
const BOT: &str = "ownergate";

/// Make a working gate: the bot's account, secrets, webhook, control issue and configuration
///
/// Looks at everything first and makes what is missing; run again, it changes nothing. With another
/// `--repo` it adds a board to the configuration, which a running bot takes up on SIGHUP.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The forge's address
    #[arg(long, value_name = "URL")]
    pub forge: Option<String>,
    /// Let tokens cross a private network unencrypted, if the forge is plain http elsewhere
    #[arg(long)]
    pub insecure_http: bool,
    /// A file with an access token of the repository's owner, or of a site administrator for
    /// `--create-bot`: used once, kept nowhere
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The repository whose issues are the board
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: Option<String>,
    /// Who may approve; may be given several times
    #[arg(long, value_name = "LOGIN")]
    pub owner: Vec<String>,
    /// An account that agents use: it may ask and never approve; may be given several times
    #[arg(long, value_name = "LOGIN")]
    pub requester: Vec<String>,
    /// Make the bot's account, restricted, and its token
    #[arg(long, conflicts_with = "bot_token_file")]
    pub create_bot: bool,
    /// What the bot's account is to be called
    #[arg(long, value_name = "LOGIN", default_value = BOT)]
    pub bot_login: String,
    /// A file with the token of an account that is there
    #[arg(long, value_name = "FILE")]
    pub bot_token_file: Option<PathBuf>,
    /// How the forge and the agents reach the bot
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Where the bot listens for them [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Where it listens for resource servers and operators [default: the next port on 127.0.0.1]
    #[arg(long, value_name = "ADDR")]
    pub internal_listen: Option<String>,
    /// The folder of the configuration, the secrets and the store
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The board's name [default: the repository's]
    #[arg(long, value_name = "NAME")]
    pub board: Option<String>,
    /// What the tokens are for [default: the board's name]
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
    /// Every scope that may be asked for
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "board:read,card:write"
    )]
    pub scopes: Vec<String>,
    /// Undo on the forge what was made there; with `--repo` for that board only
    #[arg(long)]
    pub remove: bool,
    /// Do it and ask nothing at all: what is missing is not asked for either (`--confirm` asks for that)
    #[arg(long)]
    pub yes: bool,
    /// Asking first, or only saying what would be made or undone
    #[command(flatten)]
    pub change: Change,
}

/// Why the command cannot begin.
#[derive(Debug)]
enum Stop {
    /// Something is missing on the command line, and nobody can be asked.
    Usage(String),
    /// It is not meant, or nobody can say so; why has been told.
    Told(ExitCode),
    /// Anything else.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let change = Change {
        confirm: args.change.confirm || args.yes,
        dry_run: args.change.dry_run,
    };
    let dir = args.dir.display();
    let what = if args.remove {
        format!("Undo on the forge what was made from {dir}")
    } else {
        format!("Set a gate up in {dir}")
    };
    if let Err(code) = change.can_ask(&what) {
        return Ok(code);
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut input = std::io::stdin().lock();
    let mut prompt = std::io::stderr();
    let mut asker = Asker {
        input: (terminal && !args.yes).then_some(&mut input as &mut dyn BufRead),
        prompt: &mut prompt,
        change,
    };
    let out = &mut std::io::stdout();
    let ended = if args.remove {
        remove(args, &mut asker, out)
    } else {
        make(args, &mut asker, out)
    };
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Stop::Told(code)) => Ok(code),
        Err(Stop::Usage(why)) => {
            writeln!(std::io::stderr(), "ownergate: {why}")?;
            Ok(ExitCode::from(USAGE))
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn make(args: &Args, asker: &mut Asker<'_>, out: &mut dyn Write) -> Result<(), Stop> {
    let before = setup::configured(&args.dir)?;
    let wish = wish(args, before.as_ref(), asker)?;
    let token = token(args, asker)?;
    let go = asker.sure(&format!(
        "Set up {} on {} for the bot, in {}",
        wish.repository,
        wish.forge,
        wish.directory.display()
    ))?;
    let mut lines = Lines { out, go };
    let outcome = runtime()?.block_on(setup::run(&wish, token, go, &mut lines))?;
    let end = match go {
        Go::DoIt => ending(&outcome, &wish),
        Go::Rehearse if outcome.changed => "\nnothing was changed\n".to_owned(),
        Go::Rehearse => "\neverything is there; nothing would be changed\n".to_owned(),
    };
    out.write_all(end.as_bytes()).context("cannot write")?;
    Ok(())
}

fn remove(args: &Args, asker: &mut Asker<'_>, out: &mut dyn Write) -> Result<(), Stop> {
    let notes = Notes::read(&args.dir)?;
    let dir = args.dir.display();
    if notes.made.boards.is_empty() && notes.made.bot.is_none() {
        let mut lines = Lines { out, go: Go::DoIt };
        lines.say(
            Step::Note,
            &format!("nothing on a forge was made from {dir}: nothing to undo"),
        );
        return Ok(());
    }
    let token = token(args, asker)?;
    let forge = &notes.made.forge;
    let go = asker.sure(&format!("Undo on {forge} what was made from {dir}"))?;
    let mut lines = Lines { out, go };
    let config = setup::configured(&args.dir).ok().flatten();
    let insecure = args.insecure_http || config.is_some_and(|config| config.forge.insecure_http);
    let wish = Undo {
        directory: &args.dir,
        repository: args.repo.as_deref(),
        go,
    };
    let client = setup::client(forge, insecure, token)?;
    let any = runtime()?.block_on(setup::undo(&client, &wish, &mut lines))?;
    if !any {
        lines.say(Step::Note, "nothing was left to undo");
    }
    lines.say(
        Step::Note,
        &format!(
            "the configuration, the secrets and the store in {dir} stay: delete them if you want"
        ),
    );
    if go == Go::Rehearse {
        out.write_all(b"\nnothing was changed\n")
            .context("cannot write")?;
    }
    Ok(())
}

/// What is wished for: the flags, what stands in a config that is there, what a person answers.
fn wish(args: &Args, before: Option<&Config>, asker: &mut Asker<'_>) -> Result<Wish, Stop> {
    let forge = forge(args, before, asker)?;
    let repository = match &args.repo {
        Some(repository) => repository.clone(),
        None => asker.ask(
            "--repo",
            "the repository whose issues are the board (owner/name)",
            None,
        )?,
    };
    let known = before.is_some_and(|config| {
        let mut boards = config.boards.iter();
        boards.any(|board| board.rules.repository.eq_ignore_ascii_case(&repository))
    });
    let mut owners = args.owner.clone();
    if owners.is_empty() && !known {
        let usual = repository.split('/').next().unwrap_or_default();
        let answer = asker.ask("--owner", "who may approve", Some(usual))?;
        owners = answer
            .split([',', ' '])
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
    }
    let (listen, internal_listen) = listeners(args)?;
    let public_url = public_url(args, before, (&forge, &listen), asker)?;
    Ok(Wish {
        bot: bot(args, before, asker)?,
        forge,
        insecure_http: args.insecure_http || before.is_some_and(|it| it.forge.insecure_http),
        repository,
        owners,
        requesters: args.requester.clone(),
        listen,
        internal_listen,
        public_url,
        directory: args.dir.clone(),
        board: args.board.clone(),
        workspace: args.workspace.clone(),
        scopes: args.scopes.clone(),
    })
}

/// The forge's address.
fn forge(args: &Args, before: Option<&Config>, asker: &mut Asker<'_>) -> Result<String, Stop> {
    let forge = match (&args.forge, before) {
        (Some(forge), _) => forge.clone(),
        (None, Some(config)) => config.forge.url.clone(),
        (None, None) => asker.ask("--forge", "the forge's address", None)?,
    };
    let forge = forge.trim_end_matches('/').to_owned();
    match before {
        Some(config) if config.forge.url != forge => Err(Stop::Usage(format!(
            "the configuration in {} is for {}, not for {forge}: use another --dir for another forge",
            args.dir.display(),
            config.forge.url
        ))),
        _ => Ok(forge),
    }
}

/// How forge and agents reach the bot.
fn public_url(
    args: &Args,
    before: Option<&Config>,
    (forge, listen): (&str, &str),
    asker: &mut Asker<'_>,
) -> Result<String, Stop> {
    let given = args
        .public_url
        .as_ref()
        .map(|url| url.trim_end_matches('/'));
    match (before, given) {
        (Some(config), Some(url)) if config.server.public_url != url => Err(Stop::Usage(format!(
            "the configuration says public_url = {:?}: change it there, or leave --public-url out",
            config.server.public_url
        ))),
        (Some(config), _) => Ok(config.server.public_url.clone()),
        (None, Some(url)) => Ok(url.to_owned()),
        (None, None) => {
            // A forge on this machine reaches the bot where it listens.
            let usual = is_local(forge).then(|| format!("http://{listen}"));
            match usual {
                Some(usual) if asker.input.is_none() => Ok(usual),
                usual => {
                    let what = "how forge and agents reach the bot";
                    let answer = asker.ask("--public-url", what, usual.as_deref())?;
                    Ok(answer.trim_end_matches('/').to_owned())
                }
            }
        }
    }
}

/// Which account the bot uses.
fn bot(args: &Args, before: Option<&Config>, asker: &mut Asker<'_>) -> Result<BotWish, Stop> {
    if let Some(file) = &args.bot_token_file {
        return Ok(BotWish::Token(secret(file)?));
    }
    if args.create_bot {
        return Ok(BotWish::Make(args.bot_login.clone()));
    }
    if before.is_some() {
        return Ok(BotWish::AsConfigured);
    }
    let flags = "--create-bot (with a site administrator's token) or --bot-token-file";
    let answer = asker.ask(
        flags,
        "a file with the bot's token, or `new` to make the account",
        Some("new"),
    )?;
    if answer == "new" {
        Ok(BotWish::Make(args.bot_login.clone()))
    } else {
        Ok(BotWish::Token(secret(Path::new(&answer))?))
    }
}

/// The two addresses to listen on.
fn listeners(args: &Args) -> Result<(String, String), Stop> {
    let listen = args.listen.clone().unwrap_or_else(|| LISTEN.to_owned());
    let parsed = Listen::parse(&listen).map_err(|why| Stop::Usage(format!("--listen: {why}")))?;
    let internal = match &args.internal_listen {
        Some(internal) => internal.clone(),
        // Port 0 stays 0: the system chooses both.
        None if parsed.port == 0 => "127.0.0.1:0".to_owned(),
        None => format!("127.0.0.1:{}", parsed.port.checked_add(1).unwrap_or(8421)),
    };
    Listen::parse(&internal).map_err(|why| Stop::Usage(format!("--internal-listen: {why}")))?;
    Ok((listen, internal))
}

fn is_local(forge: &str) -> bool {
    let url = Url::parse(forge).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The token that sets the forge up.
fn token(args: &Args, asker: &mut Asker<'_>) -> Result<SecretString, Stop> {
    let file = match &args.token_file {
        Some(file) => file.clone(),
        None => {
            let what = "a file with a token of the repository's owner or of an administrator";
            PathBuf::from(asker.ask("--token-file", what, None)?)
        }
    };
    Ok(SecretString::from(secret(&file)?.expose()))
}

fn secret(file: &Path) -> Result<SecretText, Stop> {
    let text = read_secret_file(file).with_context(|| file.display().to_string());
    text.map_err(Stop::Failed)
}

/// The report, line by line as things happen.
struct Lines<'a> {
    out: &'a mut dyn Write,
    go: Go,
}

impl Report for Lines<'_> {
    fn say(&mut self, step: Step, what: &str) {
        let word = match (step, self.go) {
            (Step::Made, Go::DoIt) => "made",
            (Step::Mended, Go::DoIt) => "mended",
            (Step::Undone, Go::DoIt) => "undone",
            (Step::Made, Go::Rehearse) => "would make",
            (Step::Mended, Go::Rehearse) => "would mend",
            (Step::Undone, Go::Rehearse) => "would undo",
            (Step::Found, _) => "found",
            (Step::Note, _) => "note",
        };
        let width = match self.go {
            Go::DoIt => 6,
            Go::Rehearse => 10,
        };
        // Who closed the output does not want to know.
        let _ = writeln!(self.out, "{word:<width$} {what}");
    }
}

/// What to type next.
fn ending(outcome: &Outcome, wish: &Wish) -> String {
    let config = outcome.config.display();
    let mut text = String::new();
    if !outcome.changed {
        text.push_str("\neverything is there; nothing was changed\n");
    }
    if wish.requesters.is_empty() && outcome.changed {
        text.push_str(
            "\nnobody but the owners may ask, and nobody approves his own request: put the accounts of \
             your agents into machine_accounts, or run this with --requester\n",
        );
    }
    if outcome.added {
        text.push_str(
            "\na running bot takes the new board up on SIGHUP (systemctl reload ownergate)\n",
        );
    }
    text + &format!(
        "\nnext:\n  ownergate doctor --config {config}\n  ownergate serve --config {config}\n"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Args {
        Line::parse_from(format!("init {line}").split_whitespace()).args
    }

    /// The wish of a command line, with these lines typed or nobody there; and what was asked.
    fn wished(line: &str, typed: Option<&str>) -> (Result<Wish, Stop>, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(line);
        args.dir = folder.path().to_owned();
        let mut input = typed.unwrap_or_default().as_bytes();
        let mut prompt = Vec::new();
        let mut asker = Asker {
            input: typed.is_some().then_some(&mut input as &mut dyn BufRead),
            prompt: &mut prompt,
            change: Change::default(),
        };
        let wish = wish(&args, None, &mut asker);
        (wish, String::from_utf8(prompt).unwrap())
    }

    #[test]
    fn without_a_terminal_the_missing_flag_is_named() {
        let all = [
            "--forge https://forge.example",
            "--repo alice/board",
            "--owner alice",
            "--create-bot",
            "--public-url https://gate.example",
        ];
        for left_out in 0..all.len() {
            let mut given = all.to_vec();
            let flag = given.remove(left_out).split(' ').next().unwrap();
            match wished(&given.join(" "), None).0 {
                Err(Stop::Usage(why)) => assert!(why.contains(flag), "{flag}: {why}"),
                other => panic!("{flag}: {other:?}"),
            }
        }
        assert!(wished(&all.join(" "), None).0.is_ok());
    }

    #[test]
    fn on_a_terminal_what_is_missing_is_asked_for() {
        let typed = "https://forge.example/\nalice/board\n\nhttps://gate.example/\n\n";
        let (wish, asked) = wished("", Some(typed));
        let wish = wish.unwrap();
        assert_eq!(wish.forge, "https://forge.example");
        assert_eq!(wish.owners, ["alice"]);
        assert_eq!(wish.public_url, "https://gate.example");
        assert!(matches!(wish.bot, BotWish::Make(login) if login == "ownergate"));
        assert!(asked.contains("who may approve [alice]"), "{asked}");
    }

    #[test]
    fn a_forge_of_this_machine_reaches_the_bot_where_it_listens() {
        let line = "--forge http://127.0.0.1:3000 --repo a/b --owner a --create-bot --listen 127.0.0.1:9000";
        let wish = wished(line, None).0.unwrap();
        assert_eq!(wish.public_url, "http://127.0.0.1:9000");
        assert_eq!(wish.internal_listen, "127.0.0.1:9001");
    }
}
