//! What is in the memory of a running program: the pepper, keys, for a moment a token. No core file is
//! written of it, and no other process of its user reads it.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Somebody who is not root, whose processes' files in /proc are root's if nobody may read their memory.
const NOBODY: u32 = 65_534;

/// A copy that anybody may run, in a folder of theirs; and who they are.
fn program(folder: &Path) -> (std::path::PathBuf, u32) {
    let copy = folder.join("ownergate");
    std::fs::copy(env!("CARGO_BIN_EXE_ownergate"), &copy).unwrap();
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).unwrap();
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    if own != 0 {
        return (copy, own);
    }
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    (copy, NOBODY)
}

#[test]
fn nobody_else_reads_the_memory_of_a_running_command() {
    let folder = TempDir::new().unwrap();
    let (program, user) = program(folder.path());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(folder.path());
        if user == NOBODY {
            command.uid(user).gid(user);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let made = run(&["keygen", "age", "--out", "key"]).status().unwrap();
    assert!(made.success());
    // It waits for a comment until somebody gives it one.
    let waits = ["open", "--identity", "key", "--out", "token"];
    let mut child = run(&waits).stdin(Stdio::piped()).spawn().unwrap();
    let environment = format!("/proc/{}/environ", child.id());
    // The program before the exec is this test's own; the file changes hands with the first thing that
    // the command does.
    let private = (0..3_000_000).any(|_| {
        std::thread::yield_now();
        std::fs::metadata(&environment).is_ok_and(|file| file.uid() == 0)
    });
    child.stdin.take().unwrap().write_all(b"nothing\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(private, "{environment} is never root's");
}
