//! A home for the agent as the program it is: configuration, sockets, and the cloud it reaches.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use pimento::emulator::{Emulator, Options, Scenario};
use ssh_key::PublicKey;

use super::etc::Etc;
use super::sshd::{self, Sshd};
use super::{CLIENT, GROUP, KEYS, USER, private_folder, public_key};

/// A home for one agent process, and the cloud it is configured for.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub emulator: Emulator,
    /// The `/etc` that the agent and its users see, if not the machine's.
    pub etc: Option<Etc>,
    /// A host that the keys of the configuration log in to.
    pub sshd: Sshd,
}

impl Home {
    pub async fn new() -> Self {
        Self::in_scenario(Scenario::example().unwrap()).await
    }

    pub async fn in_scenario(scenario: Scenario) -> Self {
        let folder = private_folder();
        let emulator = Emulator::start(scenario, Options::default()).await.unwrap();
        let keys: Vec<_> = KEYS
            .iter()
            .map(|(_, secret)| public_key(&emulator, secret))
            .collect();
        let sshd = Sshd::start(&keys, "");
        let text = configuration(&emulator, folder.path(), &sshd, &keys, "60s");
        let home = Self {
            folder,
            emulator,
            etc: None,
            sshd,
        };
        home.write_config(&text);
        home
    }

    /// The home of the user of `etc`.
    pub fn in_etc(mut self, etc: Etc) -> Self {
        etc.own_all(self.folder.path());
        self.etc = Some(etc);
        self
    }

    /// Changes the configuration before the agent is started.
    pub fn configured(self, change: impl FnOnce(String) -> String) -> Self {
        let text = fs::read_to_string(self.path("config.toml")).unwrap();
        self.write_config(&change(text));
        self
    }

    /// Puts the Azure CLI's stand-in into the user's own `bin`.
    pub fn add_azure_cli(&self) {
        let program = AZ
            .replace("ADMIN", &self.emulator.admin_url())
            .replace("USER", USER);
        fs::create_dir(self.path("bin")).unwrap();
        fs::write(self.path("bin/az"), program).unwrap();
        fs::set_permissions(self.path("bin/az"), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The `PATH` on which that is found first.
    pub fn path_with_azure_cli(&self) -> String {
        let path = std::env::var("PATH").unwrap();
        format!("{}:{path}", self.path("bin").display())
    }

    /// A program of the user's, with nothing of this test's environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = match &self.etc {
            Some(etc) => etc.command(program),
            None => Command::new(program),
        };
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            // Nobody's real browser opens a page in a test.
            .env("BROWSER", "true")
            .env("PIMENTO_CONFIG", self.path("config.toml"))
            .env("PIMENTO_RUNTIME_DIR", self.path("run"))
            .env("PIMENTO_STATE_DIR", self.path("state"))
            .stdin(Stdio::null());
        command
    }

