//! A world for end-to-end tests: an emulated cloud, a pimento agent, and real SSH around them.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod application;
pub mod clock;
pub mod etc;
pub mod home;
pub mod memory;
pub mod ready;
pub mod skip;
pub mod sshd;
pub mod terminal;
pub mod tls;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pimento::clock::Clock;
use pimento::cloud::{Account, SignInGuide, SignInStep, Stage};
use pimento::config::{Config, Overrides, Paths};
use pimento::emulator::scenario::{AzureRole, Fault, Grant, Key, Policy, Role};
use pimento::emulator::{Emulator, Options, Scenario, World as Cloud};
use pimento::house::House;
use pimento::listen::Handed;
use pimento::refusal::Refusal;
use pimento::run::Agent;
use pimento::secret::private_key::PrivateKey;
use ssh_key::PublicKey;
use tokio::sync::oneshot;

use clock::WorldClock;
use home::configuration;
use sshd::Sshd;

pub const GROUP: &str = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b";
pub const CLIENT: &str = "7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22";
const TRUSTED: &str = "trusted.pub";
pub const USER: &str = "mia@contoso.onmicrosoft.com";

/// Keys of the example world: name in the catalog, name of the secret.
pub const KEYS: [(&str, &str); 3] = [
    ("web", "web-root-ssh"),
    ("db", "db-root-ssh"),
    ("legacy", "legacy-root-ssh"),
];

/// How a world differs from the usual one.
pub struct Plan {
    scenario: Scenario,
    /// How much faster than real time it is.
    speed: u32,
    /// Within which time a login is answered, as the configuration writes it.
    answer: String,
    /// What is pinned for `web` instead of the right key.
    public_key: Option<String>,
    /// What is written otherwise in the configuration.
    configure: Option<Configure>,
    configure_by: Option<ConfigureBy>,
    /// The options of `ssh-keygen` for the certificate that the host shows, if it shows one.
    certified: Option<Vec<&'static str>>,
    /// More lines of `sshd_config`.
    sshd: &'static str,
    /// What the key `web` is, if it is one that stays in the vault.
    vault_key: Option<&'static str>,
    /// What the key `web` is certified for, if an authority of the vault certifies it.
    certificate: Option<String>,
    /// How much earlier it is in this world.
    behind: jiff::SignedDuration,
}

/// Changes the text of a configuration, given the world's folder.
type Configure = Box<dyn FnOnce(&Path, String) -> String + Send>;

/// The same, given the cloud.
type ConfigureBy = Box<dyn FnOnce(&Emulator, String) -> String + Send>;

impl Plan {
    pub fn scenario(mut self, change: impl FnOnce(&mut Scenario)) -> Self {
        change(&mut self.scenario);
        self
    }

    pub fn speed(mut self, speed: u32) -> Self {
        self.speed = speed;
        self
    }

    pub fn answer_within(mut self, answer: &str) -> Self {
        answer.clone_into(&mut self.answer);
        self
    }

    /// Pins this public key for `web` instead of the right one.
    pub fn pinned(mut self, key: &str) -> Self {
        self.public_key = Some(key.to_owned());
        self
    }

    /// Changes the text of the configuration; what it names can be put into the folder.
    pub fn configured(
        mut self,
        change: impl FnOnce(&Path, String) -> String + Send + 'static,
    ) -> Self {
        self.configure = Some(Box::new(change));
        self
    }

    /// The same, given the cloud.
    pub fn configured_by(
        mut self,
        change: impl FnOnce(&Emulator, String) -> String + Send + 'static,
    ) -> Self {
        self.configure_by = Some(Box::new(change));
        self
    }

