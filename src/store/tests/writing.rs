//! Jobs, batches and answers.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;

use super::*;
use crate::gate::key::{Part, Table};

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let house = House::new();
    let opened = house.open().unwrap();
    assert!(opened.new);
    let bot = start(opened);
    assert_eq!(bot.submit(put(1)).await, Ok(1));
    assert_eq!(
        bot.store().get(&credential(1)).unwrap().unwrap()["number"],
        1
    );
    bot.close().await;
    assert_eq!(bot.submit(put(2)).await, Err(SubmitError::Closed));
    assert_eq!(bot.store().get(&credential(1)), Err(StoreError::Closed));
    let opened = house.open().unwrap();
    assert!(!opened.new);
    assert_eq!(opened.notes, [], "the closing line has been reached");
    assert_eq!(opened.store().head().seq, 2);
    assert_eq!(house.lines()[1].cause, json!({"kind": "closed"}));
    assert_eq!(house.lines()[1].policy, "policy-1");
}

#[tokio::test]
async fn every_answer_comes_after_its_fdatasync() {
    let house = House::new();
    let probe = Probe::default();
    let bot = house.start_with(Faults::none().watched(probe.clone()));
    for number in 1..=5 {
        bot.submit(put(number)).await.unwrap();
        assert_eq!(probe.syncs() as u64, number);
    }
    batch_of(&bot, 20).await;
    assert_eq!(probe.syncs(), 7, "twenty jobs are one batch");
    let answers = probe
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Answered(_)))
        .count();
    assert_eq!(answers, 26);
    assert_eq!(probe.answered_too_early(), None);
}

#[tokio::test]
async fn a_kill_at_any_step_loses_nothing_that_was_answered() {
    use Point::{
        AfterApply, AfterSync, AfterWrite, BeforeAnswer, BeforeApply, BeforeSync, BeforeWrite,
        SegmentCreate, SegmentCreated,
    };
    let steps = [
        BeforeWrite,
        AfterWrite,
        BeforeSync,
        AfterSync,
        BeforeApply,
        AfterApply,
        BeforeAnswer,
        SegmentCreate,
        SegmentCreated,
    ];
    for point in steps {
        for fault in [Fault::Stop, Fault::Error(std::io::ErrorKind::StorageFull)] {
            let house = House::new();
            let turn = if matches!(point, SegmentCreate | SegmentCreated) {
                2
            } else {
                13
            };
            let bot = house.start_with(fault_at(point, turn, fault));
            let mut answered = 0;
            for number in 1..40 {
                match bot.submit(put(number)).await {
                    Ok(line) => answered = line,
                    Err(error) => {
                        assert_eq!(error, SubmitError::Unhealthy, "{point:?}");
                        break;
                    }
                }
            }
            bot.died().await;
            assert!(!bot.healthy());
            assert_eq!(bot.submit(put(1)).await, Err(SubmitError::Unhealthy));
            bot.close().await;
            assert!((5..39).contains(&answered), "{point:?}: {answered}");
            let opened = house
                .open()
                .unwrap_or_else(|error| panic!("{point:?} {fault:?}: {error}"));
            let head = opened.store().head().seq;
            assert!(
                (answered..=answered + 1).contains(&head),
                "{point:?}: {answered}, {head}"
            );
            let shown = rows(&opened);
            // Each line has a credential and an entry.
            assert_eq!(shown.0.len() as u64, 2 * head, "{point:?}");
            drop(opened);
            assert_eq!(shown, house.rows_from_nothing(), "{point:?}");
        }
    }
}

#[tokio::test]
async fn a_torn_write_answers_nobody_and_is_set_aside() {
    let house = House::new();
    let bot = house.start_with(fault_at(Point::BeforeWrite, 3, Fault::Torn(70)));
    bot.submit(put(1)).await.unwrap();
    bot.submit(put(2)).await.unwrap();
    assert_eq!(bot.submit(put(3)).await, Err(SubmitError::Unhealthy));
    bot.died().await;
    let opened = house.open().unwrap();
    assert!(
        matches!(opened.notes[0], Note::TailSetAside { bytes: 70, .. }),
        "{:?}",
        opened.notes
    );
    assert_eq!(opened.store().head().seq, 2);
}