    pub fn write_config(&self, text: &str) {
        fs::write(self.path("config.toml"), text).unwrap();
        fs::set_permissions(self.path("config.toml"), PermissionsExt::from_mode(0o600)).unwrap();
        if let Some(etc) = &self.etc {
            etc.own(&self.path("config.toml"), 0o600);
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn pimento(&self, args: &[&str]) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_pimento")).to_owned();
        let copied = self.etc.as_ref().map(|etc| etc.path("bin/pimento"));
        let mut command = self.command(copied.unwrap_or(built));
        command.args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.pimento(args).output().unwrap()
    }

    /// Starts the agent, and waits until it says that it listens.
    pub fn agent(&self) -> Running {
        self.agent_with(&[])
    }

    /// The same, with these variables in its environment.
    pub fn agent_with(&self, environment: &[(&str, &str)]) -> Running {
        let mut command = self.pimento(&["agent"]);
        command.envs(environment.iter().copied());
        Running::of(command)
    }

    /// Signs in through the command line, typing the code as a person would.
    pub fn sign_in(&self) {
        let mut login = self
            .pimento(&["login"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for line in BufReader::new(login.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok)
        {
            if let Some((_, code)) = line.rsplit_once("enter the code ") {
                assert!(
                    self.emulator
                        .change(|cloud| cloud.sign_in_device(code.trim(), USER))
                );
            }
        }
        assert!(login.wait().unwrap().success());
    }

    /// Logs in with real `ssh`, by the key of that name.
    pub fn ssh(&self, key: &str) -> Output {
        let (_, secret) = KEYS.iter().find(|(name, _)| *name == key).unwrap();
        let file = self.path(&format!("{key}.pub"));
        let public = public_key(&self.emulator, secret);
        sshd::settle(&file, &public.to_openssh().unwrap());
        let mut ssh = Command::new("ssh");
        // The options given first win, so the file stands before the host's own.
        ssh.arg("-o").arg("IdentitiesOnly=yes").arg("-i").arg(file);
        let agent = self.path("run/agent.sock");
        ssh.args(self.sshd.ssh(&agent, "host.test").get_args());
        ssh.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        ssh.output().unwrap()
    }

    pub fn ssh_add(&self) -> Output {
        let mut list = Command::new("ssh-add");
        list.arg("-l")
            .env("SSH_AUTH_SOCK", self.path("run/agent.sock"))
            .output()
            .unwrap()
    }
}

/// A running agent, and what it has said.
pub struct Running(pub Child, pub Arc<Mutex<String>>);

impl Running {
    /// Runs an agent, and waits until it says that it listens.
    pub fn of(mut agent: Command) -> Self {
        let mut child = agent.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said: Vec<String> = lines
            .by_ref()
            .map_while(Result::ok)
            .take_while(|line| !line.contains("is listening"))
            .collect();
        assert!(
            child.try_wait().unwrap().is_none(),
            "the agent ended: {said:?}"
        );
        let said = Arc::new(Mutex::new(said.join("\n")));
        let saying = Arc::clone(&said);
        std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            lines.for_each(|line| *saying.lock().unwrap() += &(line + "\n"));
        });
        Self(child, said)
    }

    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What stands in for the Azure CLI: it takes what the real one is called with, and prints what the
/// real one prints, from the cloud that the user has "signed in" to.
const AZ: &str = r#"#!/bin/sh
echo "$@" >> "$HOME/az.log"
[ "$*" = "login --tenant contoso.onmicrosoft.com" ] && exit
[ "$1 $2 $3 $4" = "account get-access-token -o json" ] || exit 64
shift 4
while [ $# -gt 0 ]; do
    case $1 in
        --scope) scope=$2 ;;
        --tenant) tenant=$2 ;;
        *) exit 64 ;;
    esac
    shift 2
done
[ "$tenant" = contoso.onmicrosoft.com ] || exit 64
[ -e "$HOME/az.out" ] && { cat "$HOME/az.out" >&2; exit 1; }
exec curl -fsS "ADMIN/az/USER?scope=$scope"
"#;

/// The configuration of a world's agent.
pub fn configuration(
    emulator: &Emulator,
    folder: &Path,
    sshd: &Sshd,
    keys: &[PublicKey],
    answer: &str,
) -> String {
    let ca_file = folder.join("ca.pem");
    fs::write(&ca_file, emulator.ca_pem()).unwrap();
    let mut text = format!(
        "[agent]\nanswer_within = \"{answer}\"\nknown_hosts = [{known:?}]\n\
         [tenant.contoso]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"{CLIENT}\"\n\
         sign_in = \"device-code\"\n\
         [window.linux-root]\ntenant = \"contoso\"\ngroup = \"{GROUP}\"\nduration = \"1h\"\n\
         reason = \"{{program}} to {{user}}@{{host}}\"\n\
         [vault.linux]\nurl = \"https://kv-linux.vault.azure.net\"\nwindow = \"linux-root\"\n\
         [password.db01-root]\nvault = \"linux\"\nsecret = \"db01-root\"\nuser = \"root\"\n\
         hosts = [\"db01.contoso.com\"]\n",
        known = sshd.known_hosts("host.test"),
    );
    for ((name, secret), key) in KEYS.iter().zip(keys) {
        let key = key.to_openssh().unwrap();
        text.push_str(&format!(
            "[key.{name}]\nvault = \"linux\"\nsecret = \"{secret}\"\npublic_key = \"{key}\"\n\
             hosts = [\"host.test\"]\n"
        ));
    }
    text.push_str(&format!(
        "[danger]\nca_file = {ca_file:?}\n[danger.resolve]\n"
    ));
    for (host, address) in emulator.resolve() {
        text.push_str(&format!("\"{host}\" = \"{address}\"\n"));
    }
    text
}
