//! Whoever delivers hangs up before the answer: what is durable by then is dealt with all the same.

use std::sync::{Arc, Condvar, Mutex};

use ownergate::demo::stage::HOOK_SECRET;
use ownergate::miniforge::hmac_sha256;
use ownergate::store::{Fault, Point};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::{Key, Story};

/// A disk that can be made to hang.
#[derive(Clone, Default)]
struct Disk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    hangs: bool,
    waiting: bool,
}

impl Disk {
    /// Waits here as long as the disk hangs.
    fn synchronise(&self) {
        let (state, moved) = &*self.0;
        let mut state = state.lock().unwrap();
        state.waiting = state.hangs;
        moved.notify_all();
        drop(moved.wait_while(state, |state| state.hangs).unwrap());
    }

    /// Lets it hang, or go on.
    fn hang(&self, hangs: bool) {
        let (state, moved) = &*self.0;
        state.lock().unwrap().hangs = hangs;
        moved.notify_all();
    }

    /// Waits until something waits for it.
    fn is_waited_for(&self) {
        let (state, moved) = &*self.0;
        let state = state.lock().unwrap();
        drop(moved.wait_while(state, |state| !state.waiting).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_whose_sender_hung_up_while_it_was_written_is_dealt_with() {
    let disk = Disk::default();
    let story = Story::with(|setting| {
        let disk = disk.clone();
        setting.plan = Some(Arc::new(move |point| {
            if point == Point::BeforeSync {
                disk.synchronise();
            }
            Fault::None
        }));
    })
    .await;
    let stage = &story.stage;
    let thread = story.thread(&stage.codex, "hung up").await;

    // The forge delivers it by hand, and gives up while the disk hangs.
    stage.forge.hold_hooks();
    thread.say(&stage.codex, &request(&Key::new())).await;
    let delivery = stage.forge.deliveries().pop().unwrap();
    stage.forge.drop_hooks(1);
    disk.hang(true);
    let address = stage.url().replace("http://", "");
    let mut wire = TcpStream::connect(&address).await.unwrap();
    let signature = hmac_sha256(HOOK_SECRET, &delivery.body);
    let head = format!(
        "POST /hooks/kan HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         X-Forgejo-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
        delivery.body.len()
    );
    wire.write_all(head.as_bytes()).await.unwrap();
    wire.write_all(&delivery.body).await.unwrap();
    disk.is_waited_for();
    // The connection is not closed in order, it is gone.
    wire.set_zero_linger().unwrap();
    drop(wire);
    // Another call shows that the listener has seen the end of that connection.
    let healthz = format!("{}/healthz", stage.url());
    let answer = stage.client().get(healthz).send().await.unwrap();
    assert!(answer.status().is_success());
    disk.hang(false);

    // What comes after it shows that it was dealt with.
    stage.forge.release_hooks();
    let later = story.thread(&stage.alice, "later").await;
    later.comment(&stage.alice, "/gate help").await;
    assert_eq!(later.replies().len(), 1);
    assert_eq!(thread.block("request")["request"], "R1");
}

/// The line that asks.
fn request(key: &Key) -> String {
    format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h environment=dev recipient={}",
        key.recipient
    )
}
