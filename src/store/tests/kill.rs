//! A child process that is killed in the middle of its work, again and again.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

#[tokio::test]
async fn a_killed_process_has_lost_nothing_that_it_answered() {
    let house = House::new();
    fs::create_dir_all(house.path("")).unwrap();
    let mut answered = 0;
    for round in 1..=12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "store::tests::kill::until_it_is_killed",
            ])
            .env("OWNERGATE_TEST_DIRECTORY", house.path(""))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = lines.map_while(Result::ok).filter_map(|line| {
            line.strip_prefix("answered ")
                .and_then(|number| number.parse().ok())
        });
        // Killed after a different number of answers each time, while it works on.
        for number in numbers.take(round * 37 % 200 + 1) {
            answered = number;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let opened = house.open().unwrap();
        let head = opened.store().head().seq;
        assert!(
            head >= answered && answered > 0,
            "round {round}: {answered} was answered, {head} is there"
        );
        let shown = rows(&opened);
        drop(opened);
        assert_eq!(shown, house.rows_from_nothing(), "round {round}");
    }
}

#[tokio::test]
#[ignore = "run by the test above, which kills it"]
async fn until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says where")]
    let Some(directory) = std::env::var_os("OWNERGATE_TEST_DIRECTORY") else {
        return;
    };
    let house = House::new();
    let options = Options {
        directory: directory.into(),
        ..house.options()
    };
    let bot = start(open(options, Arc::default()).unwrap());
    let submit = |number| {
        let bot = bot.clone();
        tokio::spawn(async move { bot.submit(put(number)).await.unwrap() })
    };
    let mut number = 0;
    loop {
        let batch: Vec<_> = (0..5).map(|step| submit((number + step) % 50)).collect();
        number += 5;
        for job in batch {
            let line = job.await.unwrap();
            // Whoever reads may have gone with the kill that is on its way.
            let _ = writeln!(std::io::stdout(), "answered {line}");
        }
    }
}
