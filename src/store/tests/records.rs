//! The records are a projection: whatever becomes of them, the journal makes the same ones again.

use super::*;

#[tokio::test]
async fn deleted_records_are_back_from_the_journal_byte_for_byte() {
    let house = House::with_lines(30).await;
    let before = house.rows();
    fs::remove_dir_all(house.path("sled")).unwrap();
    let opened = house.open().unwrap();
    assert!(
        matches!(&opened.notes[..], [Note::Rebuilt { lines: 30, .. }]),
        "{:?}",
        opened.notes
    );
    assert_eq!(rows(&opened), before);
    // Each line has a credential and an entry.
    assert_eq!(before.0.len(), 58);
}

#[tokio::test]
async fn each_file_of_the_records_flipped_in_twenty_places_or_cut_comes_back_equal() {
    let house = House::with_lines(60).await;
    house.rows();
    let expected = house.rows_from_nothing();
    let mut rebuilt = 0;
    for path in files(&house.path("sled")).into_keys() {
        let name = path.strip_prefix(house.path("")).unwrap().to_owned();
        let length = fs::metadata(&path).unwrap().len();
        let flips = (0..20).map(|turn| (turn * length / 20, false));
        let cuts = [0, length / 3, length - 1].map(|length| (length, true));
        for (place, cutting) in flips.chain(cuts) {
            let hurt = House::new();
            copy(&house.path(""), &hurt.path(""));
            let target = hurt.path("").join(&name);
            if cutting {
                cut(&target, place)
            } else {
                flip(&target, place)
            }
            let opened = hurt.open().unwrap();
            assert_eq!(
                rows(&opened),
                expected,
                "{}, {place}, {cutting}",
                name.display()
            );
            rebuilt += usize::from(
                opened
                    .notes
                    .iter()
                    .any(|note| matches!(note, Note::Rebuilt { .. })),
            );
        }
    }
    assert!(rebuilt > 0, "none of it was damage");
}

#[tokio::test]
async fn records_that_are_behind_catch_up() {
    let house = House::with_lines(10).await;
    let old = tempfile::tempdir().unwrap();
    copy(&house.path("sled"), &old.path().join("sled"));
    let bot = house.start();
    for number in 5..25 {
        bot.submit(put(number)).await.unwrap();
    }
    bot.close().await;
    let expected = house.rows();
    fs::remove_dir_all(house.path("sled")).unwrap();
    copy(&old.path().join("sled"), &house.path("sled"));
    let opened = house.open().unwrap();
    assert_eq!(opened.notes, [Note::CaughtUp { lines: 21 }]);
    assert_eq!(rows(&opened), expected);
    drop(opened);
    assert_eq!(house.rows_from_nothing(), expected);
}

#[tokio::test]
async fn records_of_another_version_are_rebuilt() {
    let house = House::with_lines(10).await;
    let expected = house.rows();
    let records = house.records();
    let mut meta = records.meta().unwrap();
    meta.version = 99;
    let foreign = (b"c-of-another-version".to_vec(), Some(b"1".to_vec()));
    records.apply([foreign].into(), &mut meta).unwrap();
    drop(records);
    let opened = house.open().unwrap();
    let [Note::Rebuilt { why, .. }] = &opened.notes[..] else {
        panic!("{:?}", opened.notes)
    };
    assert!(why.contains("version 99"));
    assert_eq!(rows(&opened), expected);
}

#[tokio::test]
async fn a_record_that_changed_without_a_line_is_found() {
    let house = House::with_lines(10).await;
    let expected = house.rows();
    let records = house.records();
    let right = records.meta().unwrap();
    let planted = codec::encode(&credential(77)).unwrap();
    records
        .apply([(planted, Some(b"{}".to_vec()))].into(), &mut right.clone())
        .unwrap();
    records.apply(BTreeMap::new(), &mut right.clone()).unwrap();
    drop(records);
    let opened = house.open().unwrap();
    assert!(
        matches!(opened.notes[..], [Note::Rebuilt { .. }]),
        "{:?}",
        opened.notes
    );
    assert_eq!(rows(&opened), expected);
}

#[tokio::test]
async fn a_rebuild_that_is_cut_short_is_done_again() {
    let house = House::with_lines(10).await;
    let expected = house.rows();
    fs::write(house.path("sled").join("db"), b"damaged").unwrap();
    let faults = stop_at(Point::Rebuild, 1);
    open(
        Options {
            faults,
            ..house.options()
        },
        Arc::default(),
    )
    .unwrap_err();
    assert_eq!(house.rows(), expected);
}

#[tokio::test]
async fn records_locked_by_another_are_not_damaged() {
    let house = House::with_lines(10).await;
    house.rows();
    let other = house.records();
    let before = house.bytes();
    let error = house.open_at_once().unwrap_err();
    assert!(matches!(error, OpenError::Busy { .. }), "{error}");
    assert!(house.bytes() == before, "something on disk has changed");
    drop(other);
    assert_eq!(house.open().unwrap().notes, []);
}

/// What a program without the index of entries left behind: a start makes it, and what happened before
/// is found.
#[tokio::test]
async fn records_from_before_the_index_of_entries_are_rebuilt_with_it() {
    use crate::gate::actor::Actor;
    use crate::gate::audit::{Entry, index::Way};
    use crate::gate::ids::{IdentityNumber, UserId};
    use crate::gate::key::Table;

    let house = House::new();
    let bot = house.start();
    for number in 1..=20 {
        let entry = Entry::new("identity_paused", Actor::User(UserId(2)), "by user 2")
            .about_identity(IdentityNumber(number % 4));
        let job: Job = Box::new(move |_, stamp| Step::Commit {
            body: Body {
                entries: vec![json!(entry)],
                ..body(vec![change(number, Some(json!({"v": 1})))])
            },
            answer: stamp.seq,
        });
        bot.submit(job).await.unwrap();
    }
    bot.close().await;
    let expected = house.rows();

    let records = house.records();
    let mut meta = records.meta().unwrap();
    let derived = |key: &&Vec<u8>| {
        [Table::Audit, Table::AuditBy]
            .map(|table| table.byte())
            .contains(&key[0])
    };
    let keys = expected.0.iter().map(|(key, _)| key).filter(derived);
    let gone: BTreeMap<_, _> = keys.map(|key| (key.clone(), None)).collect();
    assert_eq!(
        gone.len(),
        60,
        "an entry, its actor and its identity, of each line"
    );
    meta.version = 1;
    records.apply(gone, &mut meta).unwrap();
    drop(records);

    let opened = house.open().unwrap();
    let [Note::Rebuilt { why, lines: 21 }] = &opened.notes[..] else {
        panic!("{:?}", opened.notes)
    };
    assert!(why.contains("they are of version 1"), "{why}");
    assert_eq!(rows(&opened), expected);
    let (table, prefix) = Way::Identity(IdentityNumber(3)).prefix();
    let found = opened.store().scan(table, &prefix, None, 100).unwrap();
    assert_eq!(found.len(), 5);
}
