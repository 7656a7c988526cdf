//! Acknowledged commits that are gone: the start stops until the operator accepts exactly that loss.

use super::*;

/// Opens, expects a refusal with this message, and that nothing has changed.
fn refused(house: &House, accept: Option<u64>, part: &str) -> OpenError {
    let before = house.bytes();
    let options = Options {
        accept_journal_loss: accept,
        ..house.options()
    };
    let error = open(options, Arc::default()).expect_err(part);
    assert!(error.to_string().contains(part), "{error}");
    assert!(
        house.bytes() == before,
        "{part}: something on disk has changed"
    );
    error
}

#[tokio::test]
async fn a_cut_last_line_with_the_records_ahead_stops_the_start() {
    let house = House::with_lines(6).await;
    cut_last_line(&house.last_segment());
    let error = refused(&house, None, "--accept-journal-loss 5");
    assert!(
        matches!(
            error,
            OpenError::Loss {
                journal: 5,
                records: 6
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("ends at 5, and the records have seen 6")
    );
}

#[tokio::test]
async fn after_a_kill_a_cut_last_line_stops_the_start_too() {
    let house = House::with_lines(3).await;
    let bot = house.start_with(stop_at(Point::BeforeWrite, 2));
    bot.submit(put(4)).await.unwrap();
    // Soon after the answer the records go to the system unasked.
    let mut looks = 0;
    while house.open_copy_of_records() < 4 {
        looks += 1;
        assert!(looks < 2000, "the records stay in memory");
    }
    assert_eq!(bot.submit(put(5)).await, Err(SubmitError::Unhealthy));
    bot.died().await;
    cut_last_line(&house.last_segment());
    refused(&house, None, "ends at 3, and the records have seen 4");
}

impl House {
    /// How far the records are as they stand on disk now.
    fn open_copy_of_records(&self) -> u64 {
        let copy = tempfile::tempdir().unwrap();
        let target = copy.path().join("sled");
        footprint::copy(&self.path("sled"), &target).unwrap();
        let records = Records::open(&target, Duration::ZERO);
        records
            .and_then(|records| records.meta())
            .map_or(0, |meta| meta.seq)
    }
}

#[tokio::test]
async fn only_the_journals_last_number_is_accepted() {
    let house = House::with_lines(6).await;
    cut_last_line(&house.last_segment());
    for wrong in [0, 4, 6, 7] {
        refused(&house, Some(wrong), "the journal ends at 5");
    }
    let opened = house.accept(5).unwrap();
    assert_eq!(
        opened.loss_accepted,
        Some(Loss {
            journal: 5,
            records: 6
        })
    );
    assert!(
        matches!(opened.notes[..], [Note::Rebuilt { .. }]),
        "{:?}",
        opened.notes
    );
    assert_eq!(rows(&opened), house.rows_from_nothing());
}

#[tokio::test]
async fn an_accepted_loss_is_reported_until_its_consequences_are_journaled() {
    let house = House::with_lines(6).await;
    cut_last_line(&house.last_segment());
    drop(house.accept(5).unwrap());
    let loss = Some(Loss {
        journal: 5,
        records: 6,
    });
    let opened = house.open().unwrap();
    assert_eq!(
        opened.loss_accepted, loss,
        "a crash came before the first commit"
    );
    start(opened).close().await;
    let opened = house.open().unwrap();
    assert_eq!(
        opened.loss_accepted, loss,
        "a clean stop came before the first commit"
    );
    let bot = start(opened);
    assert_eq!(bot.submit(put(9)).await, Ok(6));
    bot.close().await;
    assert_eq!(house.open().unwrap().loss_accepted, None);
    refused(&house, Some(5), "the journal ends at 7");
}

#[tokio::test]
async fn a_damaged_last_line_can_be_accepted_as_lost() {
    let house = House::with_lines(6).await;
    let path = house.last_segment();
    flip(&path, fs::metadata(&path).unwrap().len() - 100);
    refused(&house, None, "--accept-journal-loss 5");
    let opened = house.accept(5).unwrap();
    assert_eq!(
        opened.loss_accepted,
        Some(Loss {
            journal: 5,
            records: 6
        })
    );
    assert!(matches!(
        opened.notes[..],
        [Note::TailSetAside { .. }, Note::Rebuilt { .. }]
    ));
}

#[tokio::test]
async fn damage_before_readable_lines_is_never_accepted() {
    let house = House::with_lines(6).await;
    flip(&house.segments()[0], 700);
    for accept in [None, Some(0), Some(1), Some(6)] {
        refused(&house, accept, "acknowledged lines follow it");
    }
}

#[tokio::test]
async fn a_restored_backup_on_a_new_machine_is_an_accepted_loss() {
    let house = House::with_lines(6).await;
    fs::remove_dir_all(house.path("sled")).unwrap();
    let opened = house.accept(6).unwrap();
    assert_eq!(
        opened.loss_accepted,
        Some(Loss {
            journal: 6,
            records: 6
        })
    );
}

#[tokio::test]
async fn a_journal_with_another_history_stops_the_start() {
    let house = House::with_lines(6).await;
    let other = House::with_lines(8).await;
    fs::remove_dir_all(house.path("journal")).unwrap();
    copy(&other.path("journal"), &house.path("journal"));
    let error = refused(&house, None, "another history");
    assert!(
        matches!(error, OpenError::OtherHistory { seq: 6, journal: 8 }),
        "{error}"
    );
    let opened = house.accept(8).unwrap();
    assert_eq!(
        opened.loss_accepted,
        Some(Loss {
            journal: 8,
            records: 6
        })
    );
    assert_eq!(rows(&opened), other.rows());
}

#[tokio::test]
async fn a_missing_journal_is_not_a_new_store() {
    let house = House::with_lines(6).await;
    fs::remove_dir_all(house.path("journal")).unwrap();
    refused(&house, None, "ends at 0, and the records have seen 6");
    fs::write(house.path("sled").join("db"), b"damaged").unwrap();
    refused(&house, None, "the journal is missing");
    let opened = house.accept(0).unwrap();
    assert!(opened.new && opened.loss_accepted.is_some());
}
