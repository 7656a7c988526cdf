//! The end of the journal after a crash: what nobody was promised is set aside, and said.

use super::*;

#[tokio::test]
async fn a_torn_batch_is_set_aside_wherever_it_was_cut() {
    let house = House::with_lines(5).await;
    let begin = house.with_unanswered_batch().await;
    let path = house.last_segment();
    let whole = fs::read(&path).unwrap();
    let end = whole.len() as u64;
    for length in [begin + 1, begin + 40, end - 900, end - 300, end - 1] {
        for records in ["behind", "gone"] {
            let torn = House::new();
            copy(&house.path(""), &torn.path(""));
            if records == "gone" {
                fs::remove_dir_all(torn.path("sled")).unwrap();
            }
            cut(&torn.last_segment(), length);
            let opened = torn.open().unwrap();
            let Some(Note::TailSetAside { file, bytes, lines }) = opened.notes.first() else {
                panic!("{length}, {records}: {:?}", opened.notes);
            };
            let kept = fs::read(file).unwrap();
            let from = usize::try_from(length - bytes).unwrap();
            assert_eq!(kept, whole[from..usize::try_from(length).unwrap()]);
            assert_eq!(*lines, 1);
            assert!(opened.notes[0].to_string().contains("nobody was promised"));
            let end = opened.store().head().seq;
            let bot = start(opened);
            assert_eq!(bot.submit(put(7)).await, Ok(end + 1));
            bot.close().await;
            assert_eq!(torn.open().unwrap().notes, []);
            assert_eq!(torn.rows(), torn.rows_from_nothing());
        }
    }
}

#[tokio::test]
async fn zeros_in_the_middle_of_a_batch_are_set_aside_with_what_follows() {
    let house = House::with_lines(5).await;
    let begin = house.with_unanswered_batch().await;
    let path = house.last_segment();
    let end = fs::metadata(&path).unwrap().len();
    let before = house.lines().len() as u64;
    for (from, length, lost) in [
        (begin + 10, 64, 3),
        (begin, 500, 3),
        (end - 900, 32, 2),
        (end - 64, 63, 1),
    ] {
        let torn = House::new();
        copy(&house.path(""), &torn.path(""));
        let file = fs::File::options()
            .write(true)
            .open(torn.last_segment())
            .unwrap();
        file.write_all_at(&vec![0; length], from).unwrap();
        let opened = torn.open().unwrap();
        assert!(
            matches!(opened.notes[0], Note::TailSetAside { .. }),
            "{:?}",
            opened.notes
        );
        assert_eq!(
            opened.store().head().seq,
            before - lost,
            "zeros from {from}"
        );
        drop(opened);
        assert_eq!(torn.rows(), torn.rows_from_nothing());
    }
}

#[tokio::test]
async fn a_batch_that_is_whole_but_unanswered_stays() {
    let house = House::with_lines(5).await;
    house.with_unanswered_batch().await;
    let lines = house.lines().len() as u64;
    let opened = house.open().unwrap();
    assert_eq!(opened.store().head().seq, lines);
    assert_eq!(opened.store().reached(), lines);
    assert!(
        matches!(opened.notes[..], [Note::CaughtUp { .. }]),
        "{:?}",
        opened.notes
    );
}

#[tokio::test]
async fn a_new_segment_whose_header_was_torn_is_set_aside() {
    let house = House::with_lines(5).await;
    for torn in [&b""[..], b"{\"format\":1,\"inst", &[0; 200]] {
        let number = house.segments().len() + 1;
        fs::write(
            house.path("journal").join(format!("{number:08}.jsonl")),
            torn,
        )
        .unwrap();
        let opened = house.open().unwrap();
        assert!(
            matches!(opened.notes[..], [Note::TailSetAside { .. }]),
            "{:?}",
            opened.notes
        );
        assert_eq!(house.segments().len(), number - 1);
    }
    let bot = house.start();
    assert_eq!(bot.submit(put(9)).await, Ok(6));
}

#[tokio::test]
async fn a_cut_that_is_cut_short_is_done_again() {
    let house = House::with_lines(5).await;
    let begin = house.with_unanswered_batch().await;
    cut(&house.last_segment(), begin + 100);
    let faults = stop_at(Point::TailCut, 1);
    open(
        Options {
            faults,
            ..house.options()
        },
        Arc::default(),
    )
    .unwrap_err();
    let opened = house.open().unwrap();
    let Note::TailSetAside {
        bytes: 100, file, ..
    } = &opened.notes[0]
    else {
        panic!("{:?}", opened.notes);
    };
    assert!(file.ends_with("tail-from-7-2.jsonl"), "{}", file.display());
}
