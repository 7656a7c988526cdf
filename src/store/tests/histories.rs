//! Random histories of the core on a disk: everything that was decided is there again, made from the
//! journal alone, and equals the records that the core saw.

use super::*;
use crate::gate::decide::tests::random::kept::history;

#[tokio::test]
async fn what_the_core_decided_is_made_again_from_the_journal_alone() {
    for beginning in 0..4 {
        let house = House::new();
        let bot = house.start();
        let history = history(beginning);
        let lines = history.lines.len();
        for (at, decision) in history.lines {
            house.clock.advance(at.duration_since(house.clock.now()));
            let plain = |value: Result<Value, serde_json::Error>| value.unwrap();
            let body = Body {
                policy: "policy-1".to_owned(),
                cause: decision.cause,
                changes: decision.changes,
                entries: decision
                    .entries
                    .iter()
                    .map(|entry| plain(serde_json::to_value(entry)))
                    .collect(),
                effects: decision
                    .effects
                    .iter()
                    .map(crate::gate::world::encode)
                    .collect(),
                under_reserve: decision.under_reserve,
            };
            let job: Job = Box::new(move |_, stamp| Step::Commit {
                body,
                answer: stamp.seq,
            });
            bot.submit(job).await.unwrap();
        }
        bot.close().await;
        let kept = house.rows();
        fs::remove_dir_all(house.path("sled")).unwrap();
        let opened = house.open().unwrap();
        assert!(lines > 20, "{lines} lines are no history");
        assert_eq!(rows(&opened), kept);
        assert_eq!(kept.0.len(), history.records.len());
        let store = opened.store();
        for (key, value) in &history.records {
            assert_eq!(store.get(key).unwrap().as_ref(), Some(value), "{key:?}");
        }
    }
}
