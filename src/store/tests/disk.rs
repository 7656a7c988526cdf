//! Locks, rights and space: a clear error before anything is touched.

use std::io::ErrorKind;
use std::process::Command;

use super::*;

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_store_and_touches_nothing() {
    let house = House::with_lines(5).await;
    let bot = house.start();
    let before = house.bytes();
    let error = house.open_at_once().unwrap_err();
    let pid = std::process::id();
    assert!(
        matches!(error, OpenError::Busy { pid: Some(found), .. } if found == pid),
        "{error}"
    );
    assert!(error.to_string().contains(&format!("pid {pid}")));
    assert!(house.bytes() == before);
    assert_eq!(bot.submit(put(5)).await, Ok(6));
    bot.close().await;
    house.open().unwrap();
}

#[tokio::test]
async fn a_file_system_without_locks_is_refused() {
    let house = House::with_lines(5).await;
    let before = house.bytes();
    for errno in [rustix::io::Errno::NOLCK, rustix::io::Errno::OPNOTSUPP] {
        let faults = fault_at(Point::Lock, 1, Fault::Os(errno.raw_os_error()));
        let error = open(
            Options {
                faults,
                ..house.options()
            },
            Arc::default(),
        )
        .unwrap_err();
        assert!(matches!(error, OpenError::NoLocks { .. }), "{error}");
        assert!(error.to_string().contains("has no locks"));
        assert!(house.bytes() == before);
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_refused() {
    let house = House::with_lines(5).await;
    let before = house.bytes();
    let faults = fault_at(
        Point::Writable,
        2,
        Fault::Error(ErrorKind::PermissionDenied),
    );
    let error = open(
        Options {
            faults,
            ..house.options()
        },
        Arc::default(),
    )
    .unwrap_err();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    assert!(house.bytes() == before);
    let file = house.directory.path().join("file");
    fs::write(&file, "").unwrap();
    let options = Options {
        directory: file.join("data"),
        ..house.options()
    };
    let error = open(options, Arc::default()).unwrap_err();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
}

#[tokio::test]
async fn a_full_disk_ends_the_writer_and_the_next_start_goes_on() {
    let house = House::new();
    fs::create_dir_all(house.path("")).unwrap();
    let this = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 96; exec \"$@\"";
    let run = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(this)
        .args([
            "--ignored",
            "--exact",
            "store::tests::disk::until_the_disk_is_full",
        ])
        .env("OWNERGATE_TEST_DIRECTORY", house.path(""))
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stdout)
    );
    let answered: u64 = fs::read_to_string(house.path("answered"))
        .unwrap()
        .parse()
        .unwrap();
    assert!(answered > 10, "{answered}");
    let opened = house.open().unwrap();
    assert_eq!(opened.store().head().seq, answered);
    assert!(
        matches!(opened.notes[0], Note::TailSetAside { .. }),
        "{:?}",
        opened.notes
    );
    let bot = start(opened);
    assert_eq!(bot.submit(put(1)).await, Ok(answered + 1));
    bot.close().await;
    assert_eq!(house.rows(), house.rows_from_nothing());
}

#[tokio::test]
#[ignore = "run by the test above, with a limit on the size of files"]
async fn until_the_disk_is_full() {
    #[expect(clippy::disallowed_methods, reason = "how the parent says where")]
    let Some(directory) = std::env::var_os("OWNERGATE_TEST_DIRECTORY") else {
        return;
    };
    let house = House::new();
    let options = Options {
        directory: directory.into(),
        segment_bytes: 64 << 20,
        ..house.options()
    };
    let answered = options.directory.join("answered");
    let bot = start(open(options, Arc::default()).unwrap());
    let mut last = 0;
    let error = loop {
        match bot.submit(put(1)).await {
            Ok(line) => last = line,
            Err(error) => break error,
        }
    };
    assert_eq!(error, SubmitError::Unhealthy);
    bot.died().await;
    fs::write(answered, last.to_string()).unwrap();
}