    /// Gives the host a certificate, by these options of `ssh-keygen`.
    pub fn certified(mut self, options: &[&'static str]) -> Self {
        self.certified = Some(options.to_vec());
        self
    }

    /// Gives the host more lines of `sshd_config`.
    pub fn sshd(mut self, settings: &'static str) -> Self {
        self.sshd = settings;
        self
    }

    /// Makes `web` a key of that kind which stays in the vault, where it is called `web-key`.
    pub fn vault_key(mut self, kind: &'static str) -> Self {
        with_vault_key(&mut self.scenario, kind);
        self.vault_key = Some(kind);
        self
    }

    /// Makes `web` a key that the authority `users` of that kind certifies, by these terms; the host
    /// trusts nothing else.
    pub fn certificate(mut self, kind: &'static str, terms: &str) -> Self {
        self.certificate = Some(terms.to_owned());
        self.vault_key(kind)
    }

    /// Has it be `by` earlier in this world than it is for the host.
    pub fn behind(mut self, by: jiff::SignedDuration) -> Self {
        self.behind = by;
        self
    }

    pub async fn start(self) -> World {
        World::build(self).await
    }
}

pub struct World {
    pub emulator: Emulator,
    pub clock: Arc<WorldClock>,
    pub house: Arc<House>,
    pub sshd: Sshd,
    pub paths: Paths,
    folder: tempfile::TempDir,
    /// The pinned keys, in the order of [`KEYS`].
    keys: Vec<PublicKey>,
    serving: Serving,
}

/// A running agent.
pub struct Serving {
    stop: oneshot::Sender<()>,
    agent: tokio::task::JoinHandle<()>,
}

impl World {
    pub fn plan() -> Plan {
        Plan {
            scenario: Scenario::example().unwrap(),
            speed: 1,
            answer: "60s".to_owned(),
            public_key: None,
            configure: None,
            configure_by: None,
            certified: None,
            sshd: "",
            vault_key: None,
            certificate: None,
            behind: jiff::SignedDuration::ZERO,
        }
    }

    pub async fn start() -> Self {
        Self::plan().start().await
    }

    async fn build(plan: Plan) -> Self {
        let folder = private_folder();
        let clock = Arc::new(WorldClock::behind(plan.speed, plan.behind));
        let cloud_time = Arc::clone(&clock);
        let options = Options {
            now: Arc::new(move || cloud_time.true_wall()),
            ..Options::default()
        };
        let emulator = Emulator::start(plan.scenario, options).await.unwrap();
        let mut keys: Vec<PublicKey> = KEYS
            .iter()
            .map(|(_, secret)| public_key(&emulator, secret))
            .collect();
        if plan.vault_key.is_some() {
            let public = emulator.change(|cloud| cloud.public_key("kv-linux", "web-key"));
            keys[0] = public.unwrap();
        }
        if let Some(other) = &plan.public_key {
            keys[0] = PublicKey::from_openssh(other).unwrap();
        }
        let mut settings = plan.sshd.to_owned();
        let mut let_in = keys.as_slice();
        if plan.certificate.is_some() {
            let trusted = folder.path().join(TRUSTED);
            fs::write(&trusted, keys[0].to_openssh().unwrap()).unwrap();
            settings.push_str(&format!("\nTrustedUserCAKeys {}", trusted.display()));
            let_in = &[];
        }
        let sshd = Sshd::start_as(let_in, &settings, plan.certified.as_deref());
        let config = folder.path().join("config.toml");
        let mut text = configuration(&emulator, folder.path(), &sshd, &keys, &plan.answer);
        if let Some(terms) = &plan.certificate {
            text = certified(&text, &keys[0], terms);
        } else if plan.vault_key.is_some() {
            text = text.replace("secret = \"web-root-ssh\"", "key = \"web-key\"");
        }
        if let Some(configure) = plan.configure {
            text = configure(folder.path(), text);
        }
        if let Some(configure) = plan.configure_by {
            text = configure(&emulator, text);
        }
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, PermissionsExt::from_mode(0o600)).unwrap();
        let paths = paths(folder.path(), &config);
        let (house, serving) = serve(&paths, Arc::clone(&clock) as Arc<dyn Clock>);
        let world = Self {
            emulator,
            clock,
            house,
            sshd,
            paths,
            folder,
            keys,
            serving,
        };
        world.sign_in().await;
        world.emulator.change(Cloud::reset_counts);
        world
    }

    /// Ends the agent and starts another one on the same configuration and cloud.
    pub async fn restart(self) -> Self {
        let record = Arc::downgrade(&self.house.pipeline.audit);
        drop(self.house);
        drop(self.serving.stop);
        self.serving.agent.await.unwrap();
        // A task that was stopped is gone a moment later; as a process all would end at once.
        until("the record is free", || record.strong_count() == 0).await;
        let (house, serving) = serve(&self.paths, Arc::clone(&self.clock) as Arc<dyn Clock>);
        let world = Self {
            house,
            serving,
            ..self
        };
        world.sign_in().await;
        world
    }

