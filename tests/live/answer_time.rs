//! How long it takes from a comment to the bot's answer on a forge that has nothing else to do.
//!
//! Most of it is the forge's own delay before it delivers. The limit is a promise to people.

use std::time::Duration;

use ownergate::clock::Clock;

use crate::real::RealGround;
use crate::shared::ground::Ground as _;
use crate::shared::thread::Thread;

/// What people are promised.
const LIMIT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a real forge: run tests/live/build-forge first"]
async fn a_command_is_answered_within_three_seconds() {
    let ground = RealGround::begin().await;
    let alice = &ground.people().alice;
    let mut times = Vec::new();
    for said in ["one", "two", "three", "four", "five"] {
        let thread = Thread::open(&ground, alice, said, "").await;
        ground.next_second().await;
        let clock = Clock::system();
        thread.say(alice, "/gate list").await;
        let answered = async || !thread.answers().await.is_empty();
        ground.until("an answer", answered).await;
        times.push(clock.monotonic());
    }
    times.sort();
    // One slow commit of a busy machine's disk is not what this is about.
    assert!(times[2] < LIMIT, "{times:?}");
}
