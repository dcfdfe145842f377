//! An agent and its cloud without any SSH around them, in which pauses take no time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use pimento::clock::{Clock, Moment};
use pimento::cloud::{CorrelationId, Freshness, Resource, Stage as Step, StageSink};
use pimento::config::Paths;
use pimento::emulator::scenario::{Fault, Grant, Key, Role};
use pimento::emulator::{Emulator, Options, Scenario, World};
use pimento::house::House;
use pimento::policy::{End, Said};
use pimento::refusal::Refusal;
use pimento::requester::Requester;

use crate::support::clock::WorldClock;
use crate::support::{self, CLIENT, GROUP, USER};

/// The world's clock, on which short sleeps are over at once: pauses between attempts and polls.
///
/// Long ones are limits, and last: no machine is so busy that it reaches them.
#[derive(Debug)]
struct Hurrying(Arc<WorldClock>);

#[async_trait]
impl Clock for Hurrying {
    fn now(&self) -> Moment {
        self.0.now()
    }

    fn wall(&self) -> Timestamp {
        self.0.wall()
    }

    async fn sleep_until(&self, at: Moment) {
        let left = self.now().until(at);
        if left < SHORT {
            return self.0.advance(left);
        }
        self.0.sleep_until(at).await;
    }
}

/// Below every limit of the agent's, above every pause.
const SHORT: Duration = Duration::from_secs(9);

pub struct Stage {
    pub emulator: Emulator,
    pub clock: Arc<WorldClock>,
    pub house: Arc<House>,
    paths: Paths,
    time: Arc<dyn Clock>,
    _folder: tempfile::TempDir,
    _serving: support::Serving,
}

/// The agent of somebody else, in the same world.
pub struct Colleague {
    pub house: Arc<House>,
    paths: Paths,
    _folder: tempfile::TempDir,
    _serving: support::Serving,
}

impl Colleague {
    /// Runs the command line of this one's agent.
    pub async fn pimento(&self, args: &[&str]) -> Output {
        pimento(&self.paths, args).await
    }
}

async fn pimento(paths: &Paths, args: &[&str]) -> Output {
    let mut command = command(paths, args);
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    ran.await.unwrap()
}

fn command(paths: &Paths, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pimento"));
    command
        .env("PIMENTO_CONFIG", &paths.config)
        .env("PIMENTO_RUNTIME_DIR", &paths.runtime)
        .env("PIMENTO_STATE_DIR", &paths.state)
        .args(args)
        .stdin(Stdio::null());
    command
}

impl Stage {
    /// The usual world, changed, and its user signed in.
    pub async fn start(change: impl FnOnce(&mut Scenario)) -> Self {
        Self::with_clock(change, |clock| Arc::new(Hurrying(clock))).await
    }

    /// The same, in which every sleep lasts.
    pub async fn unhurried() -> Self {
        Self::with_clock(|_| {}, |clock| clock).await
    }

    /// That of a changed world.
    pub async fn unhurried_with(change: impl FnOnce(&mut Scenario)) -> Self {
        Self::with_clock(change, |clock| clock).await
    }

    /// Waits until the opening of the window waits for an approver.
    pub async fn awaits_approval(&self) {
        let openings = || self.house.pipeline.broker.openings();
        let waits = |step: &Step| matches!(step, Step::AwaitingApproval { .. });
        support::until("a request awaits approval", || {
            openings().iter().any(|(_, step)| waits(step))
        })
        .await;
    }

    async fn with_clock(
        change: impl FnOnce(&mut Scenario),
        time: impl FnOnce(Arc<WorldClock>) -> Arc<dyn Clock>,
    ) -> Self {
        let clock = Arc::new(WorldClock::new(1));
        let cloud_time = Arc::clone(&clock);
        let options = Options {
            now: Arc::new(move || cloud_time.true_wall()),
            ..Options::default()
        };
        let mut scenario = Scenario::example().unwrap();
        // Keys take time to make, and nobody asks for them here.
        let vault = &mut scenario.vaults[0];
        vault.secrets.retain(|name, _| name == "db01-root");
        let (generate, disabled) = ("ec-p256".to_owned(), false);
        let key = Key { generate, disabled };
        vault.keys.insert("deploy".to_owned(), key);
        vault.grants.push(Grant {
            group: Some(GROUP.to_owned()),
            user: None,
            role: Role::CryptoUser,
        });
        change(&mut scenario);
        let emulator = Emulator::start(scenario, options).await.unwrap();
        let time = time(Arc::clone(&clock));
        let own = agent(&emulator, &time, USER).await;
        emulator.change(World::reset_counts);
        Self {
            emulator,
            clock,
            house: own.house,
            paths: own.paths,
            time,
            _folder: own._folder,
            _serving: own._serving,
        }
    }

    /// The agent of another user.
    pub async fn colleague(&self, user: &str) -> Colleague {
        agent(&self.emulator, &self.time, user).await
    }

