use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::Overrides;
use crate::doctor::Verdict;

/// A machine in a folder.
struct Room {
    folder: tempfile::TempDir,
    paths: Paths,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides {
            config: Some(folder.path().join("config.toml")),
            runtime: Some(folder.path().join("run")),
            state: Some(folder.path().join("state")),
        };
        let mut paths = Paths::from_environment(overrides).unwrap();
        paths.managed = folder.path().join("managed.toml");
        Self { folder, paths }
    }

    fn machine(&self, ssh_agent: Option<&Path>) -> Machine<'_> {
        Machine {
            paths: &self.paths,
            ssh_agent: ssh_agent.map(|it| it.as_os_str().to_owned()),
            root: self.folder.path().to_owned(),
        }
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    }
}

const TENANT: &str = "[tenant.contoso]\nid = \"contoso.onmicrosoft.com\"\n\
                      client_id = \"7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22\"\n";

fn verdicts(findings: &[Finding]) -> Vec<Verdict> {
    findings.iter().map(|it| it.verdict).collect()
}

#[test]
fn a_configuration_is_told_with_each_mistake_by_itself() {
    let room = Room::new();
    let config = || room.machine(None).configuration();
    assert_eq!(verdicts(&config()), [Verdict::Failure]);
    room.write("config.toml", TENANT);
    assert_eq!(verdicts(&config()), [Verdict::Ok]);
    room.write("config.toml", &format!("{TENANT}colour = 1\nflavour = 2\n"));
    let found = config();
    assert_eq!(verdicts(&found), [Verdict::Failure; 2]);
    assert!(
        found
            .iter()
            .all(|it| it.subject.contains("config.toml:") && !it.remedy.is_empty())
    );
}

#[test]
fn a_file_that_others_may_write_is_a_warning() {
    let room = Room::new();
    room.write("config.toml", TENANT);
    let shared = PermissionsExt::from_mode(0o666);
    fs::set_permissions(&room.paths.config, shared).unwrap();
    let found = room.machine(None).configuration();
    assert_eq!(verdicts(&found), [Verdict::Ok, Verdict::Warning]);
}

#[test]
fn the_folder_of_the_sockets_is_nobody_elses() {
    let room = Room::new();
    let verdict = || room.machine(None).folder().verdict;
    assert_eq!(verdict(), Verdict::Skipped);
    fs::create_dir(&room.paths.runtime).unwrap();
    for (mode, expected) in [
        (0o755, Verdict::Failure),
        (0o710, Verdict::Failure),
        (0o700, Verdict::Ok),
    ] {
        fs::set_permissions(&room.paths.runtime, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(verdict(), expected, "{mode:o}");
    }
}

#[test]
fn a_socket_that_others_can_connect_to_is_a_failure() {
    let room = Room::new();
    let path = room.folder.path().join("agent.sock");
    assert_eq!(socket(&path), None);
    let _listening = std::os::unix::net::UnixListener::bind(&path).unwrap();
    for (mode, expected) in [(0o666, Verdict::Failure), (0o600, Verdict::Ok)] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(socket(&path).unwrap().verdict, expected);
    }
}

#[test]
fn the_agent_that_ssh_asks_is_told() {
    let room = Room::new();
    let ours = room.paths.agent_socket();
    let other = room.folder.path().join("other.sock");
    let of = |it: Option<&Path>| room.machine(it).ssh_agent();
    assert_eq!(of(Some(&ours)).verdict, Verdict::Ok);
    for wrong in [None, Some(other.as_path())] {
        let found = of(wrong);
        assert_eq!(found.verdict, Verdict::Warning);
        assert!(
            found
                .remedy
                .contains(&format!("export SSH_AUTH_SOCK={}", ours.display()))
        );
    }
}

#[test]
fn swap_is_fine_where_nothing_of_it_can_be_read_off_a_disk() {
    const HEAD: &str = "Filename\tType\tSize\tUsed\tPriority\n";
    let room = Room::new();
    let swap = || room.machine(None).swap().map(|it| (it.verdict, it.reason));
    // Where the kernel tells nothing, nothing is told.
    assert_eq!(swap(), None);
    room.write("proc/swaps", HEAD);
    assert_eq!(swap().unwrap().0, Verdict::Ok);
    room.write("sys/class/block/dm-0/dm/uuid", "CRYPT-PLAIN-swap\n");
    room.write("sys/class/block/dm-1/dm/uuid", "LVM-swap\n");
    let devices = |names: &[&str]| {
        names.iter().fold(HEAD.to_owned(), |text, name| {
            format!("{text}{name} partition 1 0 -2\n")
        })
    };
    room.write("proc/swaps", &devices(&["/dev/dm-0", "/dev/zram0"]));
    assert_eq!(swap().unwrap().0, Verdict::Ok);
    room.write(
        "proc/swaps",
        &devices(&["/dev/dm-0", "/dev/dm-1", "/swapfile"]),
    );
    let (verdict, reason) = swap().unwrap();
    assert_eq!(verdict, Verdict::Warning);
    assert!(reason.ends_with("/dev/dm-1, /swapfile"), "{reason}");
}
