//! A team's catalog at an address: fetched once, used without a network, and only as it was pinned.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// A folder with a configuration, and the web server of a team (openssl's) that serves it.
struct Place {
    folder: tempfile::TempDir,
    server: Child,
    /// What the server has said: a line for each file it was asked for.
    said: Arc<Mutex<Vec<String>>>,
    port: u16,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _reaped = self.server.wait();
    }
}

const TENANT: &str = "[tenant.contoso]\nid = \"contoso.onmicrosoft.com\"\n\
                      client_id = \"7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22\"\n";

const CATALOG: &str = "[window.ops]\ntenant = \"contoso\"\n\
                       group = \"8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b\"\n\
                       [vault.ops]\nurl = \"https://kv-ops.vault.azure.net\"\nwindow = \"ops\"\n\
                       [password.db]\nvault = \"ops\"\nsecret = \"db\"\nuser = \"root\"\n\
                       hosts = [\"db.contoso.com\"]\n";

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-nodes", "-days", "2", "-subj", "/CN=team.test"])
            .args(["-addext", "subjectAltName=DNS:team.test"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(at("key.pem"))
            .arg("-out")
            .arg(at("cert.pem"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut server = Command::new("openssl")
            .args([
                "s_server",
                "-accept",
                "127.0.0.1:0",
                "-HTTP",
                "-cert",
                "cert.pem",
            ])
            .args(["-key", "key.pem"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let accept = lines
            .find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()))
            .unwrap();
        let port = accept.rsplit_once(':').unwrap().1.parse().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let saying = Arc::clone(&said);
        let told = BufReader::new(server.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            let told = told.map_while(Result::ok);
            told.for_each(|line| saying.lock().unwrap().push(line));
        });
        Self {
            folder,
            server,
            said,
            port,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has the server answer `name` so.
    fn serves(&self, name: &str, head: &str, content: &str) {
        let length = content.len();
        let answer = format!(
            "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{content}"
        );
        fs::write(self.path(name), answer).unwrap();
    }

    /// Writes the configuration, with this list of includes.
    fn includes(&self, list: &str) {
        let ca = self.path("cert.pem");
        let text = format!(
            "include = [{list}]\n{TENANT}[danger]\nca_file = {ca:?}\n\
             [danger.resolve]\n\"team.test\" = \"127.0.0.1:{}\"\n",
            self.port
        );
        write(&self.path("config.toml"), &text);
    }

    fn pins(&self, name: &str, hash: &str) {
        self.includes(&format!(
            "{{ url = \"https://team.test/{name}\", sha256 = \"{hash}\" }}"
        ));
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pimento"))
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PIMENTO_CONFIG", self.path("config.toml"))
            .env("PIMENTO_RUNTIME_DIR", self.path("run"))
            .env("PIMENTO_STATE_DIR", self.path("state"))
            .args(args)
            .output()
            .unwrap()
    }

    /// Runs, has it refused, and gives what it said.
    fn refused(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(code), 0),
            "{said}"
        );
        said
    }

    /// Whether it was asked for that many files, and no more.
    fn was_asked(&self, times: usize) -> bool {
        let count = || {
            let said = self.said.lock().unwrap();
            said.iter().filter(|line| line.starts_with("FILE:")).count()
        };
        // It says so before it answers; what it said may still be on its way here.
        let began = Instant::now();
        while count() < times && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        count() == times
    }
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn a_catalog_is_fetched_once_and_used_without_a_network_from_then_on() {
    let mut place = Place::new();
    place.serves("team.toml", "200 OK", CATALOG);
    place.pins("team.toml", &sha256(CATALOG).to_uppercase());
    let said = place.refused(&["ssh-config"], 2);
    assert!(
        said.contains("config.toml:1") && said.contains("`pimento sync` fetches it"),
        "{said}"
    );
    let synced = place.run(&["sync"]);
    let told = String::from_utf8_lossy(&synced.stdout);
    assert_eq!(
        told,
        "fetched https://team.test/team.toml\n",
        "{}",
        String::from_utf8_lossy(&synced.stderr)
    );
    place.server.kill().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&place.run(&["sync"]).stdout),
        "all that is included is here\n"
    );
    let config = place.run(&["ssh-config"]);
    assert!(String::from_utf8_lossy(&config.stdout).contains("Match host \"db.contoso.com\""));
    assert!(place.was_asked(1));
}

