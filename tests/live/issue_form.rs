//! The issue form of `deploy/`, filled in and submitted on a real forge's web page: the
//! body that comes of it is a request, byte for byte, with no heading in it, and the bot takes it.
//!
//! It signs in as a browser does, with the password and cookies, and sends the fields
//! that the page itself carries.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use ownergate::gate::ids::IssueNumber;
use ownergate::miniforge::Person;
use reqwest::{Method, RequestBuilder, Response, Url};

use crate::forge::{RealForge, password_of};
use crate::real::RealGround;
use crate::shared::thread::{Key, Thread};

const FORM: &str = include_str!("../../deploy/issue-form.yaml");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn the_forms_submitted_body_is_a_request() {
    let ground = RealGround::begin().await;
    let forge = &ground.forge;
    let file = ".gitea/ISSUE_TEMPLATE/identity.yaml";
    forge.put_file(file, FORM).await.unwrap();
    let mut browser = Browser::sign_in(forge, &forge.codex).await.unwrap();

    let page = browser
        .page(&format!("/alice/board/issues/new?template={file}"))
        .await
        .unwrap();
    let offered = textarea(&page, "form-field-request").unwrap();
    assert!(
        page.contains(&format!("name=\"template-file\" value=\"{file}\"")),
        "the page does not submit the form's file name"
    );

    let key = Key::new();
    let filled = offered
        .replace("age1...", &key.recipient)
        .replace("what it is for", "sort the roadmap");
    assert_ne!(filled, offered);
    // A browser sends every line end of a text area as CR LF.
    let filled = filled.replace('\n', "\r\n");
    let number = browser
        .submit(
            "/alice/board/issues/new",
            &[
                ("title", "Machine identity: codex"),
                ("template-file", file),
                ("form-field-request", &filled),
            ],
        )
        .await
        .unwrap();
    assert_eq!(body_of(forge, number).await, submitted(&key.recipient));

    let thread = Thread::of(&ground, IssueNumber(number));
    let summary = thread.answer("request").await;
    assert!(summary.contains("`sort the roadmap`"), "{summary}");
    let line = thread.approve_line().await;
    thread.say(&forge.alice, &line).await;
    let sealed = thread.answer("credential").await;
    let token = key.open(&sealed, &[]).await;
    assert!(thread.alive(&token).await);
}

/// What the forge makes of the filled form.
fn submitted(recipient: &str) -> String {
    format!(
        "/gate request\n\
         \n\
         ```toml\n\
         identity = \"codex-*\"\r\n\
         scopes = [\"board:read\"]\r\n\
         ttl = \"8h\"\r\n\
         environment = \"dev\"\r\n\
         recipient = \"{recipient}\"\r\n\
         reason = \"sort the roadmap\"\n\
         ```\n\
         \n"
    )
}

/// The text of an issue, byte for byte.
async fn body_of(forge: &RealForge, issue: i64) -> String {
    let path = format!("/repos/alice/board/issues/{issue}");
    let answer = forge.alice.call(Method::GET, &path, None).await.unwrap();
    answer.json()["body"].as_str().unwrap().to_owned()
}

/// What a browser keeps: its cookies, and the hidden token of forges that ask for one.
struct Browser<'a> {
    forge: &'a RealForge,
    cookies: BTreeMap<String, String>,
    token: Option<String>,
}

impl<'a> Browser<'a> {
    /// Signs in on the page that people use.
    async fn sign_in(forge: &'a RealForge, who: &Person) -> anyhow::Result<Self> {
        let mut browser = Self {
            forge,
            cookies: BTreeMap::new(),
            token: None,
        };
        browser.page("/user/login").await?;
        let password = password_of(&who.login);
        let fields = [("user_name", &*who.login), ("password", &*password)];
        let answer = browser.post("/user/login", &fields).await?;
        ensure!(
            answer.status().is_redirection(),
            "{} could not sign in: {}",
            who.login,
            answer.status()
        );
        Ok(browser)
    }

    /// Opens a page.
    async fn page(&mut self, path: &str) -> anyhow::Result<String> {
        let answer = self.send(self.request(Method::GET, path)).await?;
        ensure!(
            answer.status().is_success(),
            "{path} answered {}",
            answer.status()
        );
        let page = answer.text().await?;
        self.token = between(&page, "name=\"_csrf\" value=\"", "\"").map(unescape);
        Ok(page)
    }

    /// Submits the form of a new issue; gives the issue's number.
    async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<i64> {
        let answer = self.post(path, fields).await?;
        let status = answer.status();
        let answer = answer.text().await?;
        // The page's script is told where to go on.
        let told: serde_json::Value = serde_json::from_str(&answer)
            .with_context(|| format!("{path} answered {status}: {answer}"))?;
        told["redirect"]
            .as_str()
            .and_then(|link| link.rsplit('/').next())
            .and_then(|number| number.parse().ok())
            .with_context(|| format!("{path} answered {status}: {told}"))
    }

    /// Sends a form.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Response> {
        let mut form = Url::parse(&self.forge.url)?;
        form.query_pairs_mut().extend_pairs(fields);
        if let Some(token) = &self.token {
            form.query_pairs_mut().append_pair("_csrf", token);
        }
        let request = self
            .request(Method::POST, path)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Origin", &self.forge.url)
            .body(form.query().unwrap_or_default().to_owned());
        self.send(request).await
    }

    /// A request with the cookies.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.forge
            .client
            .request(method, format!("{}{path}", self.forge.url))
            .header("Cookie", cookies.join("; "))
    }

    /// Sends a request and keeps the cookies of its answer.
    async fn send(&mut self, request: RequestBuilder) -> anyhow::Result<Response> {
        let answer = request.send().await?;
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

/// What a text area of a page holds when the page opens.
fn textarea(page: &str, name: &str) -> Option<String> {
    let (_, after) = page.split_once(&format!("name=\"{name}\""))?;
    between(after, ">", "</textarea>").map(unescape)
}

/// The text between two others.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(start)?;
    let (inside, _) = after.split_once(end)?;
    Some(inside)
}

/// HTML's escapes, as far as a forge's templates write them.
fn unescape(text: &str) -> String {
    text.replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
