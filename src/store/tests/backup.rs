//! Copies of the journal: whole while it is written, found out when they are not, and never taken for
//! the journal that they are a beginning of.

use super::super::backup::copy_and_verify;
use super::*;

fn installation() -> String {
    "5e".repeat(32)
}

impl House {
    /// Copies the journal to a folder beside the store.
    fn back_up(&self, name: &str) -> Result<Report, BackupError> {
        backup(
            &self.path(""),
            &self.copy(name),
            &installation(),
            &self.clock,
        )
    }

    fn copy(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn look(&self, name: &str) -> Result<Backup, RestoreError> {
        Backup::look(&self.copy(name), &installation())
    }

    fn restore(&self, name: &str) -> Result<u64, RestoreError> {
        self.look(name)?.restore(&self.path(""), &self.clock)
    }

    /// Expects a refused restore that changes nothing, neither of the store nor of the copy.
    fn not_restored(&self, name: &str, part: &str) {
        let all = || files(self.directory.path());
        let before = all();
        let error = self.restore(name).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(before == all(), "{part}: something has changed");
    }

    /// Expects a start that refuses because the journal was put back.
    fn refuses_to_start(&self, number: u64) {
        // A start makes the lock, whatever it then does.
        fs::write(self.path("lock"), std::process::id().to_string() + "\n").unwrap();
        let before = self.bytes();
        let error = self.open().unwrap_err();
        assert!(
            matches!(error, OpenError::PutBack { journal } if journal == number),
            "{error}"
        );
        let command = format!("`ownergate serve --accept-journal-loss {number}`");
        assert!(error.to_string().contains(&command), "{error}");
        assert!(self.bytes() == before, "the refusal changed something");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_the_journal_is_written_is_a_whole_beginning_of_it() {
    let house = House::new();
    let bot = house.start();
    let work = tokio::spawn({
        let bot = bot.clone();
        async move {
            for turn in 0..400 {
                bot.submit(put(turn % 40)).await.unwrap();
            }
        }
    });
    let mut made = Vec::new();
    while !work.is_finished() {
        // The others have their turn, too.
        tokio::task::yield_now().await;
        let durable = bot.store().head().seq;
        if durable == 0 {
            continue;
        }
        let name = format!("copy-{}", made.len());
        let report = house.back_up(&name).unwrap();
        assert!(report.head >= durable, "{} of {durable}", report.head);
        assert_eq!(report.unfinished, None);
        made.push(name);
    }
    work.await.unwrap();
    bot.close().await;
    assert!(!made.is_empty());
    let whole: Vec<Vec<u8>> = files(&house.path("journal")).into_values().collect();
    let whole = whole.concat();
    for name in made {
        let journal = house.copy(&name).join("journal");
        let segments = files(&journal)
            .into_iter()
            .filter(|(path, _)| path.extension().is_some_and(|end| end == "jsonl"));
        let bytes = segments
            .map(|(_, bytes)| bytes)
            .collect::<Vec<_>>()
            .concat();
        assert!(whole.starts_with(&bytes), "{name}");
        house.look(&name).unwrap();
    }
}

#[tokio::test]
async fn what_is_written_between_two_files_is_not_in_the_copy_and_does_it_no_harm() {
    let house = House::new();
    let bot = house.start();
    for number in 1..40 {
        bot.submit(put(number)).await.unwrap();
    }
    let before = bot.store().head();
    assert!(before.segments > 2);
    let (lines, wanted) = mpsc::channel();
    let (done, written) = mpsc::channel();
    // A thread that writes a segment's worth whenever a file was copied.
    let writing = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        while wanted.recv().is_ok() {
            for number in 1..20 {
                runtime.block_on(bot.submit(put(number))).unwrap();
            }
            done.send(()).unwrap();
        }
        runtime.block_on(bot.close());
    });
    let mut order = Vec::new();
    let report = copy_and_verify(
        &house.path(""),
        &house.copy("copy"),
        &installation(),
        &house.clock,
        &mut |path| {
            order.push(path.to_owned());
            lines.send(()).unwrap();
            written.recv().unwrap();
        },
    );
    drop(lines);
    writing.join().unwrap();
    assert_eq!(report.unwrap().head, before.seq);
    let mut newest_first = house.segments();
    newest_first.truncate(order.len());
    newest_first.reverse();
    assert_eq!(order, newest_first);
}

#[tokio::test]
async fn an_unfinished_write_is_left_out() {
    let house = House::with_lines(6).await;
    let path = house.last_segment();
    let mut bytes = fs::read(&path).unwrap();
    let line = bytes.len();
    bytes.extend_from_slice(br#"{"v":1,"seq":7,"batch":7,"time":"2026"#);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(house.back_up("copy").unwrap().head, 6);
    let copied = house.copy("copy").join("journal/00000001.jsonl");
    let length = usize::try_from(fs::metadata(copied).unwrap().len()).unwrap();
    assert!(house.segments().len() > 1 || length == line);
    // A segment of which not even the header is there yet.
    fs::write(&path, &bytes[..line]).unwrap();
    let next = house.segments().len() + 1;
    fs::write(
        house.path("journal").join(format!("{next:08}.jsonl")),
        "{\"for",
    )
    .unwrap();
    assert_eq!(house.back_up("another").unwrap().head, 6);
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_refused_and_a_copy_that_is_not_sound_is_not_kept() {
    let house = House::with_lines(6).await;
    fs::create_dir(house.copy("full")).unwrap();
    fs::write(house.copy("full").join("a"), "a").unwrap();
    let error = house.back_up("full").unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
    assert_eq!(files(&house.copy("full")).len(), 1);
    // An empty one will do.
    fs::create_dir(house.copy("empty")).unwrap();
    house.back_up("empty").unwrap();
    assert!(house.back_up("empty").is_err());
    let error = backup(&house.copy("nothing"), &house.copy("x"), "5e", &house.clock).unwrap_err();
    assert!(matches!(error, BackupError::NoJournal { .. }), "{error}");
    assert!(!house.copy("x").exists());

    flip(&house.segments()[0], 700);
    let error = house.back_up("damaged").unwrap_err();
    assert!(matches!(error, BackupError::NotSound { .. }), "{error}");
    assert_eq!(files(&house.copy("damaged")), BTreeMap::new());
}

#[tokio::test]
async fn a_restored_journal_starts_only_when_its_loss_is_accepted() {
    let house = House::with_lines(6).await;
    house.back_up("copy").unwrap();
    fs::remove_dir_all(house.path("")).unwrap();
    assert_eq!(house.restore("copy").unwrap(), 6);
    house.refuses_to_start(6);
    for wrong in [0, 5, 7] {
        let error = house.accept(wrong).unwrap_err();
        assert!(matches!(error, OpenError::WrongLoss { .. }), "{error}");
    }
    let loss = Some(Loss {
        journal: 6,
        records: 6,
    });
    assert_eq!(house.accept(6).unwrap().loss_accepted, loss);
    // A kill before the first line does not make it forgotten.
    let opened = house.open().unwrap();
    assert_eq!(opened.loss_accepted, loss);
    let bot = start(opened);
    bot.submit(put(9)).await.unwrap();
    bot.close().await;
    assert_eq!(house.open().unwrap().loss_accepted, None);
    // The backup is a backup still.
    fs::remove_dir_all(house.path("")).unwrap();
    assert_eq!(house.restore("copy").unwrap(), 6);
    house.refuses_to_start(6);
}

#[tokio::test]
async fn the_folder_put_back_by_hand_is_known_for_what_it_is() {
    let house = House::with_lines(6).await;
    house.back_up("copy").unwrap();
    fs::remove_dir_all(house.path("")).unwrap();
    footprint::copy(&house.copy("copy"), &house.path("")).unwrap();
    house.refuses_to_start(6);
    // Nor does it help to make its note unreadable.
    fs::write(house.path("journal/backup.json"), "x").unwrap();
    house.refuses_to_start(6);
}

#[tokio::test]
async fn beside_newer_records_the_loss_is_named_in_full() {
    let house = House::with_lines(6).await;
    house.back_up("copy").unwrap();
    let bot = house.start();
    for number in 1..4 {
        bot.submit(put(number)).await.unwrap();
    }
    bot.close().await;
    house.not_restored("copy", "never overwrites");
    fs::remove_dir_all(house.path("journal")).unwrap();
    house.restore("copy").unwrap();
    house.refuses_to_start(6);
    assert_eq!(
        house.accept(6).unwrap().loss_accepted,
        Some(Loss {
            journal: 6,
            records: 10
        })
    );
}

#[tokio::test]
async fn a_backup_that_was_changed_cut_or_is_another_bots_is_refused() {
    let house = House::with_lines(30).await;
    for name in ["cut", "torn", "flipped", "short", "unclear"] {
        house.back_up(name).unwrap();
    }
    fs::remove_dir_all(house.path("")).unwrap();
    house.not_restored("nothing", "there is no journal in");
    let newest = |name: &str| {
        let all = files(&house.copy(name).join("journal")).into_keys();
        all.filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
            .max()
            .unwrap()
    };
    cut_last_line(&newest("cut"));
    house.not_restored(
        "cut",
        "it ends at line 29, and its backup.json names line 30",
    );
    let torn = fs::read(newest("torn")).unwrap();
    fs::write(newest("torn"), &torn[..torn.len() - 9]).unwrap();
    house.not_restored("torn", "in the middle of line 30");
    flip(&house.copy("flipped").join("journal/00000001.jsonl"), 700);
    house.not_restored("flipped", "is damaged");
    fs::remove_file(house.copy("short").join("journal/00000001.jsonl")).unwrap();
    house.not_restored("short", "00000001.jsonl is missing");
    fs::write(house.copy("unclear").join("journal/backup.json"), "{").unwrap();
    house.not_restored("unclear", "backup.json cannot be read");
    house.back_up_of_another();
}

impl House {
    fn back_up_of_another(&self) {
        let error = Backup::look(&self.copy("cut"), &"ab".repeat(32)).unwrap_err();
        assert!(
            error.to_string().contains("belongs to installation"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_bot_that_runs_is_not_restored_under() {
    let house = House::with_lines(3).await;
    house.back_up("copy").unwrap();
    let bot = house.start();
    fs::rename(house.path("journal"), house.path("away")).unwrap();
    let error = house.restore("copy").unwrap_err();
    assert!(
        error.to_string().contains("in use by another process"),
        "{error}"
    );
    assert!(!house.path("journal").exists());
    bot.close().await;
}
