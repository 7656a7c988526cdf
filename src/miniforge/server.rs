//! The HTTP side: takes calls, lets faults strike, asks `api`, writes down what happened.
//!
//! The state is one struct behind one lock, and the lock is never held across a wait. Whoever waits
//! for something (a released fault, an idle courier) waits for a bell that rings after each change;
//! nothing polls. It runs on a thread of its own, so that any test or program can hold a forge.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anyhow::Context;
use futures_util::stream;
use jiff::fmt::rfc2822;
use tokio::sync::watch;

use super::api::{self, Answer, Call};
use super::faults::{Fault, Faults};
use super::log::{Log, LoggedCall};
use super::state::State;
use crate::clock::Clock;
use crate::gate::ids::UserId;

/// Bodies up to this size are taken: an issue of 64 MiB, escaped by the caller.
const LARGEST_BODY: usize = 400 << 20;

/// Everything behind the lock.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// What the forge knows.
    pub(crate) state: State,
    /// What goes wrong on purpose.
    pub(crate) faults: Faults,
    /// What was called.
    pub(crate) log: Log,
    /// A delivery is on its way.
    pub(crate) sending: bool,
    /// The forge has ended.
    pub(crate) stopped: bool,
}

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The forge's own time.
    pub(crate) clock: Clock,
    inner: Mutex<Inner>,
    bell: watch::Sender<()>,
}

impl Shared {
    /// An empty forge.
    pub(crate) fn new(clock: Clock, root: String) -> Arc<Self> {
        let mut inner = Inner::default();
        inner.state.root = root;
        let inner = Mutex::new(inner);
        Arc::new(Self {
            clock,
            inner,
            bell: watch::Sender::new(()),
        })
    }

    /// The lock; a panic of another holder does not spoil it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something and rings the bell.
    pub(crate) fn change<T>(&self, how: impl FnOnce(&mut Inner) -> T) -> T {
        let outcome = how(&mut self.lock());
        self.bell.send_replace(());
        outcome
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, so: impl Fn(&Inner) -> bool) {
        let mut bell = self.bell.subscribe();
        while !so(&self.lock()) {
            if bell.changed().await.is_err() {
                return;
            }
        }
    }
}

/// A listening server on its thread.
#[derive(Debug)]
pub(crate) struct Running {
    handle: ServerHandle,
    thread: JoinHandle<()>,
}

impl Running {
    /// Serves on this listener.
    pub(crate) fn start(listener: TcpListener, shared: Arc<Shared>) -> anyhow::Result<Self> {
        let (started, waiting) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the miniature forge")?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                match serve(listener, shared) {
                    Ok(server) => {
                        let _ = started.send(Ok(server.handle()));
                        let _ = server.await;
                    }
                    Err(fault) => {
                        let _ = started.send(Err(fault));
                    }
                }
            });
        });
        let handle = waiting
            .recv()
            .context("the miniature forge's thread has ended")?;
        Ok(Self {
            handle: handle.context("cannot serve the miniature forge")?,
            thread,
        })
    }

    /// Ends it, with all its connections; returns when the port is closed.
    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
        let _ = self.thread.join();
    }

    /// Ends it soon, without waiting.
    pub(crate) fn stop_soon(self) {
        drop(self.handle.stop(false));
    }
}

