//! Somebody who follows a page: a home of their own, the hosts that the pages name, and a cloud.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use pimento::emulator::Scenario;

use crate::page::Page;
use crate::register::OWN;
use crate::support::etc::{Etc, skipped};
use crate::support::home::{Home, Running, text};
use crate::support::sshd::user;
use crate::support::{USER, public_key};

/// Where the hosts of the pages are: all of them on this machine.
const HOSTS: [&str; 5] = [
    "web1.contoso.com",
    "db01.contoso.com",
    "db02.contoso.com",
    "db02",
    "host.test",
];

pub(crate) struct Reader {
    pub(crate) home: Home,
    /// The part of a configuration that leads to the cloud of the test.
    pub(crate) cloud: String,
    /// The public half of `web`.
    web: String,
}

/// How a script ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Reader {
    /// Somebody with the configuration that docs/configuration.md begins with.
    pub(crate) async fn new() -> Self {
        let reader = Self::unconfigured(Scenario::example().unwrap()).await;
        reader.configures(&reader.example());
        reader
    }

    /// Somebody who has not configured anything but the way to the cloud of the test.
    pub(crate) async fn unconfigured(mut scenario: Scenario) -> Self {
        // To make an RSA key takes seconds, and no page is about its kind.
        if let Some(secret) = scenario.vaults[0].secrets.get_mut("db-root-ssh") {
            secret.generate = Some("ecdsa-p384".to_owned());
        }
        let home = Home::in_scenario(scenario).await;
        let text = fs::read_to_string(home.path("config.toml")).unwrap();
        fs::remove_file(home.path("config.toml")).unwrap();
        let (_, danger) = text.split_once("[danger]").unwrap();
        let known = home.path(".ssh/known_hosts");
        let cloud = format!("[agent]\nknown_hosts = [{known:?}]\n[danger]{danger}");
        let web = public_key(&home.emulator, "web-root-ssh");
        let web = web.to_openssh().unwrap();
        let reader = Self { home, cloud, web };
        for folder in ["xdg", ".ssh", "bin", ".config/pimento/config.d"] {
            fs::create_dir_all(reader.home.path(folder)).unwrap();
        }
        fs::set_permissions(reader.home.path("xdg"), PermissionsExt::from_mode(0o700)).unwrap();
        reader.writes(".config/pimento/config.d/cloud.toml", &reader.cloud, 0o600);
        reader.reaches(reader.home.sshd.port, &reader.home.sshd.host_key());
        reader
    }

    /// The same person as the user of an `/etc` of its own, where `~` is this home.
    pub(crate) fn in_etc(self, etc: Etc) -> Self {
        let Self { home, cloud, web } = self;
        let accounts = fs::read_to_string(etc.path("etc/passwd")).unwrap();
        let there = etc.path("home").display().to_string();
        let here = home.folder.path().display().to_string();
        etc.write("passwd", &accounts.replace(&there, &here), 0o644);
        let home = home.in_etc(etc);
        Self { home, cloud, web }
    }

    /// Has the names of the pages' hosts lead to this port.
    pub(crate) fn reaches(&self, port: u16, key: &ssh_key::PublicKey) {
        let key = key.to_openssh().unwrap();
        let known = self.home.path(".ssh/known_hosts");
        self.writes(
            ".ssh/known_hosts",
            &format!("{} {key}\n", HOSTS.join(",")),
            0o600,
        );
        // By a proxy, so that names stay as they are in the pages.
        let config = format!(
            "Host {}\n    ProxyCommand nc 127.0.0.1 {port}\n    UserKnownHostsFile {}\n    \
             StrictHostKeyChecking yes\n    LogLevel ERROR\n",
            HOSTS.join(" "),
            known.display()
        );
        self.writes(".ssh/config", &config, 0o600);
        // ssh looks for it in the home that the machine knows, not in $HOME.
        let ssh = "#!/bin/sh\nexec /usr/bin/ssh -F \"$HOME/.ssh/config\" \"$@\"\n";
        self.writes("bin/ssh", ssh, 0o755);
    }

    /// Writes a file of their home.
    pub(crate) fn writes(&self, name: &str, content: &str, mode: u32) {
        let path = self.home.path(name);
        // By a process of its own: another test's fork would hold a program open for writing.
        let mut write = Command::new("sh");
        write.args(["-c", "printf %s \"$1\" > \"$2\"", "sh", content]);
        assert!(write.arg(&path).status().unwrap().success());
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        if let Some(etc) = &self.home.etc {
            etc.own(&path, mode);
        }
    }

    pub(crate) fn configures(&self, toml: &str) {
        self.writes(".config/pimento/config.toml", &self.own(toml), 0o600);
    }

    /// The first configuration of docs/configuration.md.
    pub(crate) fn example(&self) -> String {
        self.own(&Page::at("docs/configuration").block("example", &[]))
    }

    /// A page's text with what is this reader's own.
    pub(crate) fn own(&self, block: &str) -> String {
        let example =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6p7Z4cbtMnnY6f7BcWzPGvpJJHVEX0TqSTBmzUO1eU";
        let block = block.replace(example, &self.web);
        let askpass = Path::new(env!("CARGO_BIN_EXE_pimento")).with_file_name("pimento-askpass");
        let askpass = self.home.etc.as_ref().map_or(askpass, Etc::askpass);
        let block = block.replace("/usr/bin/pimento-askpass", &askpass.display().to_string());
        OWN.iter()
            .fold(block, |it, (from, to)| it.replace(from, to))
    }

    /// A shell in their home, with nothing of this test's environment.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let start = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT; cd";
        let script = format!("{start}\n{}", self.own(script));
        // Who waits in vain is to see what was said until then.
        let bash = [
            "--foreground",
            "100",
            "bash",
            "-euo",
            "pipefail",
            "-c",
            &script,
        ];
        self.program("timeout", &bash)
    }

    /// A program of theirs, with nothing of this test's environment.
    pub(crate) fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = match &self.home.etc {
            Some(etc) => etc.command(program),
            None => Command::new(program),
        };
        let built = Path::new(env!("CARGO_BIN_EXE_pimento")).parent().unwrap();
        let built = self
            .home
            .etc
            .as_ref()
            .map_or(built.to_owned(), |etc| etc.path("bin"));
        let own = self.home.etc.is_none().then(|| self.home.path("bin"));
        let usual = std::env::var("PATH").unwrap();
        let folders = own.into_iter().chain([built, usual.into()]);
        let path: Vec<String> = folders.map(|it| it.display().to_string()).collect();
        command
            .args(args)
            .env_clear()
            .env("PATH", path.join(":"))
            .env("HOME", self.home.folder.path())
            .env("USER", user())
            .env("SHELL", "/bin/sh")
            .env("LC_ALL", "C.UTF-8")
            // Nobody's real browser opens a page in a test.
            .env("BROWSER", "true")
            .env("XDG_RUNTIME_DIR", self.home.path("xdg"))
            .stdin(Stdio::null());
        command
    }

    /// Runs a script, signing in where it says so, as a person would.
    pub(crate) fn run(&self, script: &str) -> Ran {
        let mut shell = self.shell(script);
        let shell = shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut stdout = shell.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let mut out = Vec::new();
            stdout.read_to_end(&mut out).unwrap();
            text(&out)
        });
        let mut err = String::new();
        let lines = BufReader::new(shell.stderr.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            self.signs_in(&line);
            err += &(line + "\n");
        }
        let code = shell.wait().unwrap().code();
        let out = reading.join().unwrap();
        Ran { code, out, err }
    }

    /// Signs in where a line says so: by its code, or on its page.
    pub(crate) fn signs_in(&self, line: &str) {
        if let Some((_, code)) = line.rsplit_once("enter the code ") {
            let signed_in =
                |cloud: &mut pimento::emulator::World| cloud.sign_in_device(code.trim(), USER);
            assert!(self.home.emulator.change(signed_in), "{line}");
        }
        let page = line.trim();
        let Some((address, query)) = page.split_once("/oauth2/v2.0/authorize?") else {
            return;
        };
        let at = self.home.emulator.resolve()[0].1;
        // Presses the button, and goes where the page sends the browser.
        let script = "curl -fsS $(curl -fsS -o /dev/null -w '%{redirect_url}' --cacert \"$CA\" \
            --connect-to \"::$AT\" --data-urlencode \"request=$QUERY\" --data-urlencode \"username=$NAME\" \
            -d 'password=correct horse' -d action=signin \"$PAGE/login\") > /dev/null";
        let mut curl = Command::new("sh");
        curl.args(["-c", script])
            .env("CA", self.home.path("ca.pem"));
        curl.env("AT", at.to_string()).env("QUERY", query);
        curl.env("NAME", USER).env("PAGE", address);
        assert!(curl.status().unwrap().success(), "{page}");
    }

    /// Runs a script that succeeds, and takes what it prints.
    #[track_caller]
    pub(crate) fn ok(&self, script: &str) -> Ran {
        let ran = self.run(script);
        assert_eq!(ran.code, Some(0), "{script}\n{}{}", ran.out, ran.err);
        ran
    }

    /// Runs a script that ends with this code and says this.
    #[track_caller]
    pub(crate) fn types(&self, script: &str, code: i32, says: &str) {
        assert_eq!(self.differs(script, code, says), None);
    }

    /// How it goes otherwise, if it does.
    pub(crate) fn differs(&self, script: &str, code: i32, says: &str) -> Option<String> {
        let agent = "export SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock\n";
        let ran = self.run(&format!("{agent}{script}"));
        let said = format!("{}{}", ran.out, ran.err);
        let as_expected = ran.code == Some(code) && said.contains(says);
        (!as_expected).then(|| format!("{script}: {:?}, not {code}, {says:?}\n{said}", ran.code))
    }

    /// Starts the agent by this line.
    pub(crate) fn starts(&self, line: &str) -> Running {
        Running::of(self.program("bash", &["-c", &format!("exec {line}")]))
    }

    /// Starts the agent, and signs in.
    pub(crate) fn agent(&self) -> Running {
        let agent = self.starts("pimento agent");
        self.ok("pimento login");
        agent
    }

    /// Runs a script beside a user manager of systemd; `None`, loudly, where there can't be one.
    pub(crate) fn managed(&self, script: &str) -> Option<Ran> {
        let manager = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes/manager.sh");
        let script = format!("cd; {}", self.own(script));
        let mut managed = self.program("sh", &[manager.to_str().unwrap(), &script]);
        let output = managed.output().unwrap();
        if output.status.code() == Some(77) {
            skipped("only root can make namespaces with control groups, and not everywhere");
            return None;
        }
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{script}\n{out}{err}");
        Some(Ran {
            code: output.status.code(),
            out,
            err,
        })
    }

    /// How often that event is on record.
    pub(crate) fn recorded(&self, event: &str) -> usize {
        let file = self.home.path(".local/state/pimento/audit/audit.jsonl");
        let record = fs::read_to_string(file).unwrap_or_default();
        record.matches(&format!("\"event\":\"{event}\"")).count()
    }
}
