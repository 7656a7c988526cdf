//! A newer format: what a program writes until it is told otherwise, what is kept, and the way back.

use super::*;

impl House {
    /// The options of a program that knows the formats up to this one.
    fn knowing(&self, newest_format: u32) -> Options {
        Options {
            newest_format,
            ..self.options()
        }
    }

    fn start_knowing(&self, newest_format: u32) -> Bot {
        start(open(self.knowing(newest_format), Arc::default()).unwrap())
    }

    /// The formats of the segments, as their headers say.
    fn formats(&self) -> Vec<u32> {
        let header = |path: &PathBuf| {
            let text = fs::read_to_string(path).unwrap();
            Header::decode(text.lines().next().unwrap().as_bytes()).unwrap()
        };
        let segments = self.segments();
        segments.iter().map(|path| header(path).format).collect()
    }

    fn backups(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| name.starts_with("journal.before-"))
            .collect();
        names.sort();
        names
    }

    fn put_back(&self, backup: &str) {
        fs::remove_dir_all(self.path("journal")).unwrap();
        fs::rename(self.path(backup), self.path("journal")).unwrap();
    }
}

#[tokio::test]
async fn a_newer_program_writes_the_old_format_until_it_is_told_otherwise() {
    let house = House::with_lines(20).await;
    let before = house.segments().len();
    assert!(before > 1);
    // It goes on in the old format, into new segments, too.
    let bot = house.start_knowing(2);
    for number in 20..40 {
        assert!(bot.submit(put(number)).await.is_ok());
    }
    bot.close().await;
    assert!(house.segments().len() > before);
    assert!(house.formats().iter().all(|format| *format == 1));
    assert!(house.lines().iter().all(|line| line.v == 1));
    // So the program before can be put back.
    let bot = house.start();
    assert!(bot.submit(put(40)).await.is_ok());
    bot.close().await;
    // Only what is new begins in the newest.
    let young = House::new();
    young.start_knowing(2).close().await;
    assert_eq!(young.formats(), [2]);
}

#[tokio::test]
async fn an_upgrade_keeps_a_copy_and_opens_a_segment_of_the_new_format() {
    let house = House::with_lines(20).await;
    let rows = house.rows();
    let journal = files(&house.path("journal"));
    let everything = house.bytes();
    let asked = upgrade(&house.knowing(2), false).unwrap();
    let next = house.segments().len() + 1;
    let segment = house.path("journal").join(format!("{next:08}.jsonl"));
    let mut expected = Upgrade::Segment {
        from: 1,
        to: 2,
        segment,
        backup: None,
    };
    assert_eq!(asked, expected);
    assert!(house.bytes() == everything, "it was only asked");

    let done = upgrade(&house.knowing(2), true).unwrap();
    if let Upgrade::Segment { backup, .. } = &mut expected {
        *backup = Some(house.path("journal.before-upgrade-1-to-2"));
    }
    assert_eq!(done, expected);
    assert_eq!(house.backups(), ["journal.before-upgrade-1-to-2"]);
    let kept = files(&house.path("journal.before-upgrade-1-to-2"));
    assert!(kept.values().eq(journal.values()), "byte for byte");
    assert_eq!(house.formats().last(), Some(&2));
    let again = upgrade(&house.knowing(2), true).unwrap();
    assert_eq!(again, Upgrade::Nothing { format: 2 });

    // It goes on, in the new format, and everything is there.
    let opened = open(house.knowing(2), Arc::default()).unwrap();
    assert_eq!(super::rows(&opened), rows);
    let bot = start(opened);
    for number in 20..40 {
        assert!(bot.submit(put(number)).await.is_ok());
    }
    bot.close().await;
    let lines = house.lines();
    assert!(lines[..20].iter().all(|line| line.v == 1));
    assert!(lines[21..].iter().all(|line| line.v == 2));
    let formats = house.formats();
    assert!(formats.is_sorted() && formats.iter().filter(|format| **format == 2).count() > 1);
}

#[tokio::test]
async fn the_program_before_refuses_and_the_copy_is_the_way_back() {
    let house = House::with_lines(7).await;
    let rows = house.rows();
    upgrade(&house.knowing(2), true).unwrap();
    let before = house.bytes();
    let error = house.open().unwrap_err().to_string();
    assert!(
        error.contains("is in format 2, and this program knows up to 1"),
        "{error}"
    );
    assert!(house.bytes() == before);
    // Nothing was written since: the copy is all there ever was.
    house.put_back("journal.before-upgrade-1-to-2");
    assert_eq!(house.rows(), rows);
    // Whatever was written since is missing then, and that is not passed over.
    upgrade(&house.knowing(2), true).unwrap();
    let bot = house.start_knowing(2);
    assert!(bot.submit(put(9)).await.is_ok());
    bot.close().await;
    house.put_back("journal.before-upgrade-1-to-2");
    let error = house.open().unwrap_err();
    assert!(matches!(error, OpenError::Loss { .. }), "{error}");
}