/// The server: every path goes to [`handle`].
fn serve(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<actix_web::dev::Server> {
    let data = Data::from(shared);
    let app = move || {
        App::new()
            .app_data(data.clone())
            .app_data(PayloadConfig::new(LARGEST_BODY))
            .default_service(web::to(handle))
    };
    let server = HttpServer::new(app)
        .workers(1)
        // A real forge keeps unused connections longer than its callers do.
        .keep_alive(Duration::from_secs(75))
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

/// What goes back over the wire.
enum Outcome {
    /// An answer, and who called.
    Answered(Answer, Option<UserId>),
    /// The connection ends without a byte; who called, if it was done.
    Cut(Option<UserId>),
}

/// Takes one call.
async fn handle(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let fault = shared.change(|inner| {
        let path = below_api(&inner.state, &request)?.to_owned();
        inner.faults.strike(request.method().as_str(), &path)
    });
    let outcome = match fault {
        None => done(&shared, &request, &body),
        Some((_, Fault::LoseAnswer)) => match done(&shared, &request, &body) {
            Outcome::Answered(_, user) | Outcome::Cut(user) => Outcome::Cut(user),
        },
        Some((id, Fault::Delay)) => {
            shared.until(|inner| inner.faults.released(id)).await;
            done(&shared, &request, &body)
        }
        Some((id, Fault::Hang)) => {
            shared.until(|inner| inner.faults.released(id)).await;
            Outcome::Cut(None)
        }
        Some((_, Fault::Drop)) => Outcome::Cut(None),
        Some((
            _,
            Fault::Answer {
                status,
                headers,
                body,
            },
        )) => {
            return answer_fault(&shared, &request, (status, headers, body));
        }
    };
    let (answer, user) = match outcome {
        Outcome::Answered(answer, user) => (Some(answer), user),
        Outcome::Cut(user) => (None, user),
    };
    let status = answer.as_ref().map(|answer| answer.status);
    let response = answer
        .as_ref()
        .map(|answer| answer.body.clone())
        .unwrap_or_default();
    write_down(
        &shared,
        &request,
        (user, status),
        body,
        Bytes::from(response),
    );
    match answer {
        Some(answer) => respond(&shared, answer.status, &answer.headers, answer.body),
        None => cut(),
    }
}

/// Asks the API.
fn done(shared: &Shared, request: &HttpRequest, body: &[u8]) -> Outcome {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let now = shared.clock.now();
    shared.change(|inner| {
        let Some(path) = below_api(&inner.state, request) else {
            return Outcome::Answered(Answer::empty(404), None);
        };
        let call = Call {
            method: request.method().as_str(),
            path,
            query: request.query_string(),
            authorization: header("Authorization"),
            sudo: header("Sudo"),
            body,
            now,
        };
        let (answer, user) = api::answer(&mut inner.state, call);
        Outcome::Answered(answer, user)
    })
}

/// The path below the API's root, if it is there.
fn below_api<'a>(state: &State, request: &'a HttpRequest) -> Option<&'a str> {
    let path = request
        .uri()
        .path()
        .strip_prefix(state.sub_path().as_str())?;
    path.strip_prefix("/api/v1")
}

/// Answers what a fault says.
fn answer_fault(
    shared: &Shared,
    request: &HttpRequest,
    (status, headers, body): (u16, Vec<(String, String)>, String),
) -> HttpResponse {
    let logged = Bytes::from(body.clone());
    write_down(shared, request, (None, Some(status)), Bytes::new(), logged);
    let headers: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    respond(shared, status, &headers, body.into_bytes())
}

/// Builds the response, dated by the forge's own clock.
fn respond(
    shared: &Shared,
    status: u16,
    headers: &[(&str, String)],
    body: Vec<u8>,
) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in headers {
        response.insert_header((*name, value.as_str()));
    }
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&shared.clock.now());
    if let Ok(date) = date {
        response.insert_header(("Date", date));
    }
    response.body(body)
}

/// A response whose body fails before anything was written: the connection ends without an answer.
fn cut() -> HttpResponse {
    let failing = stream::iter([Err::<Bytes, _>(std::io::Error::other("lost on purpose"))]);
    HttpResponse::Ok().streaming(failing)
}

/// Writes a call into the log.
fn write_down(
    shared: &Shared,
    request: &HttpRequest,
    (user, status): (Option<UserId>, Option<u16>),
    body: Bytes,
    response: Bytes,
) {
    let call = LoggedCall {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        user,
        status,
        request: body,
        response,
    };
    shared.change(|inner| {
        let keep_bodies = inner.state.settings.keep_bodies;
        inner.log.push(call, keep_bodies);
    });
}