#[test]
fn other_content_than_was_pinned_is_refused_with_both_hashes() {
    let place = Place::new();
    let changed = CATALOG.replace("root", "toor");
    place.serves("team.toml", "200 OK", &changed);
    place.pins("team.toml", &sha256(CATALOG));
    let said = place.refused(&["sync"], 6);
    assert!(
        said.contains(&sha256(CATALOG)) && said.contains(&sha256(&changed)),
        "{said}"
    );
    assert!(!place.path(".cache/pimento/include").exists());
}

#[test]
fn a_copy_that_somebody_changed_is_no_copy() {
    let place = Place::new();
    place.serves("team.toml", "200 OK", CATALOG);
    place.pins("team.toml", &sha256(CATALOG));
    assert!(place.run(&["sync"]).status.success());
    let copy = place.path(&format!(".cache/pimento/include/{}.toml", sha256(CATALOG)));
    fs::write(&copy, CATALOG.replace("root", "toor")).unwrap();
    assert!(
        place
            .refused(&["ssh-config"], 2)
            .contains("is not here yet")
    );
    assert!(place.run(&["sync"]).status.success());
    assert_eq!(fs::read_to_string(copy).unwrap(), CATALOG);
    assert!(place.was_asked(2));
}

#[test]
fn what_does_not_come_as_it_should_is_refused() {
    let place = Place::new();
    let long = "#".repeat((1 << 20) + 1);
    for (head, content, told) in [
        ("404 Not Found", CATALOG, "404"),
        (
            "302 Found\r\nLocation: https://team.test/other",
            "",
            "leads elsewhere",
        ),
        ("200 OK", long.as_str(), "longer than"),
    ] {
        place.serves("team.toml", head, content);
        place.pins("team.toml", &sha256(content));
        let said = place.refused(&["sync"], 1);
        assert!(said.contains(told), "{said}");
    }
    // Nothing followed the redirect.
    assert!(place.was_asked(3));
}

#[test]
fn nothing_but_https_with_a_hash_is_fetched() {
    let place = Place::new();
    let hash = sha256(CATALOG);
    for (list, told) in [
        ("\"https://team.test/team.toml\"".to_owned(), "sha256sum"),
        (
            format!("{{ url = \"http://team.test/x\", sha256 = \"{hash}\" }}"),
            "https address",
        ),
        (
            format!("{{ url = \"https://me:secret@team.test/x\", sha256 = \"{hash}\" }}"),
            "without a login",
        ),
        (
            "{ url = \"https://team.test/x\" }".to_owned(),
            "has no sha256",
        ),
        (
            "{ url = \"https://team.test/x\", sha256 = \"12\" }".to_owned(),
            "not a SHA-256",
        ),
        ("7".to_owned(), "not a table"),
    ] {
        place.includes(&list);
        let said = place.refused(&["ssh-config"], 2);
        assert!(
            said.contains(told) && !said.contains("me:secret"),
            "{list}: {said}"
        );
    }
    assert!(place.was_asked(0));
}

#[test]
fn what_was_fetched_has_no_say_in_where_tokens_go_and_includes_nothing() {
    let place = Place::new();
    for more in [
        "[danger]\nca_file = \"/etc/ssl/x.pem\"\n",
        "[agent]\nnotify = \"/bin/sh\"\n",
    ] {
        let catalog = format!("{CATALOG}{more}");
        place.serves("team.toml", "200 OK", &catalog);
        place.pins("team.toml", &sha256(&catalog));
        place.run(&["sync"]);
        // It is here now; what the user's own file says of the same is not to be in the way.
        let own = fs::read_to_string(place.path("config.toml")).unwrap();
        let (without, _) = own.split_once("[danger]").unwrap();
        write(&place.path("config.toml"), without);
        let said = place.refused(&["ssh-config"], 2);
        assert!(said.contains("this one was fetched"), "{said}");
    }
    let catalog = format!("include = [\"/etc/hosts\"]\n{CATALOG}");
    place.serves("team.toml", "200 OK", &catalog);
    place.pins("team.toml", &sha256(&catalog));
    assert!(
        place
            .refused(&["sync"], 2)
            .contains("only your own files can include others")
    );
}

#[test]
fn a_file_that_includes_itself_or_is_included_twice_is_a_mistake() {
    let place = Place::new();
    place.includes("\"config.toml\"");
    assert!(
        place
            .refused(&["ssh-config"], 2)
            .contains("is read already")
    );
    write(&place.path("team.toml"), CATALOG);
    place.includes("\"team.toml\", \"./team.toml\"");
    assert!(
        place
            .refused(&["ssh-config"], 2)
            .contains("is read already")
    );
    place.includes("\"team.toml\"");
    assert!(place.run(&["ssh-config"]).status.success());
}
