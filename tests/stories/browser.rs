//! The status page in a real browser: that its cookie, its form and its style are taken there.
//!
//! Chromium is driven by `chromedriver` over loopback (W3C WebDriver). The pictures are left in
//! `target/status-page/` for people to look at.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};

use crate::harness::Key;
use crate::operator_calls::{PIOTR, begin};

/// A browser, ended by its own process id.
struct Browser {
    driver: Child,
    client: Client,
    session: String,
    /// Its profile.
    _folder: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

impl Browser {
    async fn start(client: &Client) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .args(["--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(driver.stdout.take().unwrap());
        let lines = said.lines().map_while(Result::ok);
        let port = lines
            .filter_map(|line| {
                let port = line.split("on port ").nth(1)?.trim_end_matches('.');
                port.parse::<u16>().ok()
            })
            .find(|port| *port != 0)
            .unwrap();
        let mut browser = Self {
            driver,
            client: client.clone(),
            session: format!("http://127.0.0.1:{port}/session"),
            _folder: folder,
        };
        let profile = browser._folder.path().display();
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1200,900",
            format!("--user-data-dir={profile}"),
        ]);
        let wanted =
            json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let made = browser.post("", wanted).await;
        let id = made["sessionId"].as_str().unwrap();
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let call = self.client.post(format!("{}{path}", self.session));
        let answer = call.json(&body).send().await.unwrap();
        let status = answer.status();
        let mut answer: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        answer["value"].take()
    }

    async fn get(&self, path: &str) -> Value {
        let call = self.client.get(format!("{}{path}", self.session));
        let mut answer: Value = call.send().await.unwrap().json().await.unwrap();
        answer["value"].take()
    }

    /// The path of the first element that a CSS selector finds.
    async fn element(&self, selector: &str) -> String {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.post("/element", body).await;
        let id = found.as_object().unwrap().values().next().unwrap();
        format!("/element/{}", id.as_str().unwrap())
    }

    async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        let text = self.get(&format!("{element}/text")).await;
        text.as_str().unwrap().to_owned()
    }

    async fn look(&self, colours: &str, file: &Path) {
        let feature = json!({"name": "prefers-color-scheme", "value": colours});
        let body = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": [feature]}});
        self.post("/goog/cdp/execute", body).await;
        let picture = self.get("/screenshot").await;
        let picture = data_encoding::BASE64
            .decode(picture.as_str().unwrap().as_bytes())
            .unwrap();
        std::fs::write(file, picture).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs chromedriver and Chromium: `cargo test --test stories browser:: -- --ignored`"]
async fn a_person_logs_in_looks_and_leaves() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let other = story.thread(&story.stage.codex, "another").await;
    other.ask(&story.stage.codex, &Key::new()).await;
    other
        .comment(&story.stage.alice, "/gate pause codex-kan-1 odd calls")
        .await;
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/status-page");
    std::fs::create_dir_all(&pictures).unwrap();
    let browser = Browser::start(story.stage.client()).await;
    let address = json!({"url": format!("{}/", story.stage.url())});
    browser.post("/url", address.clone()).await;
    browser.look("light", &pictures.join("login.png")).await;
    let field = browser.element("#token").await;
    let keys = json!({"text": PIOTR});
    browser.post(&format!("{field}/value"), keys).await;
    let button = browser.element("button").await;
    browser.post(&format!("{button}/click"), json!({})).await;
    let body = browser.text("body").await;
    for text in ["alice/board", "R2", "codex-kan-1", "paused", "odd calls"] {
        assert!(body.contains(text), "{text} is not in\n{body}");
    }
    // The style sheet was taken, whatever the policy of the page forbids.
    let head = browser.element("th").await;
    let colour = browser.get(&format!("{head}/css/color")).await;
    assert_eq!(colour, "rgba(93, 104, 118, 1)");
    browser.look("light", &pictures.join("light.png")).await;
    browser.look("dark", &pictures.join("dark.png")).await;
    let leave = browser.element("header button").await;
    browser.post(&format!("{leave}/click"), json!({})).await;
    browser.post("/url", address).await;
    browser.element("#token").await;
}
