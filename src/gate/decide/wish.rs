//! An operator asks, as an account of the forge: in a thread that is there, or in an issue that the bot
//! opens for it.
//!
//! A wish is read by the grammar of comments and judged by their rules; what it becomes is a request
//! like any other, put up in a thread, and only owners open its gate. Where the thread is not there yet
//! the wish is kept, the outbox opens the issue (and looks for it before it opens another), and with
//! that the wish waits in the inbox like everything that was accepted: nothing is lost, and the same
//! wish again is never a second one. A refusal goes to whoever asked.

use serde_json::json;

use super::super::audit::Entry;
use super::super::command::{Command, Name, Reading, one_line, read};
use super::super::effect::{Effect, Open};
use super::super::event::{Accepted, What};
use super::super::evidence::Reads;
use super::super::ids::{Hash, IssueNumber, RequestNumber, Slug, ThreadKey, UserId};
use super::super::key::Key;
use super::super::operator::{By, Way};
use super::super::policy::Board;
use super::super::reply::{self, faults, reasons};
use super::super::request::Request;
use super::super::wish::{Wish, WishRecord, WishState, Wished};
use super::propose::{self, Host};
use super::said::Said;
use super::{Answer, Draft, Taken, grounds, known, unsaid, wanted};

/// The longest title of an issue that is opened, in characters.
const TITLE: usize = 120;

/// Decides a wish.
pub(super) fn decide(draft: &mut Draft<'_>, wish: &Wish) {
    let operator = one_line(wish.by.name(), 40);
    draft.cause(
        "wish",
        json!({ "operator": operator, "board": wish.board, "issue": wish.issue, "key": wish.key }),
    );
    let asked = asked(draft, wish, &operator);
    if wish.dry {
        draft.only_answer();
    } else if let Err(why) = &asked
        && !draft.given.low_space
    {
        let thread = ThreadKey {
            repository: wish.board,
            issue: wish.issue.unwrap_or(IssueNumber(0)),
        };
        let entry = Entry::new("wish_refused", unsaid::actor(&operator), one_line(why, 400));
        draft.entry(if wish.issue.is_some() {
            entry.in_thread(thread)
        } else {
            entry
        });
    }
    draft.answer(Answer::Wished(asked));
}

/// Puts it up, has its thread opened, or says why not.
fn asked(draft: &mut Draft<'_>, wish: &Wish, operator: &str) -> Result<Wished, String> {
    let place = ThreadKey {
        repository: wish.board,
        issue: IssueNumber(0),
    };
    let board = draft.board(place).ok_or("there is no such board")?;
    let author = unsaid::asks_as(draft, &wish.by, board)?;
    let content = wish.content();
    let key = Key::wish(&wish.key);
    if let Some(known) = draft.get::<WishRecord>(&key) {
        return again(&known, &content);
    }
    let command = command(&wish.text)?;
    let record = WishRecord {
        operator: operator.to_owned(),
        author,
        board: wish.board,
        content,
        text: wish.text.clone(),
        at: draft.now(),
        state: WishState::Opening,
    };
    let reads = wish.reads.fresh(draft.now());
    let Some(thread) = thread_of(draft, board, wish, &command)? else {
        return new_thread(draft, board, wish, &command, (&record, reads));
    };
    let number = put_up(draft, board, &record, thread, &command, reads)?;
    if wish.dry {
        return Ok(would(draft, number, Some(thread), String::new()));
    }
    let state = WishState::Asked(number, thread);
    let text = String::new();
    draft.put(
        key,
        &WishRecord {
            state,
            text,
            ..record
        },
    );
    Ok(Wished::Asked {
        request: number,
        thread,
    })
}

/// The same wish again: how it stands.
fn again(known: &WishRecord, content: &Hash) -> Result<Wished, String> {
    if known.content != *content {
        return Err("something else was asked for under that key".to_owned());
    }
    match &known.state {
        WishState::Opening | WishState::Waits(_) => Ok(Wished::Opening),
        WishState::Refused(why) => Err(why.clone()),
        WishState::Asked(request, thread) => Ok(Wished::Asked {
            request: *request,
            thread: *thread,
        }),
    }
}

/// What it asks for; everything else is no wish.
fn command(text: &str) -> Result<Command, String> {
    match read(text) {
        Reading::Command(
            command @ (Command::Request(_)
            | Command::Rotate(_)
            | Command::Resume(_)
            | Command::Own(_)),
        ) => Ok(command),
        Reading::Fault(fault) => Err(faults::sentence(&fault).0),
        Reading::Command(_) | Reading::Nothing => {
            Err("an operator asks with `request`, `rotate`, `resume` or `own`".to_owned())
        }
    }
}

