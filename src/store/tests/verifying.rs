//! Verification finds what differs and changes nothing.

use super::*;

fn checked(house: &House) -> Report {
    let before = house.bytes();
    let report = verify(&house.path(""), Some(&"5e".repeat(32)), false).unwrap();
    assert!(house.bytes() == before, "verifying changed something");
    report
}

#[tokio::test]
async fn a_closed_store_is_reported_sound() {
    let house = House::with_lines(30).await;
    let report = checked(&house);
    let head = house.open().unwrap().store().head();
    assert_eq!(report.projection, Projection::Equal { reached: 30 });
    assert!(report.sound() && report.closed);
    assert_eq!((report.lines, report.batches, report.head), (30, 30, 30));
    assert_eq!(
        (report.head_hash, report.bytes, report.segments),
        (head.hash, head.bytes, head.segments)
    );
    assert_eq!(
        report.tables,
        BTreeMap::from([("audit".to_owned(), 29), ("credential".to_owned(), 29)])
    );
    assert_eq!(
        report.policies,
        BTreeMap::from([("policy-1".to_owned(), 30)])
    );
}

#[tokio::test]
async fn a_running_store_is_verified_while_it_works() {
    let house = House::new();
    let bot = house.start();
    let work = tokio::spawn({
        let bot = bot.clone();
        async move {
            for turn in 0..300 {
                bot.submit(put(turn % 40)).await.unwrap();
            }
        }
    });
    while !work.is_finished() {
        let report = bot.verify().await.unwrap();
        assert!(
            matches!(report.projection, Projection::Equal { .. }),
            "{:?}",
            report.projection
        );
    }
    work.await.unwrap();
    let report = bot.verify().await.unwrap();
    assert_eq!(report.projection, Projection::Equal { reached: 300 });
    let outside = verify(&house.path(""), None, false).unwrap();
    assert!(
        matches!(outside.projection, Projection::NotChecked { .. }),
        "{:?}",
        outside.projection
    );
    assert_eq!(outside.head, 300);
}

#[tokio::test]
async fn an_unfinished_tail_is_no_fault_and_a_damaged_line_is() {
    let house = House::with_lines(9).await;
    let path = house.last_segment();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"v\":1,\"seq\":10,"].concat()).unwrap();
    let report = verify(&house.path(""), None, true).unwrap();
    assert_eq!(
        report.unfinished,
        Some(Tail {
            seq: 10,
            offset: whole.len() as u64
        })
    );
    assert!(report.sound());
    fs::write(&path, &whole).unwrap();
    flip(&house.segments()[0], 900);
    let error = verify(&house.path(""), None, true).unwrap_err();
    assert!(
        matches!(error, VerifyError::Journal(OpenError::BadLine { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn records_that_differ_from_the_journal_are_reported() {
    let planted = codec::encode(&credential(77)).unwrap();
    for hidden in [false, true] {
        let house = House::with_lines(9).await;
        let records = house.records();
        let meta = records.meta().unwrap();
        let writes = [(planted.clone(), Some(b"{}".to_vec()))].into();
        records.apply(writes, &mut meta.clone()).unwrap();
        if hidden {
            // The summary says that nothing has happened.
            records.apply(BTreeMap::new(), &mut meta.clone()).unwrap();
        }
        drop(records);
        let Projection::Differs { why } = checked(&house).projection else {
            panic!("hidden: {hidden}");
        };
        assert_eq!(why.contains("their sum"), !hidden, "{why}");
    }
}

#[tokio::test]
async fn a_policy_that_no_line_records_is_named() {
    let house = House::new();
    let bot = house.start();
    let record: Job = Box::new(|_, stamp| Step::Commit {
        body: body(vec![Change {
            key: Key::policy(),
            value: Some(json!({"v": 1, "is": "policy-1"})),
        }]),
        answer: stamp.seq,
    });
    bot.submit(record).await.unwrap();
    let other: Job = Box::new(|_, stamp| Step::Commit {
        body: Body {
            policy: "policy-2".to_owned(),
            ..body(vec![])
        },
        answer: stamp.seq,
    });
    bot.submit(other).await.unwrap();
    let report = bot.verify().await.unwrap();
    let hash = |record: &Value| record["is"].as_str().map(str::to_owned);
    assert_eq!(report.unrecorded_policies(hash), ["policy-2"]);
    assert_eq!(
        report.policy_records,
        [(1, json!({"v": 1, "is": "policy-1"}))]
    );
}
