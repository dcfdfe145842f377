//! Composition: from a configuration to open doors, and back.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::aftermath::Aftermath;
use crate::agent::{Keyring, Lock, Service, Upstream};
use crate::ages::{Ages, Remembering};
use crate::audit::Audit;
use crate::broker::{Broker, Limits, Pace};
use crate::clock::Clock;
use crate::cloud::{Cloud, Network};
use crate::config::{AgentSettings, Config, Danger, Paths};
use crate::cores::Cores;
use crate::house::{Facts, House, Rooms};
use crate::known_hosts::KnownHosts;
use crate::listen::{Door, DoorError, Handed, HandedError};
use crate::pipeline::Pipeline;
use crate::prompt::{Browser, Desktop, Environment, Notifier};
use crate::refusal::Refusal;
use crate::{agent, control, credentials, supervisor};

pub use indoors::Indoors;

mod indoors;

/// An agent that listens and does not serve yet.
pub struct Agent {
    /// The keys and passwords of the configuration.
    pub house: Arc<House>,
    /// What clients of the agent door are served from.
    service: Arc<Service>,
    aftermath: Aftermath,
    doors: Doors,
}

/// Where clients knock.
struct Doors {
    agent: Door,
    /// The pipe of Windows' own agent, if it is to be ours.
    openssh: Option<Door>,
    control: Door,
    /// Where services of systemd get their credentials, if any is configured.
    credentials: Option<Door>,
}

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The audit record cannot be written.
    #[error("the audit record in {folder} cannot be written: {error}")]
    Audit {
        /// Where it would be.
        folder: std::path::PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file of the `[danger]` section cannot be read.
    #[error("the certificate authority {file} cannot be read: {error}")]
    Authority {
        /// The file.
        file: std::path::PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The cloud's client cannot be made.
    #[error("the cloud cannot be reached: {0}")]
    Cloud(Refusal),
    /// A socket cannot be listened on.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Somebody else has the pipe that `openssh_pipe` asks for.
    #[error(
        "another agent has {OPENSSH_PIPE}, most likely Windows' own; stop that one for good, as an \
         administrator: `Stop-Service ssh-agent; Set-Service ssh-agent -StartupType Disabled`; or \
         take openssh_pipe out of [agent]"
    )]
    OpenSshPipe,
    /// What the service manager hands over is not what is listened on.
    #[error(transparent)]
    Handed(#[from] HandedError),
    /// A public key of the configuration cannot be encoded.
    #[error("a public key of the configuration cannot be used: {0}")]
    Key(#[from] ssh_key::Error),
}

impl Agent {
    /// Opens the doors for `config`; those that a service manager has handed over are open already.
    ///
    /// # Errors
    /// If another agent is listening, or nothing could be recorded.
    pub fn start(
        config: Config,
        paths: &Paths,
        clock: Arc<dyn Clock>,
        handed: Handed,
    ) -> Result<Self, StartError> {
        // Before anything else is touched, so that a second start harms nothing.
        let doors = Doors::open(&config, paths, handed)?;
        let folder = config.audit.clone();
        let audit = Audit::open(&folder, Arc::clone(&clock))
            .map_err(|error| StartError::Audit { folder, error })?;
        let audit = Arc::new(audit);
        let settings = &config.agent;
        let own: Environment = std::env::vars_os().collect();
        let pages = Arc::new(Browser::new(own.clone()));
        let (cloud, ages) = cloud(&config, paths, &clock, pages)?;
        let identity = Arc::clone(&cloud.identity);
        let (pim, survey) = (Arc::clone(&cloud.pim), Arc::clone(&cloud.survey));
        let broker = broker(cloud, settings, &clock, &audit, paths);
        let cores = Arc::new(Cores::default());
        let upstream = config
            .agent
            .upstream
            .clone()
            .map(|socket| Arc::new(Upstream::new(socket)));
        let keyring = Arc::new(Keyring::new(Arc::clone(&clock), None));
        let lock = Arc::new(Lock::new(Arc::clone(&clock)));
        let aftermath = aftermath(settings, own.clone(), &clock);
        let desktop = Arc::new(Desktop::new(&settings.prompts, own, Arc::clone(&clock)));
        let facts = Facts {
            agent_socket: doors.agent.path().to_owned(),
            warnings: config.warnings().iter().map(ToString::to_string).collect(),
        };
        let house = House::new(Rooms {
            pipeline: Pipeline::new(broker, audit, Arc::clone(&cores), desktop, &clock),
            identity,
            pim,
            survey,
            ages,
            known_hosts: KnownHosts::new(config.agent.known_hosts),
            clock: Arc::clone(&clock),
            keyring: Arc::clone(&keyring),
            lock: Arc::clone(&lock),
            upstream: upstream.clone(),
            catalog: config.catalog,
            tenants: config.tenants,
            windows: config.windows,
            vaults: config.vaults,
            facts,
        })?;
        let house = Arc::new(house);
        let mut service = Service::new(Arc::clone(&house) as Arc<dyn agent::House>, clock, cores);
        (service.keyring, service.lock, service.upstream) = (keyring, lock, upstream);
        Ok(Self {
            house,
            service: Arc::new(service),
            aftermath,
            doors,
        })
    }

    /// Serves all doors until `shutdown`; then wipes everything.
    ///
    /// # Errors
    /// If the control door's transport fails as a whole.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let Self {
            house,
            service,
            aftermath,
            doors,
        } = self;
        let Doors {
            agent,
            openssh,
            control,
            credentials,
        } = doors;
        recall(&house);
        let (mut sessions, mut services) = (JoinSet::new(), JoinSet::new());
        let mut others = JoinSet::new();
        let (stop, stopped) = watch::channel(false);
        let sweeper = Arc::clone(&house.pipeline.broker);
        let syncer = Arc::clone(&house.pipeline.audit);
        let controlled = control::serve(Arc::clone(&house), control, stops(stopped));
        supervisor::ready(agent.path());
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            () = supervisor::keep_alive(&house.pipeline.broker) => Ok(()),
            () = agent::serve_all(&service, &agent, &mut sessions) => Ok(()),
            () = serve_if_any(&service, openssh.as_ref(), &mut others) => Ok(()),
            () = credentials::serve_all(&house, credentials.as_ref(), &mut services) => Ok(()),
            () = sweeper.sweep() => Ok(()),
            () = service.keyring.sweep() => Ok(()),
            () = aftermath.follow(&house.pipeline) => Ok(()),
            () = house.ages.remind(&house.catalog, &aftermath.notifier) => Ok(()),
            () = syncer.keep_synced() => Ok(()),
            served = controlled => served.map_err(|error| RunError(error.to_string())),
        };
        supervisor::stopping();
        let _nobody_listens = stop.send(true).is_err();
        sessions.shutdown().await;
        others.shutdown().await;
        services.shutdown().await;
        service.keyring.remove_all();
        house.pipeline.broker.stop().await;
        house
            .pipeline
            .audit
            .sync()
            .map_err(|error| RunError(error.to_string()))?;
        outcome
    }
}

