//! A real `sshd` on loopback, and the real `ssh` to reach it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ssh_key::PublicKey;

use super::etc::Etc;

/// A running `sshd`; stopped when dropped.
pub struct Sshd {
    child: Child,
    folder: tempfile::TempDir,
    pub port: u16,
}

impl Sshd {
    /// Starts `sshd`, which lets `keys` in; `settings` are more lines of `sshd_config`.
    pub fn start(keys: &[PublicKey], settings: &str) -> Self {
        Self::start_as(keys, settings, None)
    }

    /// The same; it shows a certificate that an authority of its own has made with these options
    /// of `ssh-keygen`.
    pub fn start_as(keys: &[PublicKey], settings: &str, certified: Option<&[&str]>) -> Self {
        let sshd = Command::new("/usr/sbin/sshd");
        Self::start_by(sshd, keys, settings, certified)
    }

    /// Starts `sshd` among the users of `etc`; what `settings` say comes first.
    pub fn start_in(etc: &Etc, settings: &str) -> Self {
        Self::start_by(etc.root_command("/usr/sbin/sshd"), &[], settings, None)
    }

    /// Starts `sshd` with this key and certificate; it lets in whomever `trusted` certifies.
    pub fn with_host_key(key: &Path, certificate: &Path, trusted: PathBuf) -> Self {
        let settings = format!(
            "HostKey {}\nHostCertificate {}\nTrustedUserCAKeys {}",
            key.display(),
            certificate.display(),
            trusted.display()
        );
        Self::start(&[], &settings)
    }

    fn start_by(
        mut sshd: Command,
        keys: &[PublicKey],
        settings: &str,
        certified: Option<&[&str]>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(path("host")));
        let mut settings = settings.to_owned();
        if let Some(options) = certified {
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(path("authority")));
            run(Command::new("ssh-keygen")
                .args(["-q", "-I", "host", "-s"])
                .arg(path("authority"))
                .args(options)
                .arg(path("host.pub")));
            let certificate = path("host-cert.pub");
            settings.push_str(&format!("\nHostCertificate {}", certificate.display()));
        }
        let keys: Vec<String> = keys.iter().map(|key| key.to_openssh().unwrap()).collect();
        fs::write(path("authorized_keys"), keys.join("\n")).unwrap();
        // sshd leaves its privileges in this folder, and refuses to start without it.
        fs::create_dir_all("/run/sshd").unwrap();
        let port = free_port();
        // A bash that sshd starts reads ~/.bashrc, and what a person has there may take seconds;
        // one that was started by another shell does not.
        let config = format!(
            "{settings}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {host}\nPidFile none\n\
             AuthorizedKeysFile {keys}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             PermitRootLogin yes\nMaxStartups 500\nLogLevel DEBUG1\n\
             SetEnv SHLVL=1\n",
            host = path("host").display(),
            keys = path("authorized_keys").display(),
        );
        fs::write(path("sshd_config"), config).unwrap();
        let mut child = sshd
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sshd is needed for these tests: apt-get install openssh-server");
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = |line: &str| line.contains("Server listening");
        assert!(
            log.by_ref()
                .map_while(Result::ok)
                .any(|line| listening(&line)),
            "sshd did not start"
        );
        // Whoever reads no longer would stop sshd once the pipe is full.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            child,
            folder,
            port,
        }
    }

    /// Its public host key.
    pub fn host_key(&self) -> PublicKey {
        PublicKey::read_openssh_file(self.folder.path().join("host.pub")).unwrap()
    }

    /// The authority that has signed its certificate.
    pub fn authority(&self) -> PublicKey {
        PublicKey::read_openssh_file(self.folder.path().join("authority.pub")).unwrap()
    }

    /// A `known_hosts` file that knows it as `name`.
    pub fn known_hosts(&self, name: &str) -> PathBuf {
        let file = self.folder.path().join("known_hosts");
        let line = format!("{name} {}\n", self.host_key().to_openssh().unwrap());
        settle(&file, &line);
        file
    }

    /// The same, by an ssh that knows hosts by this file.
    pub fn ssh_knowing(&self, agent: &Path, name: &str, known: &Path) -> Command {
        let mut ssh = Command::new("ssh");
        // The options given first win.
        ssh.arg("-o")
            .arg(format!("UserKnownHostsFile={}", known.display()));
        ssh.args(self.ssh(agent, name).get_args());
        ssh.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        ssh
    }

    /// `ssh` to this host by the agent at `agent`, to run `true` there; `name` is what it is called.
    pub fn ssh(&self, agent: &Path, name: &str) -> Command {
        let mut ssh = Command::new("ssh");
        let option = |ssh: &mut Command, option: String| {
            ssh.arg("-o").arg(option);
        };
        ssh.args(["-F", "/dev/null", "-p", &self.port.to_string()]);
        option(&mut ssh, format!("IdentityAgent={}", agent.display()));
        option(
            &mut ssh,
            format!("UserKnownHostsFile={}", self.known_hosts(name).display()),
        );
        option(&mut ssh, format!("HostKeyAlias={name}"));
        for setting in [
            "StrictHostKeyChecking=yes",
            "PreferredAuthentications=publickey",
            "IdentityFile=none",
            "BatchMode=yes",
            "LogLevel=ERROR",
        ] {
            option(&mut ssh, setting.to_owned());
        }
        ssh.args([&format!("{}@127.0.0.1", user()), "true"]);
        ssh.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        ssh
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Makes `file` hold `text`; one that does is left alone, because others may be reading it.
pub fn settle(file: &Path, text: &str) {
    if fs::read_to_string(file).is_ok_and(|found| found == text) {
        return;
    }
    fs::write(file, text).unwrap();
}

/// Who these tests run as.
pub fn user() -> String {
    let id = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Runs `command`, which has to succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
