//! A machine with the package beside it, and a user with a configuration.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::machine::Machine;
use crate::support::etc::skipped;
use crate::support::home::{Home, text};
use crate::support::sshd::settle;
use crate::support::{KEYS, USER, public_key};

/// The package, built once; `None`, loudly, where it cannot be.
fn package() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| match std::env::var_os("PIMENTO_DEB") {
        Some(given) => Some(PathBuf::from(given).canonicalize().unwrap()),
        None => build(),
    });
    built.as_deref()
}

fn build() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tool = here.join("target/tools/bin/cargo-deb");
    if !tool.exists() {
        skipped("cargo-deb is not in target/tools; ./check builds it");
        return None;
    }
    let scratch = here.join("target/package-test");
    fs::create_dir_all(&scratch).unwrap();
    // Without what debuggers read it is a third of the size.
    for program in ["pimento", "pimento-askpass"] {
        let built = Path::new(env!("CARGO_BIN_EXE_pimento")).with_file_name(program);
        runs(
            Command::new("strip")
                .arg("-o")
                .arg(scratch.join(program))
                .arg(built),
        );
    }
    runs(Command::new(here.join("packaging/stage")).arg(&scratch));
    let package = scratch.join("pimento.deb");
    runs(
        Command::new(tool)
            .args(["--no-build", "--no-strip", "--fast", "--quiet", "--output"])
            .arg(&package)
            .current_dir(here),
    );
    Some(package)
}

/// The configuration with a sign-in in the browser.
pub(crate) fn by_browser(config: String) -> String {
    config.replace("\"device-code\"", "\"browser\"")
}

/// The configuration as it is.
pub(crate) fn same(config: String) -> String {
    config
}

/// The same package, as a later version.
fn later(package: &Path, folder: &Path) -> PathBuf {
    let (tree, later) = (folder.join("tree"), folder.join("later.deb"));
    runs(Command::new("dpkg-deb").arg("-R").arg(package).arg(&tree));
    let control = fs::read_to_string(tree.join("DEBIAN/control")).unwrap();
    let version = control
        .lines()
        .find(|it| it.starts_with("Version: "))
        .unwrap();
    let control = control.replace(version, "Version: 999.0");
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    runs(
        Command::new("dpkg-deb")
            .args(["-Znone", "-b"])
            .arg(&tree)
            .arg(&later),
    );
    fs::remove_dir_all(tree).unwrap();
    later
}

fn runs(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
}

/// A machine with the package beside it, and a user with a configuration.
pub(crate) struct Installed {
    pub(crate) machine: Machine,
    pub(crate) home: Home,
}

impl Installed {
    pub(crate) async fn new(change: impl FnOnce(String) -> String) -> Option<Self> {
        let package = package()?;
        let home = Home::new().await;
        fs::copy(package, home.path("pimento.deb")).unwrap();
        later(package, home.folder.path());
        // The host's own folder is root's.
        let known = home.sshd.known_hosts("host.test");
        fs::copy(&known, home.path("known_hosts")).unwrap();
        let config = fs::read_to_string(home.path("config.toml")).unwrap();
        let config = config.replace(
            &known.display().to_string(),
            &home.path("known_hosts").display().to_string(),
        );
        fs::create_dir_all(home.path(".config/pimento")).unwrap();
        settle(&home.path(".config/pimento/config.toml"), &change(config));
        let web = public_key(&home.emulator, KEYS[0].1).to_openssh().unwrap();
        settle(&home.path("web.pub"), &web);
        let machine = Machine::new(home.folder.path())?;
        Some(Self { machine, home })
    }

    pub(crate) fn install(&self) {
        self.machine.ok(&format!(
            "dpkg -i {}",
            self.home.path("pimento.deb").display()
        ));
    }

    /// Signs in through the command line, typing the code as a person would.
    pub(crate) fn sign_in(&self) {
        let mut login = self.machine.user("pimento login");
        let mut login = login.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(login.stderr.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if let Some((_, code)) = line.rsplit_once("enter the code ") {
                let code = code.trim();
                let typed = self
                    .home
                    .emulator
                    .change(|cloud| cloud.sign_in_device(code, USER));
                assert!(typed);
            }
        }
        assert!(login.wait().unwrap().success());
    }

    /// The command that logs in to the host with the machine's own ssh.
    pub(crate) fn ssh_command(&self) -> String {
        let mut script = "exec ssh -o IdentitiesOnly=yes -i ~/web.pub".to_owned();
        let known = self.home.path("known_hosts");
        let host = self.home.sshd.ssh(
            Path::new("${XDG_RUNTIME_DIR}/pimento/agent.sock"),
            "host.test",
        );
        for arg in host.get_args() {
            let arg = arg.to_str().unwrap();
            let arg = match arg.starts_with("UserKnownHostsFile=") {
                true => format!("UserKnownHostsFile={}", known.display()),
                false => arg.to_owned(),
            };
            script.push_str(&format!(" '{arg}'"));
        }
        script
    }

    pub(crate) fn ssh(&self) -> Output {
        self.machine.user(&self.ssh_command()).output().unwrap()
    }

    pub(crate) fn logs_in(&self) {
        let login = self.ssh();
        assert!(login.status.success(), "{}", text(&login.stderr));
    }

    /// Has the agent open a page for a sign-in: nothing that confines the agent confines the browser.
    pub(crate) fn opens_the_browser_outside(&self) {
        let (machine, browser) = (&self.machine, self.home.path("browser"));
        let program = "#!/bin/sh\ngrep NoNewPrivs /proc/self/status > ~/browser.new; mv ~/browser.new ~/browser.said\n";
        settle(&browser, program);
        // An agent of the system's systemd does not know the user's choice.
        machine.ok(&format!(
            "chmod 755 {0}; cp {0} /usr/local/bin/xdg-open",
            browser.display()
        ));
        machine.user_ok("systemctl --user set-environment BROWSER=$HOME/browser DISPLAY=:9");
        let opens = "export BROWSER=$HOME/browser DISPLAY=:9; pimento login >~/login.said 2>&1 & \
                     timeout 30 sh -c 'until [ -e ~/browser.said ]; do sleep 0.05; done' || cat ~/login.said; \
                     kill $! || true; cat ~/browser.said";
        assert_eq!(machine.user_ok(opens).trim(), "NoNewPrivs:\t0");
    }

    /// What a question to the user's systemd answers.
    pub(crate) fn systemctl(&self, args: &str) -> String {
        let asked = self
            .machine
            .user(&format!("systemctl --user {args}"))
            .output();
        text(&asked.unwrap().stdout).trim().to_owned()
    }

    /// What is on the machine that was not there before.
    pub(crate) fn added(&self) -> Vec<String> {
        // What was in the layer only is marked there as removed, as a character device.
        let layer = self.machine.layer("-not -type d -not -type c");
        let by_dpkg = ["/var/lib/dpkg", "/var/log", "/var/cache"];
        let kept = |file: &String| !by_dpkg.iter().any(|folder| file.starts_with(folder));
        layer.into_iter().filter(kept).collect()
    }
}
