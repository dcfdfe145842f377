//! `docs/recipes/git.md`, with git and a server that wants a password.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::kitchen::{Kitchen, SECRET, told};
use super::page::Page;
use crate::support::home::text;

/// A repository behind a password; stopped when dropped.
struct Server {
    child: Child,
    /// What it writes after its port.
    came: Receiver<String>,
    host: String,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(scheme: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("account"), format!("robot:{SECRET}")).unwrap();
        certify(folder.path());
        repository(folder.path());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes/git_server.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(scheme)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        let (sender, came) = channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self {
            child,
            came,
            host: format!("localhost:{port}"),
            folder,
        }
    }

    fn authority(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// How often a password came.
    fn came(&self) -> usize {
        self.came.try_iter().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn certify(folder: &Path) {
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let both = made.cert.pem() + &made.signing_key.serialize_pem();
    fs::write(folder.join("ca.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("server.pem"), both).unwrap();
}

fn repository(folder: &Path) {
    let script = "git init -q --bare served/infra.git\n\
        git init -q work && cd work && echo hello > file && git add file\n\
        git -c user.name=a -c user.email=a@b commit -q -m one\n\
        git push -q ../served/infra.git HEAD\n\
        git --git-dir=../served/infra.git update-server-info";
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]).current_dir(folder);
    assert!(
        shell
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .status()
            .unwrap()
            .success()
    );
}

const BLOCKS: [&str; 8] = [
    "over-ssh",
    "signing",
    "sign",
    "config",
    "install",
    "configure",
    "configure-without-link",
    "use",
];

/// A home that is configured for `server`.
async fn kitchen(server: &Server) -> Kitchen {
    let page = Page::at("docs/recipes/git").with(&BLOCKS);
    let names = [("git.contoso.com", server.host.as_str())];
    let kitchen = Kitchen::with(page, &names, &[("git-robot", SECRET)]).await;
    kitchen.follow("install", &[]);
    let file = server.authority();
    kitchen.ok(&format!("git config --global http.sslCAInfo {file}"));
    kitchen
}

/// The recipe's clone, which asks nobody on a terminal.
fn clone(kitchen: &Kitchen, server: &Server) -> std::process::Output {
    let script = kitchen
        .page
        .block("use", &[("git.contoso.com", &server.host)]);
    let mut shell = kitchen.shell(&script);
    shell.env("GIT_TERMINAL_PROMPT", "0").output().unwrap()
}

/// A helper after ours, which knows the account.
const NEXT: &str = "git config --global --add credential.helper \
    '!f() { if [ \"$1\" = get ]; then echo username=robot; echo \"password=$NEXT\"; fi; }; f'";

fn clone_with_next(kitchen: &Kitchen, server: &Server) -> std::process::Output {
    let script = format!("git clone {}", url(server));
    let mut shell = kitchen.shell(&script);
    let shell = shell.env("GIT_TERMINAL_PROMPT", "0").env("NEXT", SECRET);
    shell.output().unwrap()
}

fn url(server: &Server) -> String {
    format!("https://{}/infra.git", server.host)
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_with_the_vaults_password_and_keeps_nothing() {
    let server = Server::start("https");
    let names = [("git.contoso.com", server.host.as_str())];
    for how in ["configure", "configure-without-link"] {
        let kitchen = kitchen(&server).await;
        kitchen.follow(how, &names);
        let cloned = clone(&kitchen, &server);
        assert!(cloned.status.success(), "{how}: {}", told(&cloned));
        assert_eq!(kitchen.ok("cat infra/file"), "hello\n");
        let released = &kitchen.recorded("released")[0];
        assert_eq!(released["to"], "git");
        assert_eq!(released["host"], server.host);
        assert_eq!(kitchen.files_with(SECRET), [""; 0]);
    }
    assert!(server.came() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_configured_is_left_to_the_next_helper_in_silence() {
    let (server, other) = (Server::start("https"), Server::start("https"));
    let kitchen = kitchen(&server).await;
    kitchen.ok("git config --global credential.helper pimento");
    kitchen.ok(NEXT);
    let file = other.authority();
    kitchen.ok(&format!("git config --global http.sslCAInfo {file}"));
    let cloned = clone_with_next(&kitchen, &other);
    assert!(cloned.status.success(), "{}", told(&cloned));
    assert!(!told(&cloned).contains("pimento"), "{}", told(&cloned));
    assert_eq!(kitchen.recorded("released").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_git_though_another_helper_could_be_asked() {
    let server = Server::start("https");
    let kitchen = kitchen(&server).await;
    kitchen.ok("git config --global credential.helper pimento");
    kitchen.ok(NEXT);
    kitchen.ok("pimento lock");
    let cloned = clone_with_next(&kitchen, &server);
    assert!(!cloned.status.success());
    assert!(
        text(&cloned.stderr).contains("pimento is locked"),
        "{}",
        told(&cloned)
    );
    assert!(
        text(&cloned.stderr).contains("told us to quit"),
        "{}",
        told(&cloned)
    );
    assert_eq!(server.came(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_agent_the_next_helper_is_asked_and_the_person_told() {
    let server = Server::start("https");
    let mut kitchen = kitchen(&server).await;
    kitchen.ok("git config --global credential.helper pimento");
    kitchen.ok(NEXT);
    kitchen.stop_the_agent();
    let cloned = clone_with_next(&kitchen, &server);
    assert!(cloned.status.success(), "{}", told(&cloned));
    assert!(
        text(&cloned.stderr).contains("pimento agent"),
        "{}",
        told(&cloned)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_not_tried_again() {
    let server = Server::start("https");
    let kitchen = kitchen(&server).await;
    kitchen.follow("configure", &[("git.contoso.com", &server.host)]);
    fs::write(server.folder.path().join("account"), "robot:changed").unwrap();
    let cloned = clone(&kitchen, &server);
    assert!(!cloned.status.success());
    let told = told(&cloned);
    assert!(
        told.contains("did not accept password git: it seems wrong"),
        "{told}"
    );
    assert!(!told.contains(SECRET), "{told}");
    assert_eq!(server.came(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_goes_over_plain_http_but_to_this_machine() {
    let server = Server::start("http");
    let kitchen = kitchen(&server).await;
    kitchen.ok("git config --global credential.helper pimento");
    let script = format!("git clone http://{}/infra.git", server.host);
    kitchen.ok(&script);
    assert_eq!(kitchen.recorded("released").len(), 1);
    let ask = |protocol: &str, host: &str| {
        let script = "printf 'protocol=%s\\nhost=%s\\n\\n' $1 $2 | GIT_TERMINAL_PROMPT=0 \
            git credential fill";
        let script = format!("set -- {protocol} {host}\n{script}");
        kitchen.run(&script)
    };
    // The same answer for a host that is configured and one that is not.
    let port = server.host.rsplit(':').next().unwrap();
    for host in ["git.contoso.com".to_owned(), format!("192.0.2.1:{port}")] {
        let refused = ask("http", &host);
        assert!(!refused.status.success());
        assert!(
            !text(&refused.stdout).contains("password"),
            "{}",
            told(&refused)
        );
        assert!(
            text(&refused.stderr).contains("over https only"),
            "{}",
            told(&refused)
        );
    }
    assert_eq!(kitchen.recorded("released").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_than_the_configured_one_gets_nothing() {
    let server = Server::start("https");
    let kitchen = kitchen(&server).await;
    kitchen.ok("git config --global credential.helper pimento");
    let fill = |user: &str| {
        let input = format!(
            "protocol=https\\nhost={}\\nusername={user}\\n\\n",
            server.host
        );
        kitchen.run(&format!(
            "printf '{input}' | GIT_TERMINAL_PROMPT=0 git credential fill"
        ))
    };
    let other = fill("admin");
    assert!(
        !other.status.success() && other.stdout.is_empty(),
        "{}",
        told(&other)
    );
    let filled = fill("robot");
    let expected = format!("username=robot\npassword={SECRET}\n");
    assert!(
        text(&filled.stdout).contains(&expected),
        "{}",
        told(&filled)
    );
}

/// A new key: its private half, and the line of its public half.
fn key(kitchen: &Kitchen, name: &str) -> (String, String) {
    let script = format!("ssh-keygen -q -t ed25519 -N '' -C {name} -f {name}; cat {name}");
    let private = kitchen.ok(&script);
    let public = kitchen.ok(&format!("cut -d ' ' -f 1,2 {name}.pub; rm {name}"));
    (private, public.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_signed_by_a_key_of_the_vault() {
    let server = Server::start("https");
    let mut kitchen = kitchen(&server).await;
    let mut keys = String::new();
    let mut signer = String::new();
    for (block, name) in [("over-ssh", "git-deploy"), ("signing", "git-signing")] {
        let (private, public) = key(&kitchen, name);
        let put =
            |cloud: &mut pimento::emulator::World| cloud.put_secret("kv-linux", name, &private);
        kitchen.home.emulator.change(put);
        keys += &kitchen.page.block(block, &[("ssh-ed25519 AAAA…", &public)]);
        signer = public;
    }
    kitchen.starts_again_with(&keys);
    kitchen.follow("sign", &[("ssh-ed25519 AAAA…", &signer)]);
    let socket = kitchen.home.path("run/agent.sock").display().to_string();
    let script = format!(
        "export SSH_AUTH_SOCK={socket}\necho 'mia@contoso.com {signer}' > allowed\n\
         git config --global gpg.ssh.allowedSignersFile \"$PWD/allowed\"\n\
         git init -q repo; cd repo; git config user.name Mia; git config user.email mia@contoso.com\n\
         git commit -q --allow-empty -m one; git verify-commit -v HEAD 2>&1"
    );
    let told = kitchen.ok(&script);
    assert!(
        told.contains("Good \"git\" signature for mia@contoso.com"),
        "{told}"
    );
    let released = kitchen.recorded("released");
    assert_eq!(released.len(), 1);
    assert_eq!(
        (&released[0]["credential"], &released[0]["namespace"]),
        (&"signing".into(), &"git".into())
    );
}
