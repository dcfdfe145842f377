//! Where a notice is shown.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;

/// A terminal: the end of whoever looks at it, and the end of programs with its number.
fn pseudo_terminal() -> (fs::File, fs::File, u32) {
    let looks: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&looks).unwrap();
    unlockpt(&looks).unwrap();
    let name = ptsname(&looks, Vec::new()).unwrap().into_string().unwrap();
    let programs = fs::File::options()
        .read(true)
        .write(true)
        .open(name)
        .unwrap();
    let number = u32::try_from(programs.metadata().unwrap().rdev()).unwrap();
    (looks.into(), programs, number)
}

/// Tells a requester in a session of these variables, at a terminal if there is one; gives what the
/// desktop's program was told.
async fn told(bench: &Bench, session: &[(&str, &str)], terminal: Option<u32>) -> String {
    let shown = bench.path("shown");
    let body = format!("echo \"$3\" > {}", shown.display());
    let _there = bench.script("notify-send", &body);
    let folder = format!("{}:/usr/bin:/bin", bench.folder.path().display());
    let own = [("PATH", folder.as_str()), ("DISPLAY", ":9")];
    let own = own.map(|(name, value)| (name.into(), value.into()));
    let notifier = Notifier::new(NotifyProgram::Standard, own.into_iter().collect());
    let asker = Asker::with(session);
    let requester = Requester {
        terminal,
        ..asker.requester()
    };
    notifier.tell("window ops ends", Some(&requester)).await;
    fs::read_to_string(shown).unwrap_or_default()
}

const REMOTE: (&str, &str) = ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");

#[tokio::test]
async fn whoever_came_in_by_ssh_is_told_on_their_terminal_and_not_on_this_desktop() {
    let bench = Bench::new();
    let (mut looks, _programs, number) = pseudo_terminal();
    assert_eq!(told(&bench, &[REMOTE], Some(number)).await, "");
    let mut line = [0; 64];
    let read = looks.read(&mut line).unwrap();
    assert_eq!(&line[..read], b"\rpimento: window ops ends\r\r\n");
}

#[tokio::test]
async fn whoever_sits_here_or_has_no_terminal_is_told_on_the_desktop() {
    let (_looks, _programs, number) = pseudo_terminal();
    for (session, terminal) in [(&[][..], Some(number)), (&[REMOTE], None)] {
        let bench = Bench::new();
        assert_eq!(told(&bench, session, terminal).await, "window ops ends\n");
    }
}