/// Where it is asked: as it says, else where the identity lives. `None`: in a new issue.
fn thread_of(
    draft: &Draft<'_>,
    board: &Board,
    wish: &Wish,
    command: &Command,
) -> Result<Option<ThreadKey>, String> {
    let named: Option<&Slug> = match command {
        Command::Request(form) => match &form.identity {
            Name::Exact(slug) => Some(slug),
            Name::Pattern(_) => None,
        },
        Command::Rotate(rotation) => Some(&rotation.slug),
        Command::Resume(slug) | Command::Own(slug) => Some(slug),
        _ => None,
    };
    if let Some(issue) = wish.issue {
        return Ok(Some(ThreadKey {
            repository: wish.board,
            issue,
        }));
    }
    let living = named
        .and_then(|slug| known::newest_identity(draft, board, slug))
        .filter(|identity| identity.is_living());
    match (living, command, named) {
        (Some(identity), _, _) => Ok(Some(identity.thread)),
        (None, Command::Request(_), _) => Ok(None),
        (None, _, Some(slug)) => Err(format!("no identity `{slug}` lives on this board")),
        (None, _, None) => Ok(None),
    }
}

/// Puts the request up in a thread.
fn put_up(
    draft: &mut Draft<'_>,
    board: &Board,
    record: &WishRecord,
    thread: ThreadKey,
    command: &Command,
    reads: &Reads,
) -> Result<RequestNumber, String> {
    let accepted = unsaid::accepted(draft.now(), thread, record.author);
    let login = login(board, record.author);
    let said = unsaid::said(
        board,
        &accepted,
        (record.author, &login),
        &record.content,
        reads,
    );
    may_ask_here(draft, &said)?;
    let proposal = wanted::proposal(draft, &said, command).map_err(|(text, _)| text)?;
    let environment = proposal.effect.environment.clone();
    if reads.away.is_some() {
        let away = grounds::away(draft, &said, &environment);
        if let Some(reason) = away.refusal() {
            return Err(reasons::sentence(&reason, board));
        }
    } else {
        propose::place(draft, &said).map_err(|(text, _)| text)?;
    }
    let host = Host {
        operator: Some(&record.operator),
        shown: &[],
    };
    let number =
        propose::put_up_from_host(draft, &said, proposal, host).map_err(|(text, _)| text)?;
    let text = format!("asks as user {}", record.author);
    draft.entry(
        Entry::new("asked_by_operator", unsaid::actor(&record.operator), text)
            .in_thread(thread)
            .about_request(number)
            .with_facts(json!({ "away_since": reads.away })),
    );
    Ok(number)
}

/// As what the author is shown; nothing is asked of the forge for it.
fn login(board: &Board, author: UserId) -> String {
    board
        .owner(author)
        .map_or_else(|| format!("user {author}"), |owner| owner.login.clone())
}

/// Whoever may ask in a comment may be asked for.
fn may_ask_here(draft: &Draft<'_>, said: &Said<'_>) -> Result<(), String> {
    if known::may_speak(draft, said.board, said.thread, said.author) {
        Ok(())
    } else {
        Err(format!(
            "user {}, as whom this operator asks, may not ask on this board",
            said.author
        ))
    }
}

/// There is no thread yet: everything that could be refused there is refused now, and then an issue is
/// opened for it.
fn new_thread(
    draft: &mut Draft<'_>,
    board: &Board,
    wish: &Wish,
    command: &Command,
    (record, read): (&WishRecord, &Reads),
) -> Result<Wished, String> {
    if read.away.is_some() {
        return Err(
            "the forge cannot be read, so that no issue can be opened: say in which one to ask, with `--issue N`"
                .to_owned(),
        );
    }
    propose::repository(draft, board, read).map_err(|(text, _)| text)?;
    let nowhere = ThreadKey {
        repository: wish.board,
        issue: IssueNumber(0),
    };
    let title = title(wish, command);
    let accepted = unsaid::accepted(draft.now(), nowhere, record.author);
    let (reads, login) = (Reads::default(), login(board, record.author));
    let said = unsaid::said(
        board,
        &accepted,
        (record.author, &login),
        &record.content,
        &reads,
    );
    may_ask_here(draft, &said)?;
    let proposal = wanted::proposal(draft, &said, command).map_err(|(text, _)| text)?;
    if wish.dry {
        let host = Host {
            operator: Some(&record.operator),
            shown: &[],
        };
        let number =
            propose::put_up_from_host(draft, &said, proposal, host).map_err(|(text, _)| text)?;
        return Ok(would(draft, number, None, title));
    }
    propose::would_be_refused(draft, &said, proposal).map_err(|(text, _)| text)?;
    draft.put(Key::wish(&wish.key), record);
    let body = reply::notice(
        &reply::opened_for(&record.operator, &login),
        None,
        draft.given.seq,
    );
    draft.effect(Effect::Open(Open {
        repository: wish.board,
        title,
        body,
        wish: wish.key.clone(),
        at: draft.now(),
    }));
    let text = format!("wants to ask as user {} in a new issue", record.author);
    draft.entry(Entry::new(
        "thread_wanted",
        unsaid::actor(&record.operator),
        text,
    ));
    Ok(Wished::Opening)
}

