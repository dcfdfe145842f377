//! A house full of ssh-keygen's keys behind a real socket, and real SSH hosts.

#[path = "../support/skip.rs"]
mod skip;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use pimento::agent::{
    Bound, Destination, House, Identity, Payload, Service, SignAsk, Untied, serve,
};
use pimento::audit::Holder;
use pimento::clock::SystemClock;
use pimento::cores::Cores;
use pimento::listen::Door;
use pimento::refusal::Refusal;
use pimento::requester::{Caller, Requester};
use pimento::secret::private_key::PrivateKey;
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) use skip::skipped;

/// A key pair of ssh-keygen in a folder of its own.
pub(crate) struct Key {
    pub(crate) kind: &'static str,
    pub(crate) blob: Vec<u8>,
    /// The line of the public key, line end included.
    pub(crate) public_line: String,
    /// The file of the public key.
    file: String,
    folder: TempDir,
}

impl Key {
    pub(crate) fn new(kind: &'static str, bits: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let comment = format!("{kind}-{bits}");
        let args = [
            "-q", "-t", kind, "-b", bits, "-N", "", "-C", &comment, "-f", "key",
        ];
        ssh_keygen(folder.path(), &args);
        let public_line = std::fs::read_to_string(folder.path().join("key.pub")).unwrap();
        let blob = public_line.split(' ').nth(1).unwrap();
        Self {
            kind,
            blob: base64::engine::general_purpose::STANDARD
                .decode(blob)
                .unwrap(),
            public_line,
            file: folder.path().join("key.pub").to_str().unwrap().to_owned(),
            folder,
        }
    }

    pub(crate) fn private_file(&self) -> &str {
        self.file.strip_suffix(".pub").unwrap()
    }

    pub(crate) fn public_file(&self) -> &str {
        &self.file
    }

    fn comment(&self) -> String {
        self.public_line
            .trim_end()
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned()
    }
}

fn ssh_keygen(folder: &Path, args: &[&str]) {
    let output = Command::new("ssh-keygen")
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// A signature that somebody asked for.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) payload: Payload,
    pub(crate) data: Vec<u8>,
    pub(crate) flags: u32,
    pub(crate) bound: Bound,
    pub(crate) destination: Result<Destination, Untied>,
    pub(crate) requester: Requester,
}

struct Keys {
    keys: Vec<(Key, PrivateKey)>,
    asked: Mutex<Vec<Asked>>,
    removals: Mutex<usize>,
}

#[async_trait]
impl House for Keys {
    fn identities(&self, _bound: &Bound) -> Vec<Identity> {
        let identity = |(key, _): &(Key, PrivateKey)| Identity {
            key_blob: key.blob.clone().into(),
            comment: key.comment().as_bytes().into(),
        };
        self.keys.iter().map(identity).collect()
    }

    fn has(&self, key_blob: &[u8]) -> bool {
        self.keys.iter().any(|(key, _)| key.blob == key_blob)
    }

    async fn sign(&self, ask: SignAsk<'_>, caller: &Caller) -> Result<Vec<u8>, Refusal> {
        self.asked.lock().unwrap().push(Asked {
            destination: ask.destination(),
            payload: ask.payload.clone(),
            data: ask.data.to_vec(),
            flags: ask.flags,
            bound: ask.bound.clone(),
            requester: caller.requester().clone(),
        });
        let key = self.keys.iter().find(|(key, _)| key.blob == ask.key_blob);
        let (_, private) = key.ok_or(Refusal::Locked)?;
        let signed = private.sign(ask.data, ask.flags);
        signed.map_err(|problem| Refusal::Unsupported(problem.to_string()))
    }

    fn record(&self, _: &SignAsk<'_>, _: Holder, _: &Caller) -> Result<(), Refusal> {
        Ok(())
    }

    async fn confirm(&self, _: &SignAsk<'_>, _: &Identity, _: &Caller) -> Result<(), Refusal> {
        Err(Refusal::Locked)
    }

    fn locked(&self) -> bool {
        false
    }

    fn lock(&self) {}

    fn unlock(&self) {}

    async fn remove_all(&self) -> Result<(), Refusal> {
        *self.removals.lock().unwrap() += 1;
        Ok(())
    }
}

/// An agent that lists and signs with the given keys, and records what it is asked.
pub(crate) struct World {
    house: Arc<Keys>,
    folder: TempDir,
    socket: PathBuf,
    serving: JoinHandle<()>,
}

impl World {
    pub(crate) fn with(keys: Vec<Key>) -> Self {
        let parsed = keys.into_iter().map(|key| {
            let private = PrivateKey::parse(&std::fs::read(key.private_file()).unwrap()).unwrap();
            (key, private)
        });
        let house = Arc::new(Keys {
            keys: parsed.collect(),
            asked: Mutex::default(),
            removals: Mutex::default(),
        });
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("run/agent.sock");
        let door = Door::bind(&socket).unwrap();
        let serving = tokio::spawn({
            let house = Arc::clone(&house) as Arc<dyn House>;
            let cores = Arc::new(Cores::default());
            let service = Arc::new(Service::new(house, Arc::new(SystemClock), cores));
            async move {
                loop {
                    let connection = door.accept().await;
                    let service = Arc::clone(&service);
                    tokio::spawn(async move {
                        let _place = connection.place;
                        let caller = connection.caller;
                        let _closed = serve(connection.stream, &caller, &service, &()).await;
                    });
                }
            }
        });
        Self {
            house,
            folder,
            socket,
            serving,
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.house.keys.iter().map(|(key, _)| key)
    }

    /// What was asked since this was last called.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.house.asked.lock().unwrap())
    }