#[tokio::test]
async fn a_decision_sees_what_its_batch_has_decided_before_it() {
    let house = House::new();
    let bot = house.start();
    for number in [2, 4, 6] {
        bot.submit(put(number)).await.unwrap();
    }
    let write: Job = Box::new(|_, stamp| Step::Commit {
        body: body(vec![
            change(1, Some(json!(1))),
            change(4, None),
            change(6, Some(json!(66))),
            change(9, Some(json!(9))),
        ]),
        answer: stamp.seq,
    });
    let look: Job = Box::new(|read, stamp| {
        let numbers = |prefix: &[Part], limit| -> Vec<i64> {
            let rows = read.scan(Table::Credential, prefix, limit);
            rows.iter()
                .map(|(key, _)| match key.parts[0] {
                    Part::Number(number) => number,
                    Part::Text(_) => 0,
                })
                .collect()
        };
        assert_eq!(numbers(&[], 9), [1, 2, 6, 9]);
        assert_eq!(numbers(&[], 3), [1, 2, 6]);
        assert_eq!(numbers(&[], 0), [] as [i64; 0]);
        assert_eq!(numbers(&[Part::Number(6)], 9), [6]);
        assert_eq!(read.get(&credential(6)), Some(json!(66)));
        assert_eq!(read.get(&credential(4)), None);
        assert!(read.get(&credential(2)).is_some());
        Step::Nothing(stamp.seq)
    });
    let outcomes = batch_behind(&bot, Box::new(|_, _| Step::Nothing(0)), [write, look]).await;
    assert_eq!(outcomes, [Ok(4), Ok(5)]);
    let left = bot
        .store()
        .scan(Table::Credential, &[], Some(&credential(2)), 9)
        .unwrap();
    assert_eq!(
        left.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(),
        [credential(6), credential(9)]
    );
    assert_eq!(
        bot.store()
            .scan(Table::Credential, &[], None, 1)
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_decision_that_panics_writes_nothing_and_the_writer_lives() {
    let house = House::new();
    let bot = house.start();
    let panicking: Job = Box::new(|_, _| panic!("this event is poison"));
    assert_eq!(
        bot.submit(panicking).await,
        Err(SubmitError::Panicked("this event is poison".to_owned()))
    );
    let fraction: Job = Box::new(|_, stamp| Step::Commit {
        body: body(vec![change(1, Some(json!(0.5)))]),
        answer: stamp.seq,
    });
    let refused = bot.submit(fraction).await;
    assert_eq!(
        refused,
        Err(SubmitError::Panicked(
            "a record has a number with a fraction".to_owned()
        ))
    );
    assert_eq!(house.lines(), []);
    assert_eq!(bot.submit(put(1)).await, Ok(1));
}

#[tokio::test]
async fn effects_become_records_of_the_outbox_on_a_rebuild_too() {
    let house = House::new();
    let bot = house.start();
    let job: Job = Box::new(|_, stamp| Step::Commit {
        body: Body {
            effects: vec![json!({"post": 1}), json!({"post": 2})],
            ..body(vec![])
        },
        answer: stamp.seq,
    });
    bot.submit(put(1)).await.unwrap();
    assert_eq!(bot.submit(job).await, Ok(2));
    let expected = vec![
        (Key::outbox(2, 0), json!({"post": 1})),
        (Key::outbox(2, 1), json!({"post": 2})),
    ];
    assert_eq!(
        bot.store()
            .scan(Table::Outbox, &[Part::Number(2)], None, 9)
            .unwrap(),
        expected
    );
    bot.close().await;
    fs::remove_dir_all(house.path("sled")).unwrap();
    let store = house.open().unwrap().store();
    assert_eq!(store.scan(Table::Outbox, &[], None, 9).unwrap(), expected);
}

#[tokio::test]
async fn edges_are_refused_when_the_queue_is_full_and_producers_wait() {
    let house = House::new();
    let bot = house.start();
    let (go, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
    let hold: Job = Box::new(move |_, _| {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        Step::Nothing(0)
    });
    let submit = |job: Job| {
        let bot = bot.clone();
        tokio::spawn(async move { bot.submit(job).await })
    };
    let held = submit(hold);
    has_begun.await.unwrap();
    let queued: Vec<_> = (1..=1025).map(|number| submit(put(number))).collect();
    while bot.waiting() < 1024 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bot.try_submit(put(0)).await, Err(SubmitError::Full));
    go.send(()).unwrap();
    held.await.unwrap().unwrap();
    for job in queued {
        job.await.unwrap().unwrap();
    }
    assert_eq!(bot.try_submit(put(0)).await, Ok(1026));
}

#[tokio::test]
async fn below_the_reserve_only_narrowing_is_journaled() {
    let house = House::new();
    let low = Arc::new(AtomicBool::new(false));
    let reserve = Reserve::Switch(Arc::clone(&low));
    let bot = start(
        open(
            Options {
                reserve,
                ..house.options()
            },
            Arc::default(),
        )
        .unwrap(),
    );
    let narrow = || -> Job {
        Box::new(|_, stamp| {
            assert!(stamp.low_space);
            Step::Commit {
                body: Body {
                    under_reserve: true,
                    ..body(vec![])
                },
                answer: stamp.seq,
            }
        })
    };
    assert_eq!(bot.submit(put(1)).await, Ok(1));
    low.store(true, Ordering::SeqCst);
    assert_eq!(bot.submit(put(2)).await, Err(SubmitError::LowSpace));
    assert_eq!(bot.submit(narrow()).await, Ok(2));
    low.store(false, Ordering::SeqCst);
    assert_eq!(bot.submit(put(2)).await, Ok(3));
    assert!(Reserve::Bytes(u64::MAX).is_low(&house.path("")).unwrap());
    assert!(!Reserve::Bytes(0).is_low(&house.path("")).unwrap());
}

#[tokio::test]
async fn a_lines_time_never_goes_back() {
    let house = House::new();
    let bot = house.start();
    bot.submit(put(1)).await.unwrap();
    house.clock.advance(SignedDuration::from_hours(-2));
    bot.submit(put(2)).await.unwrap();
    bot.close().await;
    let bot = house.start();
    bot.submit(put(3)).await.unwrap();
    house.clock.advance(SignedDuration::from_hours(3));
    bot.submit(put(4)).await.unwrap();
    let times: Vec<String> = house
        .lines()
        .iter()
        .map(|line| line.time.to_string())
        .collect();
    let start = "2026-11-23T14:00:00Z";
    assert_eq!(times, [start, start, start, start, "2026-11-23T15:00:00Z"]);
}

#[tokio::test]
async fn scratch_outlives_a_restart_and_has_no_line() {
    let house = House::new();
    let bot = house.start();
    bot.scratch("cursor", json!({"at": 5})).await.unwrap();
    bot.close().await;
    assert_eq!(house.lines().len(), 1, "only the closing line");
    let bot = house.start();
    assert_eq!(
        bot.store().scratch("cursor").unwrap(),
        Some(json!({"at": 5}))
    );
    bot.scratch("cursor", Value::Null).await.unwrap();
    assert_eq!(bot.store().scratch("cursor").unwrap(), None);
    bot.scratch("cursor", json!(6)).await.unwrap();
    bot.close().await;
    fs::remove_dir_all(house.path("sled")).unwrap();
    assert_eq!(house.start().store().scratch("cursor").unwrap(), None);
}

#[tokio::test]
async fn the_journal_is_cut_into_chained_segments_that_only_its_owner_reads() {
    let house = House::with_lines(30).await;
    let segments = house.segments();
    assert!(segments.len() > 3);
    assert!(segments[0].ends_with("journal/00000001.jsonl"));
    let lines = house.lines();
    let mut before = "00".repeat(32);
    for (place, line) in lines.iter().enumerate() {
        assert_eq!((line.seq, &line.prev), (place as u64 + 1, &before));
        before = hex::encode(line::sha256(&line.encode().unwrap()));
        assert_eq!(line.salt.len(), 32);
    }
    let salts: std::collections::BTreeSet<_> = lines.iter().map(|line| &line.salt).collect();
    assert_eq!(salts.len(), 30);
    let head = house.open().unwrap().store().head();
    assert_eq!(
        (head.seq, head.hash, head.segments),
        (30, before, segments.len() as u64)
    );
    let bytes: u64 = segments
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert_eq!(head.bytes, bytes);
    for path in house.bytes().into_keys() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let parent = fs::metadata(path.parent().unwrap())
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert!(
            mode == 0o600 || parent == 0o700,
            "{} {mode:o}",
            path.display()
        );
    }
    // However a folder was put back, it is nobody else's.
    for (path, mode) in [("sled", 0o755), ("sled/conf", 0o644)] {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(house.path(path), mode).unwrap();
    }
    drop(house.open().unwrap());
    let conf = fs::metadata(house.path("sled/conf")).unwrap();
    assert_eq!(conf.permissions().mode() & 0o777, 0o600);
    for folder in ["", "journal", "sled"] {
        let mode = fs::metadata(house.path(folder))
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o700, "{folder}");
    }
}