/// The title of the issue.
fn title(wish: &Wish, command: &Command) -> String {
    let made = match command {
        Command::Request(form) => match &form.identity {
            Name::Exact(slug) => format!("{slug}: a machine identity"),
            Name::Pattern(stem) => format!("{stem}: a machine identity"),
        },
        _ => "a machine identity".to_owned(),
    };
    match &wish.title {
        Some(title) if !title.trim().is_empty() => one_line(title, TITLE),
        Some(_) | None => made,
    }
}

/// What would be asked, as people would see it.
fn would(
    draft: &Draft<'_>,
    number: RequestNumber,
    thread: Option<ThreadKey>,
    title: String,
) -> Wished {
    let request = draft.get::<Request>(&Key::request(number));
    let shown = request
        .and_then(|request| request.shown)
        .unwrap_or_default();
    let summary = shown.split("\n\n<!--").next().unwrap_or("").to_owned();
    Wished::Would {
        thread,
        title,
        summary,
    }
}

/// The issue is there: the wish waits in the inbox, to be put up with what is read there.
pub(super) fn thread_opened(draft: &mut Draft<'_>, effect: (u64, u32), issue: IssueNumber) {
    draft.use_reserve();
    let key = Key::outbox(effect.0, effect.1);
    let Some(Effect::Open(open)) = draft.get::<Effect>(&key) else {
        return;
    };
    draft.remove(key);
    draft.cause("thread_opened", json!({ "effect": effect, "issue": issue }));
    draft.outcome("effect", "done");
    let key = Key::wish(&open.wish);
    let Some(record) = draft.get::<WishRecord>(&key) else {
        return;
    };
    let thread = ThreadKey {
        repository: open.repository,
        issue,
    };
    let accepted = Accepted {
        what: What::Wished(open.wish.clone()),
        ..unsaid::accepted(draft.now(), thread, record.author)
    };
    let line = draft.given.seq.0;
    draft.put(Key::inbox(line), &accepted);
    let state = WishState::Waits(issue);
    draft.put(key, &WishRecord { state, ..record });
    draft.answer(Answer::Taken(Taken::Waits {
        line,
        urgent: false,
    }));
}

/// What waits in its new thread is put up, or refused there.
pub(super) fn opened(
    draft: &mut Draft<'_>,
    board: &Board,
    accepted: &Accepted,
    key: &Hash,
    reads: &Reads,
) {
    let Some(record) = draft.get::<WishRecord>(&Key::wish(key)) else {
        return;
    };
    let thread = accepted.thread();
    let by = By::Operator {
        name: record.operator.clone(),
        way: Way::Host,
    };
    let asked = unsaid::asks_as(draft, &by, board)
        .and_then(|author| {
            let same = author == record.author;
            same.then_some(())
                .ok_or_else(|| "this operator asks as another account now".to_owned())
        })
        .and_then(|()| command(&record.text))
        .and_then(|command| put_up(draft, board, &record, thread, &command, reads));
    match asked {
        Ok(number) => {
            draft.outcome("wish", "done");
            settle(draft, key, record, WishState::Asked(number, thread));
        }
        Err(why) => end_unasked(draft, thread, key, record, &why),
    }
}

/// The forge does not open the issue for good.
pub(super) fn not_opened(draft: &mut Draft<'_>, open: &Open, why: &str) {
    if let Some(record) = draft.get::<WishRecord>(&Key::wish(&open.wish)) {
        let why = format!("the forge does not let me open an issue: {why}");
        let entry = Entry::new(
            "wish_refused",
            unsaid::actor(&record.operator),
            one_line(&why, 400),
        );
        draft.entry(entry);
        settle(draft, &open.wish, record, WishState::Refused(why));
    }
}

/// What waits could not be read for a day, or not be decided.
pub(super) fn given_up(draft: &mut Draft<'_>, accepted: &Accepted, key: &Hash, why: &str) {
    if let Some(record) = draft.get::<WishRecord>(&Key::wish(key)) {
        end_unasked(draft, accepted.thread(), key, record, why);
    }
}

fn end_unasked(
    draft: &mut Draft<'_>,
    thread: ThreadKey,
    key: &Hash,
    record: WishRecord,
    why: &str,
) {
    draft.outcome("wish", "refused");
    draft.entry(
        Entry::new(
            "wish_refused",
            unsaid::actor(&record.operator),
            one_line(why, 400),
        )
        .in_thread(thread),
    );
    let text = format!("**Nothing is asked here**: {}", propose::capital(why));
    draft.tell(thread, text.trim_end_matches('.'), None);
    settle(draft, key, record, WishState::Refused(why.to_owned()));
}

/// How it ended; what it said is not needed any more.
fn settle(draft: &mut Draft<'_>, key: &Hash, record: WishRecord, state: WishState) {
    let text = String::new();
    draft.put(
        Key::wish(key),
        &WishRecord {
            state,
            text,
            ..record
        },
    );
}
