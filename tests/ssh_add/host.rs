//! OpenSSH's server, started by `ssh` itself for each connection (`sshd -i` as ProxyCommand):
//! nothing listens and nothing is left behind.

use std::path::Path;
use std::process::Command;

use crate::ssh_agent::keys::TestKey;
use crate::ssh_agent::{Ran, TestAgent, ran, skipped, utf8};

pub(crate) struct Host {
    pub(crate) user: String,
    name: &'static str,
    key: TestKey,
    sshd: &'static str,
    folder: tempfile::TempDir,
}

impl Host {
    /// A host that lets the holder of `authorized` in; `None` where there is no sshd.
    pub(crate) fn new(name: &'static str, authorized: &TestKey) -> Option<Self> {
        // Root's sshd wants its empty folder, which a system without a running sshd may lack.
        let _only_root_can = std::fs::create_dir_all("/run/sshd");
        let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
        let Some(sshd) = places.into_iter().find(|path| Path::new(path).exists()) else {
            skipped("no sshd here; `apt-get install openssh-server` brings it");
            return None;
        };
        let host = Self {
            user: ran(Command::new("id").arg("-un")).ok().trim().to_owned(),
            name,
            key: TestKey::new("ed25519", "256"),
            sshd,
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(host.path("authorized"), authorized.public_line()).unwrap();
        std::fs::write(host.path("known"), host.known_line()).unwrap();
        host.configure(&format!("HostKey {}\n", host.key.private));
        Some(host)
    }

    /// Has the host prove itself like this instead.
    pub(crate) fn configure(&self, host_key: &str) {
        // With SHLVL a bash does not read ~/.bashrc, which may take long.
        let text = format!(
            "{host_key}AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv SHLVL=1\n",
            self.path("authorized"),
        );
        std::fs::write(self.path("sshd_config"), text).unwrap();
    }

    /// Its line of a `known_hosts` file.
    pub(crate) fn known_line(&self) -> String {
        format!("{} {}", self.name, self.key.public_line())
    }

    /// Has its key be in an agent, and nowhere else.
    pub(crate) fn move_key_to(&self, agent: &TestAgent) {
        agent.run("ssh-add", &["-q", &self.key.private]).ok();
        std::fs::remove_file(&self.key.private).unwrap();
        self.configure(&format!(
            "HostKey {}\nHostKeyAgent {}\n",
            self.key.public,
            utf8(&agent.socket)
        ));
    }

    /// Logs in with a key of the agent.
    pub(crate) fn ssh(&self, agent: &TestAgent, key: &TestKey) -> Ran {
        let proxy = format!(
            "ProxyCommand={} -i -f {}",
            self.sshd,
            self.path("sshd_config")
        );
        let known = format!("UserKnownHostsFile={}", self.path("known"));
        let identity = format!("IdentityFile={}", key.public);
        let mut ssh = agent.command("ssh", &["-F", "none"]);
        for option in [
            "BatchMode=yes",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            &known,
            &identity,
            &proxy,
        ] {
            ssh.args(["-o", option]);
        }
        ran(ssh.arg(format!("{}@{}", self.user, self.name)).arg("true"))
    }

    fn path(&self, name: &str) -> String {
        utf8(&self.folder.path().join(name))
    }
}