    pub(crate) fn removals(&self) -> usize {
        *self.house.removals.lock().unwrap()
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn are_we_root(&self) -> bool {
        self.run("id", &["-u"]).stdout.trim() == "0"
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Ran {
        self.run_with_input(program, args, "")
    }

    pub(crate) fn run_with_input(&self, program: &str, args: &[&str], input: &str) -> Ran {
        let mut child = Command::new(program)
            .args(args)
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS_REQUIRE", "never")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input has closed it.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            // A client that is hung up on may die of SIGPIPE.
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn ssh(&self, host: &Host, key: &Key, command: &[&str]) -> Ran {
        let line = host.command(key, command);
        let args: Vec<&str> = line[1..].iter().map(String::as_str).collect();
        self.run("ssh", &args)
    }

    pub(crate) fn ssh_forwarding(&self, host: &Host, key: &Key, command: &[&str]) -> Ran {
        let line = host.command(key, command);
        let args = std::iter::once("-A").chain(line[1..].iter().map(String::as_str));
        self.run("ssh", &args.collect::<Vec<_>>())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// How a program ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn assert_ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    pub(crate) fn assert_fails(self) {
        assert_ne!(self.code, 0, "{}{}", self.stdout, self.stderr);
    }
}

/// OpenSSH's server, started by `ssh` itself for each connection (`sshd -i` as ProxyCommand):
/// nothing listens and nothing is left behind.
pub(crate) struct Host {
    pub(crate) user: String,
    pub(crate) key: Key,
    sshd: String,
    folder: TempDir,
}

impl Host {
    /// A host that lets the holders of `authorized` in; `None` where there is no sshd.
    pub(crate) fn new<'k>(
        kind: &'static str,
        bits: &str,
        authorized: impl Iterator<Item = &'k Key>,
    ) -> Option<Self> {
        let Some(sshd) = find_sshd() else {
            skipped("no sshd here; `apt-get install openssh-server` brings it");
            return None;
        };
        let key = Key::new(kind, bits);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let lines: String = authorized.map(|key| key.public_line.clone()).collect();
        std::fs::write(path("authorized_keys"), lines).unwrap();
        std::fs::write(path("known_hosts"), format!("host {}", key.public_line)).unwrap();
        // With SHLVL a bash does not read ~/.bashrc, which may take long.
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\n\
             SetEnv SHLVL=1\n",
            key.private_file(),
            path("authorized_keys")
        );
        std::fs::write(path("sshd_config"), config).unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        Some(Self {
            user: String::from_utf8(user).unwrap().trim().to_owned(),
            key,
            sshd,
            folder,
        })
    }

    /// A host that shows a certificate for its key.
    pub(crate) fn certified<'k>(
        kind: &'static str,
        authorized: impl Iterator<Item = &'k Key>,
    ) -> Option<Self> {
        let bits = if kind == "rsa" { "2048" } else { "256" };
        let host = Self::new(kind, bits, authorized)?;
        let authority = Key::new("ed25519", "256");
        let certify = [
            "-q",
            "-s",
            authority.private_file(),
            "-h",
            "-I",
            "host",
            "-n",
            "host",
        ];
        ssh_keygen(
            host.key.folder.path(),
            &[&certify[..], &["key.pub"]].concat(),
        );
        let config = host.folder.path().join("sshd_config");
        let mut text = std::fs::read_to_string(&config).unwrap();
        text.push_str(&format!(
            "HostCertificate {}-cert.pub\n",
            host.key.private_file()
        ));
        std::fs::write(config, text).unwrap();
        let known = format!("@cert-authority host {}", authority.public_line);
        std::fs::write(host.folder.path().join("known_hosts"), known).unwrap();
        Some(host)
    }

    pub(crate) fn fingerprint(&self) -> String {
        let public = ssh_key::PublicKey::from_openssh(&self.key.public_line).unwrap();
        public.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    /// The command line that logs in here with `key` of the agent and nothing else.
    pub(crate) fn command(&self, key: &Key, command: &[&str]) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let proxy = format!("ProxyCommand={} -i -f {}", self.sshd, path("sshd_config"));
        let options = [
            "BatchMode=yes".to_owned(),
            format!("UserKnownHostsFile={}", path("known_hosts")),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            format!("IdentityFile={}", key.public_file()),
            proxy,
        ];
        let mut line = vec!["ssh".to_owned(), "-F".to_owned(), "none".to_owned()];
        for option in options {
            line.extend(["-o".to_owned(), option]);
        }
        line.push(format!("{}@host", self.user));
        line.extend(command.iter().map(|&word| word.to_owned()));
        line
    }
}

fn find_sshd() -> Option<String> {
    // Root's sshd wants its empty folder, which a system without a running sshd may lack.
    let _only_root_can = std::fs::create_dir_all("/run/sshd");
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .map(str::to_owned)
}