    /// The same, whose pauses take no time.
    pub async fn hurried_colleague(&self, user: &str) -> Colleague {
        let time: Arc<dyn Clock> = Arc::new(Hurrying(Arc::clone(&self.clock)));
        agent(&self.emulator, &time, user).await
    }

    /// Runs the command line of this agent.
    pub async fn pimento(&self, args: &[&str]) -> Output {
        pimento(&self.paths, args).await
    }

    /// The same, to be run.
    pub fn command(&self, args: &[&str]) -> Command {
        command(&self.paths, args)
    }

    /// How much is left of the window; nothing if it is closed.
    pub fn left(&self) -> Duration {
        let broker = &self.house.pipeline.broker;
        let views = broker.views();
        let open = views.first().map(|view| broker.left(&view.terms));
        open.unwrap_or_default()
    }

    /// The audit record's events, and why those happened that say so.
    pub fn events(&self) -> Vec<String> {
        let text = fs::read_to_string(self.house.pipeline.audit.path()).unwrap();
        let event = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["event"].as_str().unwrap().to_owned()
        };
        text.lines().map(event).collect()
    }

    /// Has the password shown; tells how long it is.
    pub async fn password(&self) -> Result<usize, Refusal> {
        let password = self.house.password("db01-root").unwrap();
        let length = |password: &pimento::secret::Password| password.expose_secret().len();
        let (said, requester) = (Said::default(), Requester::of(Some(std::process::id())));
        self.house
            .release(password, End::Reveal, said, &requester, &Nobody, length)
            .await
    }

    pub fn fault(&self, fault: Fault) {
        self.emulator.change(|cloud| cloud.fault(fault));
    }

    /// Ends every window, refusal and token, and mends the cloud.
    pub fn after_everything_ended(&self) {
        self.mend();
        self.emulator.change(World::reset_counts);
        self.clock.advance(Duration::from_secs(2 * 3600));
    }

    pub async fn has_a_token_for_graph(&self) {
        let tenant = self.house.tenant("").unwrap();
        let identity = &self.house.identity;
        let id = CorrelationId::new();
        let token = identity.token(tenant, Resource::Graph, Freshness::Cached, id);
        token.await.unwrap();
        self.emulator.change(World::reset_counts);
    }

    pub fn mend(&self) {
        self.emulator.change(|cloud| {
            cloud.scenario.faults.clear();
            cloud.scenario.misnamed.clear();
        });
    }

    /// How many activations PIM has taken.
    pub fn made(&self) -> usize {
        self.emulator.change(|cloud| cloud.requests_of(GROUP))
    }
}

/// An agent, and its user signed in.
async fn agent(emulator: &Emulator, time: &Arc<dyn Clock>, user: &str) -> Colleague {
    let folder = support::private_folder();
    let config = folder.path().join("config.toml");
    fs::write(&config, configuration(emulator, folder.path())).unwrap();
    fs::set_permissions(&config, PermissionsExt::from_mode(0o600)).unwrap();
    let paths = support::paths(folder.path(), &config);
    let (house, serving) = support::serve(&paths, Arc::clone(time));
    support::sign_in(&house, emulator, user).await;
    Colleague {
        house,
        paths,
        _folder: folder,
        _serving: serving,
    }
}

/// Nobody watches.
struct Nobody;

impl StageSink for Nobody {
    fn reached(&self, _: Step) {}
}

/// A window of the role that the world has, if it has one.
fn configuration(emulator: &Emulator, folder: &std::path::Path) -> String {
    let role = emulator.change(|world| world.scenario.azure_roles.first().cloned());
    let target = role.map_or(format!("group = \"{GROUP}\""), |role| {
        format!(
            "scope = \"{}\"\nrole = \"Key Vault Secrets User\"",
            role.scope
        )
    });
    let ca_file = folder.join("ca.pem");
    fs::write(&ca_file, emulator.ca_pem()).unwrap();
    let deploy = emulator.change(|world| world.public_key("kv-linux", "deploy"));
    let deploy = deploy.unwrap().to_openssh().unwrap();
    let mut text = format!(
        "[agent]\npropagation = \"30s\"\n\
         [tenant.contoso]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"{CLIENT}\"\n\
         sign_in = \"device-code\"\n\
         [window.linux-root]\ntenant = \"contoso\"\n{target}\nduration = \"1h\"\n\
         reason = \"{{program}}\"\n\
         [vault.linux]\nurl = \"https://kv-linux.vault.azure.net\"\nwindow = \"linux-root\"\n\
         [password.db01-root]\nvault = \"linux\"\nsecret = \"db01-root\"\nuser = \"root\"\n\
         hosts = [\"db01.contoso.com\"]\n\
         [key.deploy]\nvault = \"linux\"\nkey = \"deploy\"\npublic_key = \"{deploy}\"\n\
         uses = [\"any\"]\nunbound = \"allow\"\n\
         [danger]\nca_file = {ca_file:?}\n[danger.resolve]\n"
    );
    for (host, address) in emulator.resolve() {
        text.push_str(&format!("\"{host}\" = \"{address}\"\n"));
    }
    text
}
