//! From installation to purge, with the systemd of a user and without.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::machine::Machine;
use crate::support::etc::{ID, skipped};
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
fn by_browser(config: String) -> String {
    config.replace("\"device-code\"", "\"browser\"")
}

/// The configuration as it is.
fn same(config: String) -> String {
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

    fn ssh(&self) -> Output {
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

#[tokio::test(flavor = "multi_thread")]
async fn the_first_login_starts_the_agent_and_a_purge_leaves_nothing() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let (machine, before) = (&installed.machine, installed.added());
    installed.install();
    assert_eq!(machine.ok("dpkg --verify pimento"), "");
    let activate = "exec systemd-socket-activate -E XDG_RUNTIME_DIR -E HOME \
                    -l $XDG_RUNTIME_DIR/pimento/agent.sock -l $XDG_RUNTIME_DIR/pimento/control.sock \
                    /usr/bin/pimento agent";
    machine.user_ok("mkdir -m 700 $XDG_RUNTIME_DIR/pimento");
    let mut activate = machine.user(activate);
    let mut waiting = activate.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    // It says so for each socket, and then waits for somebody to ask.
    let mut lines = lines.map_while(Result::ok);
    let said = lines.by_ref().take(2).collect::<Vec<_>>().join("\n");
    assert!(said.contains("control.sock"), "{said}");
    std::thread::spawn(move || lines.for_each(drop));
    assert!(
        !machine
            .root("pgrep -x pimento")
            .output()
            .unwrap()
            .status
            .success()
    );
    installed.sign_in();
    installed.logs_in();
    machine.ok("pkill -TERM -x pimento");
    waiting.wait().unwrap();
    // The sockets are their maker's, and go with the folder.
    machine.user_ok("rm -r $XDG_RUNTIME_DIR/pimento");
    let manual = machine.ok("man -P cat pimento-run");
    assert!(manual.contains("pimento-run"), "{manual}");
    machine.ok("dpkg --purge pimento");
    assert_eq!(installed.added(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_starts_the_agent_anew_and_the_sockets_stay() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    assert_eq!(installed.systemctl("is-active pimento.socket"), "active");
    assert_eq!(installed.systemctl("is-active pimento.service"), "inactive");
    installed.sign_in();
    installed.logs_in();
    assert_eq!(installed.systemctl("is-active pimento.service"), "active");
    let running = "show --property MainPID --value pimento.service";
    let first = installed.systemctl(running);
    let inode = "stat --format %i $XDG_RUNTIME_DIR/pimento/agent.sock";
    let socket = machine.user_ok(inode);
    machine.ok(&format!(
        "dpkg -i {}",
        installed.home.path("later.deb").display()
    ));
    let second = installed.systemctl(running);
    assert_ne!(first, second);
    assert_eq!(machine.user_ok(inode), socket);
    // Nothing is left of the window, nor of the sign-in.
    assert!(!installed.ssh().status.success());
    installed.sign_in();
    installed.logs_in();
    // An agent that dies is started anew, before anybody asks.
    machine.ok("pkill -KILL -x pimento");
    let listed = machine.user_ok("SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock ssh-add -l");
    assert_eq!(listed.lines().count(), KEYS.len(), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_is_confined_and_the_browser_that_it_starts_is_not() {
    let Some(installed) = Installed::new(by_browser).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    installed.opens_the_browser_outside();
    let agent = installed.systemctl("show --property MainPID --value pimento.service");
    let status = machine.ok(&format!("cat /proc/{agent}/status"));
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    // 2: by a filter.
    assert!(status.contains("Seccomp:\t2"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_takes_the_agent_its_sockets_and_the_variable_with_it() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    let told = machine.user_ok("pimento service install --ssh-auth-sock 2>&1");
    assert!(
        told.contains("/usr/lib/systemd/user/pimento.socket"),
        "{told}"
    );
    let variable = format!("SSH_AUTH_SOCK=/run/user/{ID}/pimento/agent.sock");
    assert!(installed.systemctl("show-environment").contains(&variable));
    let generator =
        "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";
    assert!(machine.user_ok(generator).contains(&variable));
    let status = machine.user_ok("pimento service status");
    assert!(status.contains("socket    active, enabled"), "{status}");
    installed.sign_in();
    machine.ok("dpkg --purge pimento");
    assert!(
        !machine
            .root("pgrep -x pimento")
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(!machine.user_ok("ls $XDG_RUNTIME_DIR").contains("pimento"));
    assert!(
        !installed
            .systemctl("show-environment")
            .contains("SSH_AUTH_SOCK")
    );
    assert!(!installed.systemctl("list-unit-files").contains("pimento"));
    assert!(!machine.user_ok(generator).contains("SSH_AUTH_SOCK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_listens_for_a_user_without_a_configuration_or_who_turned_it_off() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    machine.user_ok("mv ~/.config/pimento ~/aside");
    installed.install();
    let status = installed.systemctl("status pimento.socket");
    assert!(status.contains("condition failed"), "{status}");
    machine.user_ok("mv ~/aside ~/.config/pimento && systemctl --user start pimento.socket");
    machine.user_ok("pimento service uninstall");
    let status = machine.user("pimento service status").output().unwrap();
    assert_eq!(status.status.code(), Some(10), "{}", text(&status.stdout));
    assert!(
        text(&status.stdout).contains("masked"),
        "{}",
        text(&status.stdout)
    );
    machine.ok(&format!(
        "dpkg -i {}",
        installed.home.path("later.deb").display()
    ));
    assert_eq!(installed.systemctl("is-active pimento.socket"), "inactive");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_package_the_units_are_written_and_taken_away_again() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    let program = "install -D /usr/bin/pimento '$HOME/my programs/pimento'".replace('\'', "\"");
    installed.install();
    machine.user_ok(&program);
    machine.ok("dpkg --purge pimento");
    let service = "exec \"$HOME/my programs/pimento\" service";
    let absent = machine.user(&format!("{service} status")).output().unwrap();
    assert_eq!(absent.status.code(), Some(10));
    let told = machine.user_ok(&format!("{service} install --ssh-auth-sock"));
    assert!(
        told.contains(".config/systemd/user/pimento.socket"),
        "{told}"
    );
    let listed = machine.user_ok("SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock ssh-add -l");
    assert_eq!(listed.lines().count(), KEYS.len(), "{listed}");
    // Somebody else's unit of that name is left as it is.
    machine.user_ok(&format!("{service} uninstall"));
    assert_eq!(
        machine.user_ok("find ~/.config/systemd ~/.config/environment.d -type f"),
        ""
    );
    assert!(!machine.user_ok("ls $XDG_RUNTIME_DIR").contains("pimento"));
    machine.user_ok("echo mine > ~/.config/systemd/user/pimento.socket");
    let refused = machine
        .user(&format!("{service} install"))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let why = text(&refused.stderr);
    assert!(why.contains("was not written by pimento"), "{why}");
    assert_eq!(
        machine.user_ok("cat ~/.config/systemd/user/pimento.socket"),
        "mine\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_not_pimentos_is_refused_by_its_path() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    installed.install();
    let activate = "(until [ -S $SSH_AUTH_SOCK ]; do sleep 0.02; done; ssh-add -l) & \
                    exec systemd-socket-activate -E XDG_RUNTIME_DIR -E HOME -l $SSH_AUTH_SOCK \
                    /usr/bin/pimento agent";
    let mut activate = machine.user(activate);
    activate.env("SSH_AUTH_SOCK", installed.home.path("other.sock"));
    let refused = activate.output().unwrap();
    let why = text(&refused.stderr);
    assert!(why.contains("which is no socket of pimento's"), "{why}");
}