#[tokio::test]
async fn an_upgrade_touches_nothing_that_it_does_not_understand() {
    let nothing = House::new();
    let error = upgrade(&nothing.knowing(2), true).unwrap_err();
    assert!(matches!(error, UpgradeError::NoJournal { .. }), "{error}");
    assert!(!nothing.path("").exists());

    let house = House::with_lines(5).await;
    let opened = house.open().unwrap();
    let at_once = Options {
        lock_wait: Duration::ZERO,
        ..house.knowing(2)
    };
    let error = upgrade(&at_once, true).unwrap_err();
    assert!(
        matches!(error, UpgradeError::Store(OpenError::Busy { .. })),
        "{error}"
    );
    drop(opened);
    let foreign = Options {
        installation: "ab".repeat(32),
        ..house.knowing(2)
    };
    let error = upgrade(&foreign, true).unwrap_err();
    assert!(
        matches!(
            error,
            UpgradeError::Store(OpenError::OtherInstallation { .. })
        ),
        "{error}"
    );
    let length = fs::metadata(house.last_segment()).unwrap().len();
    cut(&house.last_segment(), length - 5);
    let error = upgrade(&house.knowing(2), true).unwrap_err();
    assert!(matches!(error, UpgradeError::NotWhole { .. }), "{error}");
    assert_eq!(house.backups(), [""; 0]);
}

/// Without a whole copy nothing is opened; what is left of one that was cut short is no hindrance.
#[tokio::test]
async fn without_a_copy_there_is_no_upgrade() {
    let house = House::with_lines(5).await;
    let journal = files(&house.path("journal"));
    fs::write(house.path("journal.partial"), "in the way").unwrap();
    let error = upgrade(&house.knowing(2), true).unwrap_err();
    assert!(matches!(error, UpgradeError::Backup { .. }), "{error}");
    assert_eq!(files(&house.path("journal")), journal);
    assert_eq!(house.backups(), [""; 0]);
    fs::remove_file(house.path("journal.partial")).unwrap();
    fs::create_dir(house.path("journal.partial")).unwrap();
    fs::write(house.path("journal.partial/00000009.jsonl"), "half").unwrap();
    upgrade(&house.knowing(2), true).unwrap();
    let kept = files(&house.path("journal.before-upgrade-1-to-2"));
    assert!(kept.values().eq(journal.values()));
}

/// Cut short at any step it can be done again, and what was written stays.
#[tokio::test]
async fn an_upgrade_that_is_cut_short_is_done_again() {
    for point in [Point::SegmentCreate, Point::SegmentCreated] {
        let house = House::with_lines(5).await;
        let rows = house.rows();
        let faults = stop_at(point, 1);
        let options = Options {
            faults,
            ..house.knowing(2)
        };
        let error = upgrade(&options, true).unwrap_err();
        assert!(matches!(error, UpgradeError::Segment { .. }), "{error}");
        upgrade(&house.knowing(2), true).unwrap();
        assert_eq!(house.formats().last(), Some(&2));
        let opened = open(house.knowing(2), Arc::default()).unwrap();
        assert_eq!(super::rows(&opened), rows);
    }
}

/// A segment cannot say that it is older than what it follows, nor a line what its segment is not.
#[tokio::test]
async fn formats_only_grow() {
    let house = House::with_lines(3).await;
    upgrade(&house.knowing(2), true).unwrap();
    let bot = house.start_knowing(2);
    assert!(bot.submit(put(9)).await.is_ok());
    bot.close().await;
    upgrade(&house.knowing(3), true).unwrap();
    let bot = house.start_knowing(3);
    assert!(bot.submit(put(10)).await.is_ok());
    bot.close().await;
    let last = house.last_segment();
    let text = fs::read_to_string(&last).unwrap();
    let header = Header {
        format: 1,
        ..Header::decode(text.lines().next().unwrap().as_bytes()).unwrap()
    };
    let header = String::from_utf8(header.encode().unwrap()).unwrap();
    let (_, lines) = text.split_once('\n').unwrap();
    fs::write(&last, format!("{header}\n{lines}")).unwrap();
    let error = open(house.knowing(3), Arc::default()).unwrap_err();
    assert!(
        error.to_string().contains("older than the one before"),
        "{error}"
    );
}