impl Doors {
    /// Those that a service manager has handed over are open already.
    fn open(config: &Config, paths: &Paths, mut handed: Handed) -> Result<Self, StartError> {
        let agent = Door::open(&paths.agent_socket(), &mut handed)?;
        let openssh = config.agent.openssh_pipe.then(openssh).transpose()?;
        let control = Door::open(&paths.control_socket(), &mut handed)?;
        let credentials = credentials::are_configured(&config.catalog)
            .then(|| Door::open(&paths.credentials_socket(), &mut handed))
            .transpose()?;
        handed.finish(&[agent.path(), control.path()])?;
        Ok(Self {
            agent,
            openssh,
            control,
            credentials,
        })
    }
}

/// The pipe where programs of Windows look for an agent unless they are told of another.
fn openssh() -> Result<Door, StartError> {
    Door::bind(Path::new(OPENSSH_PIPE)).map_err(|error| match error {
        DoorError::Busy(_) => StartError::OpenSshPipe,
        other => other.into(),
    })
}

async fn serve_if_any(service: &Arc<Service>, door: Option<&Door>, sessions: &mut JoinSet<()>) {
    match door {
        Some(door) => agent::serve_all(service, door, sessions).await,
        None => std::future::pending().await,
    }
}

/// The cloud, and the ages of what is read of it.
fn cloud(
    config: &Config,
    paths: &Paths,
    clock: &Arc<dyn Clock>,
    pages: Arc<Browser>,
) -> Result<(Cloud, Arc<Ages>), StartError> {
    let network = network(&config.danger)?;
    let approval = config.agent.approval_wait;
    let mut cloud =
        Cloud::connect(&network, Arc::clone(clock), approval, pages).map_err(StartError::Cloud)?;
    let ages = Arc::new(Ages::open(&paths.state, Arc::clone(clock)));
    cloud.vault = Arc::new(Remembering {
        vault: cloud.vault,
        ages: Arc::clone(&ages),
    });
    Ok((cloud, ages))
}

fn broker(
    cloud: Cloud,
    settings: &AgentSettings,
    clock: &Arc<dyn Clock>,
    audit: &Arc<Audit>,
    paths: &Paths,
) -> Arc<Broker> {
    let limits = Limits {
        answer: settings.answer_within,
        propagation: settings.propagation,
    };
    let pace = Pace::kept_in(&paths.state);
    Broker::new(cloud, Arc::clone(clock), Arc::clone(audit), limits, pace)
}

fn aftermath(settings: &AgentSettings, own: Environment, clock: &Arc<dyn Clock>) -> Aftermath {
    Aftermath {
        at_end: settings.at_end,
        notifier: Notifier::new(settings.prompts.notify.clone(), own),
        clock: Arc::clone(clock),
    }
}

/// Takes up the sign-ins that were kept, on its own: a keystore may ask to be unlocked first.
fn recall(house: &Arc<House>) {
    let house = Arc::clone(house);
    let _runs_on = tokio::spawn(async move {
        for tenant in &house.tenants {
            house.identity.recall(tenant).await;
        }
    });
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
#[error("the agent cannot go on: {0}")]
pub struct RunError(String);

async fn stops(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _stopped = stopped.wait_for(|stopped| *stopped).await.is_ok();
}

/// How to reach the cloud.
///
/// # Errors
/// If the authority to trust cannot be read.
pub fn network(danger: &Danger) -> Result<Network, StartError> {
    let read = |file: &std::path::PathBuf| {
        let failed = |error| StartError::Authority {
            file: file.clone(),
            error,
        };
        std::fs::read(file).map_err(failed)
    };
    let ca_pem = danger.ca_file.as_ref().map(read).transpose()?;
    Ok(Network {
        ca_pem,
        resolve: danger.resolve.clone(),
    })
}

const OPENSSH_PIPE: &str = r"\\.\pipe\openssh-ssh-agent";
