//! What goes on and what stands still: rotate, narrow, own, pause, resume, freeze, thaw, release, and
//! an end by the holder.

use ownergate::gate::ids::UserId;
use ownergate::miniforge::Person;

use super::ground::Ground;
use super::thread::{Key, Thread, block, plain_client};

impl<G: Ground> Thread<'_, G> {
    /// Somebody asks, and owners approve what is then asked, one after the other; the answer.
    async fn approved(
        &self,
        who: &Person,
        what: &str,
        owners: &[&Person],
        request: &str,
    ) -> String {
        self.say(who, what).await;
        let summary = self
            .answer_that(&format!("the summary of {request}"), |answer| {
                let block = block(answer);
                block["kind"] == "request" && block["request"] == request
            })
            .await;
        let line = block(&summary)["approve"].as_str().unwrap().to_owned();
        for owner in owners {
            self.say(owner, &line).await;
        }
        let words = format!("**{request} approved by ");
        self.answer_that(&format!("the end of {request}"), |answer| {
            block(answer)["kind"] != "request" && answer.contains(&words)
        })
        .await
    }
}

pub(crate) async fn what_is_paused_works_again_when_an_owner_lets_it(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "paused", "").await;
    let token = thread.credential(&Key::new()).await;
    // From another issue, with a typographic slip in the reason.
    let alarm = Thread::open(ground, &people.alice, "odd calls", "").await;
    alarm
        .say(
            &people.alice,
            "/gate pause codex-kan-1 the agent’s calls are odd",
        )
        .await;
    thread.until_dead(&token).await;
    thread
        .approved(
            &people.codex,
            "/gate resume codex-kan-1",
            &[&people.alice],
            "R2",
        )
        .await;
    assert!(thread.alive(&token).await);
}

pub(crate) async fn a_successor_works_beside_its_predecessor_until_that_ends(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "rotated", "").await;
    let key = Key::new();
    let old = thread.credential(&key).await;
    let sealed = thread
        .approved(
            &people.codex,
            "/gate rotate codex-kan-1",
            &[&people.alice],
            "R2",
        )
        .await;
    let bot = ground.bot_url();
    let new = key.open(&sealed, &["--activate", "--bot", &bot]).await;
    assert!(old != new && thread.alive(&old).await && thread.alive(&new).await);
    thread
        .say(&people.alice, "/gate revoke codex-kan-1 c1")
        .await;
    thread.until_dead(&old).await;
    assert!(thread.alive(&new).await);
}

pub(crate) async fn what_is_narrowed_may_less_at_the_next_check(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "narrowed", "").await;
    let token = thread.credential(&Key::new()).await;
    thread
        .say(
            &people.alice,
            "/gate narrow codex-kan-1 scopes=board:read,deploy:run",
        )
        .await;
    thread.refusal("wider").await;
    let may = async || thread.introspect(&token).await["scope"].clone();
    assert_eq!(may().await, "board:read card:write");
    thread
        .say(&people.alice, "/gate narrow codex-kan-1 scopes=board:read")
        .await;
    let less = async || may().await == "board:read";
    ground.until("the narrower scope", less).await;
}

pub(crate) async fn an_identity_gets_another_owner_by_the_first_ones_word(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "owned", "").await;
    let token = thread.credential(&Key::new()).await;
    let owner = async || {
        let told = thread.introspect(&token).await;
        told["ownergate"]["owner_id"].as_i64().map(UserId)
    };
    assert_eq!(owner().await, Some(people.alice.id));
    let what = "/gate own codex-kan-1";
    thread
        .approved(&people.piotr, what, &[&people.alice], "R2")
        .await;
    assert_eq!(owner().await, Some(people.piotr.id));
}

pub(crate) async fn a_frozen_board_goes_on_when_its_owners_want_it(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "frozen", "").await;
    let token = thread.credential(&Key::new()).await;
    let alarm = Thread::open(ground, &people.alice, "stop everything", "").await;
    alarm.say(&people.alice, "/gate freeze odd calls").await;
    thread.until_dead(&token).await;
    thread.ask(&Key::new()).await;
    thread.refusal("board_frozen").await;
    alarm
        .approved(
            &people.alice,
            "/gate thaw",
            &[&people.alice, &people.piotr],
            "R2",
        )
        .await;
    assert!(thread.alive(&token).await);
}

pub(crate) async fn what_its_requester_gives_back_is_over(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "released", "").await;
    let token = thread.credential(&Key::new()).await;
    thread.say(&people.alice, "/gate release codex-kan-1").await;
    thread.answer_with("Nothing was released").await;
    assert!(thread.alive(&token).await);
    thread
        .say(&people.codex, "/gate release codex-kan-1 done")
        .await;
    thread.until_dead(&token).await;
    thread.answer_with("**`codex-kan-1` is released**").await;
}

pub(crate) async fn whoever_holds_a_token_can_stop_its_identity(ground: &impl Ground) {
    let people = ground.people();
    let thread = Thread::open(ground, &people.codex, "stopped by its holder", "").await;
    let token = thread.credential(&Key::new()).await;
    let pause = async || {
        let url = format!("{}/v1/pause", ground.bot_url());
        let call = plain_client().post(url).bearer_auth(&token);
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!(pause().await, 200);
    assert!(!thread.alive(&token).await);
    thread.answer_with("the holder of c1 wants it").await;
    assert_eq!(pause().await, 401);
}