    /// Signs the user in by device code, as a person with a browser would.
    pub async fn sign_in(&self) {
        sign_in(&self.house, &self.emulator, USER).await;
    }

    /// Logs in with real `ssh`, by the key of that name.
    pub async fn ssh(&self, key: &str) -> Login {
        let mut ssh = self.ssh_command(key);
        let output = tokio::task::spawn_blocking(move || ssh.output().unwrap())
            .await
            .unwrap();
        Login {
            ok: output.status.success(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn ssh_command(&self, key: &str) -> Command {
        self.ssh_command_to(key, "host.test")
    }

    /// The same to the host by another name, which its `known_hosts` has as well.
    pub fn ssh_command_to(&self, key: &str, host: &str) -> Command {
        let file = self.folder.path().join(format!("{key}.pub"));
        let at = KEYS.iter().position(|(name, _)| *name == key).unwrap();
        sshd::settle(&file, &self.keys[at].to_openssh().unwrap());
        let mut ssh = Command::new("ssh");
        // The options given first win, so the file stands before the host's own.
        ssh.arg("-o").arg("IdentitiesOnly=yes").arg("-i").arg(&file);
        ssh.args(self.sshd.ssh(&self.paths.agent_socket(), host).get_args());
        ssh.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        ssh
    }

    /// The command line, for this world's agent.
    pub fn pimento(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pimento"));
        command.envs(self.variables()).args(args);
        command.stdin(Stdio::null());
        command
    }

    /// What tells the command line of this world's agent.
    pub fn variables(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("PIMENTO_CONFIG", self.paths.config.clone()),
            ("PIMENTO_RUNTIME_DIR", self.paths.runtime.clone()),
            ("PIMENTO_STATE_DIR", self.paths.state.clone()),
        ]
    }

    /// The last refusal, as `pimento why` tells it.
    pub fn why(&self) -> Refusal {
        self.house
            .pipeline
            .memory
            .last(1)
            .pop()
            .expect("nothing was refused")
            .refusal
    }

    pub fn calls(&self) -> Vec<String> {
        self.emulator.calls()
    }

    pub fn count(&self, operation: &str) -> u64 {
        self.emulator.count(operation)
    }

    pub fn activations(&self) -> u64 {
        self.count("graph.assignmentScheduleRequests.create")
    }

    pub fn reads(&self) -> u64 {
        self.count("vault.secret.get")
    }

    pub fn fault(&self, fault: Fault) {
        self.emulator.change(|cloud| cloud.fault(fault));
    }

    /// Lets the window end, and a little more.
    pub fn after_the_window(&self) {
        self.clock.advance(Duration::from_secs(3601));
    }

    /// The file with the authority that the host trusts.
    pub fn trusted(&self) -> PathBuf {
        self.folder().join(TRUSTED)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn audit(&self) -> String {
        fs::read_to_string(self.house.pipeline.audit.path()).unwrap()
    }

    /// The audit record's events.
    pub fn records(&self) -> Vec<serde_json::Value> {
        self.audit()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The names of the audit record's events.
    pub fn events(&self) -> Vec<String> {
        self.records()
            .iter()
            .map(|event| event["event"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How often an event was recorded.
    pub fn recorded(&self, event: &str) -> usize {
        self.events().iter().filter(|found| *found == event).count()
    }

    /// Waits until the opening of the window waits for an approver.
    pub async fn awaits_approval(&self) {
        let openings = || self.house.pipeline.broker.openings();
        until("a request awaits approval", || {
            openings()
                .iter()
                .any(|(_, stage)| matches!(stage, Stage::AwaitingApproval { .. }))
        })
        .await;
    }
}

/// Has the vault of `scenario` have a key `web-key` that its group may sign with.
pub fn with_vault_key(scenario: &mut Scenario, kind: &str) {
    let vault = &mut scenario.vaults[0];
    let (generate, disabled) = (kind.to_owned(), false);
    vault
        .keys
        .insert("web-key".to_owned(), Key { generate, disabled });
    vault.grants.push(Grant {
        group: Some(GROUP.to_owned()),
        user: None,
        role: Role::CryptoUser,
    });
}

/// The same configuration, with `web` certified by `web-key`.
pub fn certified(text: &str, authority: &PublicKey, terms: &str) -> String {
    let begins = text.find("[key.web]").unwrap();
    let ends = begins + 1 + text[begins + 1..].find("\n[").unwrap();
    let web = &text[begins..ends];
    let field = |name: &str| web.lines().find(|line| line.starts_with(name)).unwrap();
    let (vault, hosts) = (field("vault"), field("hosts"));
    let public = authority.to_openssh().unwrap();
    let made = format!(
        "[ca.users]\n{vault}\nkey = \"web-key\"\npublic_key = \"{public}\"\n\n\
         [key.web]\ncertificate = {{ ca = \"users\", {terms} }}\n{hosts}\n"
    );
    format!("{}{made}{}", &text[..begins], &text[ends..])
}

#[must_use = "a login either succeeds or is refused: say which"]
#[derive(Debug)]
pub struct Login {
    ok: bool,
    stderr: String,
}

impl Login {
    #[track_caller]
    pub fn assert_ok(&self) {
        assert!(self.ok, "the login failed: {}", self.stderr);
    }

    #[track_caller]
    pub fn assert_refused(&self) {
        assert!(!self.ok, "the login succeeded");
    }
}

/// Signs `user` in by device code, as a person with a browser would.
pub async fn sign_in(house: &House, emulator: &Emulator, user: &str) {
    try_sign_in(house, emulator, user).await.unwrap();
}

/// The same, where it may be refused.
pub async fn try_sign_in(
    house: &House,
    emulator: &Emulator,
    user: &str,
) -> Result<Account, Refusal> {
    struct Person<'a>(&'a Emulator, &'a str);
    impl SignInGuide for Person<'_> {
        fn show(&self, step: SignInStep) {
            let SignInStep::DeviceCode { user_code, .. } = step else {
                panic!("{step:?}")
            };
            let signed_in = |cloud: &mut Cloud| cloud.sign_in_device(&user_code, self.1);
            assert!(self.0.change(signed_in));
        }
    }
    let tenant = Arc::clone(house.tenant("").unwrap());
    let method = pimento::catalog::SignInMethod::DeviceCode;
    let person = Person(emulator, user);
    house.identity.sign_in(&tenant, method, &person).await
}

/// Waits for a condition; the time limit is only there to end a test that has failed.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(100), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A role on a scope for which the person is eligible.
pub fn eligible_for(scope: &str) -> AzureRole {
    AzureRole {
        scope: scope.to_owned(),
        role: Role::SecretsUser,
        policy: Policy::default(),
        eligible: vec![USER.to_owned()],
        through: None,
        end: None,
        assigned: Vec::new(),
    }
}

pub fn private_folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(PermissionsExt::from_mode(0o700))
        .tempdir()
        .unwrap()
}

pub fn public_key(emulator: &Emulator, secret: &str) -> PublicKey {
    let text = emulator.change(|cloud| cloud.secret("kv-linux", secret).unwrap().to_owned());
    PrivateKey::parse(text.as_bytes())
        .unwrap_or_else(|problem| panic!("{problem}"))
        .public()
        .clone()
}

pub fn paths(folder: &Path, config: &Path) -> Paths {
    let overrides = Overrides {
        config: Some(config.to_owned()),
        runtime: Some(folder.join("run")),
        state: Some(folder.join("state")),
    };
    let mut paths = Paths::from_environment(overrides).unwrap();
    // No administrator of this machine has a say in a test.
    paths.managed = folder.join("managed.toml");
    paths
}

/// Starts the agent that `paths` configure.
pub fn serve(paths: &Paths, time: Arc<dyn Clock>) -> (Arc<House>, Serving) {
    let loaded = Config::load(paths).unwrap_or_else(|error| panic!("{error}"));
    let agent = Agent::start(loaded, paths, time, Handed::default())
        .unwrap_or_else(|error| panic!("{error}"));
    let house = Arc::clone(&agent.house);
    let (stop, stopped) = oneshot::channel::<()>();
    let agent = tokio::spawn(async move {
        agent.serve(async { drop(stopped.await) }).await.unwrap();
    });
    (house, Serving { stop, agent })
}
