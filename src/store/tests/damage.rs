//! Damage to what was acknowledged: the start stops, names it, and changes nothing.

use super::*;

/// Opens, expects a damaged line, and that nothing has changed.
fn refused_line(house: &House, why: &str) -> (PathBuf, u64, Option<u64>) {
    let before = house.bytes();
    let error = house.open().expect_err(why);
    let message = error.to_string();
    let OpenError::BadLine {
        segment,
        line,
        accept,
        ..
    } = error
    else {
        panic!("{why}: {message}");
    };
    assert!(message.contains(&format!("line {line}")) && message.contains("journal/0000"));
    assert_eq!(
        house.bytes().keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    assert!(
        house.bytes() == before,
        "{why}: something on disk has changed"
    );
    (segment, line, accept)
}

#[tokio::test]
async fn a_whole_but_flipped_last_line_stops_the_start() {
    let house = House::with_lines(6).await;
    let path = house.last_segment();
    let bytes = fs::read(&path).unwrap();
    let count = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let begin = bytes[..bytes.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for place in (begin..bytes.len()).step_by(23).chain([bytes.len() - 1]) {
        flip(&path, place as u64);
        let (segment, line, accept) = refused_line(&house, &format!("byte {place}"));
        assert_eq!((&segment, line), (&path, count), "byte {place}");
        assert_eq!(accept, Some(5));
        flip(&path, place as u64);
    }
    house.open().unwrap();
    fs::remove_dir_all(house.path("sled")).unwrap();
    flip(&path, begin as u64 + 200);
    refused_line(&house, "without records");
    fs::create_dir_all(house.path("sled")).unwrap();
    fs::write(house.path("sled").join("db"), b"damaged").unwrap();
    refused_line(&house, "with damaged records");
}

#[tokio::test]
async fn a_flipped_byte_anywhere_earlier_stops_the_start() {
    let house = House::with_lines(20).await;
    assert!(house.segments().len() >= 3);
    let last = house.last_segment();
    let mut named = 0;
    for path in house.segments() {
        let bytes = fs::read(&path).unwrap();
        let ended = &bytes[..bytes.len() - 1];
        let last_line = ended.iter().rposition(|byte| *byte == b'\n').unwrap();
        let length = if path == last { last_line } else { bytes.len() };
        for place in (0..length).step_by(length / 20) {
            flip(&path, place as u64);
            let (segment, line, accept) = refused_line(&house, &format!("byte {place}"));
            let expected = bytes[..place].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            assert_eq!((&segment, line), (&path, expected), "byte {place}");
            named += u64::from(accept.is_none());
            flip(&path, place as u64);
        }
    }
    assert!(named > 40);
    house.open().unwrap();
}

#[tokio::test]
async fn a_flipped_newline_stops_the_start() {
    let house = House::with_lines(9).await;
    let path = house.segments()[0].clone();
    let bytes = fs::read(&path).unwrap();
    let newline = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(2)
        .unwrap()
        .0;
    flip(&path, newline as u64);
    assert_eq!(refused_line(&house, "newline").1, 3);
}

#[tokio::test]
async fn a_missing_segment_stops_the_start() {
    for missing in [0, 1] {
        let house = House::with_lines(20).await;
        fs::remove_file(&house.segments()[missing]).unwrap();
        refused_line(&house, "missing");
    }
}

#[tokio::test]
async fn lines_that_changed_places_stop_the_start() {
    let house = House::with_lines(7).await;
    let path = house.segments()[0].clone();
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(2, 3);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    assert_eq!(refused_line(&house, "swapped").1, 3);
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let house = House::with_lines(3).await;
    let path = house.segments()[0].clone();
    let text = fs::read_to_string(&path).unwrap();
    let (_, lines) = text.split_once('\n').unwrap();
    let header = Header {
        format: FORMAT + 1,
        installation: "5e".repeat(32),
        first: 1,
        prev: "00".repeat(32),
    };
    let header = String::from_utf8(header.encode().unwrap()).unwrap();
    fs::write(&path, format!("{header}\n{lines}")).unwrap();
    let before = house.bytes();
    let error = house.open().unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::NewerFormat {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("start a newer ownergate"));
    assert!(house.bytes() == before);
}

#[tokio::test]
async fn another_installations_journal_is_refused() {
    let house = House::with_lines(3).await;
    let before = house.bytes();
    let installation = "ab".repeat(32);
    let error = open(
        Options {
            installation,
            ..house.options()
        },
        Arc::default(),
    )
    .unwrap_err();
    assert!(
        matches!(error, OpenError::OtherInstallation { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("signing_key_file"));
    assert!(house.bytes() == before);
}