#[tokio::test]
async fn batches_of_one_and_the_observer() {
    let house = House::new();
    let (tell, told) = mpsc::channel();
    let observer = Observer::new(move |batch: &Batch| tell.send(*batch).unwrap());
    let options = Options {
        max_batch: 1,
        observer,
        ..house.options()
    };
    let bot = start(open(options, Arc::default()).unwrap());
    batch_of(&bot, 3).await;
    bot.close().await;
    let batches: Vec<Batch> = told.try_iter().collect();
    assert_eq!(
        batches
            .iter()
            .map(|batch| (batch.jobs, batch.lines))
            .collect::<Vec<_>>(),
        [(1, 1); 4]
    );
    assert!(house.lines().iter().all(|line| line.batch == line.seq));
}

#[tokio::test]
async fn damage_that_a_read_meets_ends_the_store_and_is_rebuilt() {
    let house = House::with_lines(10).await;
    let expected = house.rows_from_nothing();
    let bot = house.start();
    let store = bot.store();
    let met = store.shared.read(|_| {
        Err::<(), _>(super::super::records::RecordsError::Damaged(
            "met".to_owned(),
        ))
    });
    assert_eq!(met, Err(StoreError::Damaged("met".to_owned())));
    bot.died().await;
    assert_eq!(bot.submit(put(1)).await, Err(SubmitError::Unhealthy));
    assert!(!house.path("sled").exists() && house.path("aside/sled").exists());
    bot.close().await;
    let opened = house.open().unwrap();
    assert!(
        matches!(opened.notes[..], [Note::Rebuilt { .. }]),
        "{:?}",
        opened.notes
    );
    assert_eq!(rows(&opened), expected);
}

#[tokio::test]
async fn records_that_the_disk_refuses_are_kept_for_the_next_start() {
    let house = House::with_lines(10).await;
    let bot = house.start_with(fault_at(
        Point::BeforeApply,
        1,
        Fault::Error(std::io::ErrorKind::StorageFull),
    ));
    assert_eq!(bot.submit(put(1)).await, Err(SubmitError::Unhealthy));
    bot.died().await;
    assert!(!house.path("aside").exists());
    assert_eq!(house.open().unwrap().notes, [Note::CaughtUp { lines: 1 }]);
}
