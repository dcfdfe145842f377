//! What a file on no disk is, and who can read it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use super::*;

fn file(content: &[u8]) -> SecretFile {
    let content = Zeroizing::new(content.to_vec());
    SecretFile::new("F", BTreeSet::from(["ops".to_owned()]), &content).unwrap()
}

#[test]
fn a_file_is_its_owners_alone_and_cannot_be_changed() {
    let file = file(b"hunter2!");
    assert_eq!(fs::read(&file.path).unwrap(), b"hunter2!");
    // Each opening has a place of its own in it.
    assert_eq!(fs::read(&file.path).unwrap(), b"hunter2!");
    let mode = fs::metadata(&file.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut opened = fs::OpenOptions::new().write(true).open(&file.path).unwrap();
    assert!(opened.write_all(b"x").is_err());
    assert!(opened.set_len(0).is_err());
    assert!(
        fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&file.path)
            .is_err()
    );
    assert_eq!(fs::read(&file.path).unwrap(), b"hunter2!");
}

#[test]
fn a_file_goes_with_the_window_it_came_through() {
    let file = file(b"hunter2!");
    let path = file.path.clone();
    // Another test of this process may have a file of that number the moment this one is gone.
    let which = || fs::metadata(&path).map(|it| (it.dev(), it.ino())).ok();
    let ours = which();
    let mut files = Files(vec![file]);
    assert!(!files.end("dev"));
    assert!(ours.is_some() && which() == ours);
    assert!(files.end("ops"));
    assert_ne!(which(), ours);
    assert!(!files.end("ops"));
}

#[test]
fn ssh_keygen_takes_a_key_from_such_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(made.success());
    let file = file(&fs::read(&key).unwrap());
    let read = |path: &str| {
        Command::new("ssh-keygen")
            .args(["-y", "-f", path])
            .output()
            .unwrap()
    };
    let public = read(&file.path);
    assert!(public.status.success(), "{public:?}");
    let expected = fs::read(key.with_extension("pub")).unwrap();
    assert_eq!(public.stdout.trim_ascii(), expected.trim_ascii());
    let path = file.path.clone();
    // Its number may be another file's by then, of another test.
    let memory = |path: &str| fs::metadata(path).ok().map(|it| it.ino());
    let before = memory(&path);
    drop(file);
    assert!(before.is_some());
    assert_ne!(memory(&path), before);
}

/// Python closes what it has inherited before it starts a program, as ssh and sudo do.
#[test]
fn the_path_is_right_for_a_program_that_inherits_nothing() {
    let file = file(b"hunter2!");
    // Even if it were inherited: a descriptor that is closed is no file.
    rustix::io::fcntl_setfd(&file._memory, rustix::io::FdFlags::empty()).unwrap();
    let number = file.path.rsplit('/').next().unwrap().to_owned();
    let inherited = ["/proc/self/fd", "/dev/fd"].map(|folder| format!("{folder}/{number}"));
    let read = |program: &[&str], path: &str| {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(path).stderr(Stdio::null());
        command.output().unwrap().stdout
    };
    let script = "import subprocess, sys; subprocess.run(['cat', sys.argv[1]])";
    let python = ["python3", "-c", script];
    for path in &inherited {
        assert_eq!(read(&["cat"], path), b"hunter2!", "{path}");
        assert_eq!(read(&python, path), b"", "{path}");
    }
    assert_eq!(read(&["cat"], &file.path), b"hunter2!");
    assert_eq!(read(&python, &file.path), b"hunter2!");
}
