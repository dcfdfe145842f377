//! The agent itself: from its command line to an open door, and back.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::super::{Failure, output, runtime};
use super::{AgentOption, Args, Shell};
use crate::agent::{Keyring, Service, Upstream, serve_all};
use crate::clock::{Clock, SystemClock};
use crate::config::known_hosts;
use crate::harden;
use crate::house::Standalone;
use crate::known_hosts::KnownHosts;
use crate::listen::Door;
use crate::prompt::{Desktop, Environment, Settings};
use crate::refusal::ExitCode;
use crate::secret::locked;

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::failed(error.to_string());
    // Before a single byte of anything is read.
    harden::harden()
        .map_err(|error| Failure::failed(format!("the process cannot be hardened: {error}")))?;
    if args.debug {
        output::logs();
    }
    if args.detached {
        leave_terminal();
    }
    let service = Arc::new(service(args));
    let place = Place::new(args.address.clone()).map_err(failed)?;
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime.block_on(async {
        let door = Door::bind_anywhere(&place.socket)
            .map_err(|error| Failure::failed(error.to_string()))?;
        let end = End::listen(args.with).map_err(failed)?;
        locked::give_back_start_up();
        tell(args, &place).map_err(failed)?;
        // A task of its own: a session that is begun from one goes on where it is, without a switch.
        let serving = tokio::spawn(serve(service, door, end)).await;
        serving.map_err(|error| Failure::failed(error.to_string()))
    })?;
    Ok(ExitCode::Done)
}

async fn serve(service: Arc<Service>, door: Door, end: End) {
    let mut sessions = JoinSet::new();
    tokio::select! {
        () = end.asked(&service.keyring) => {}
        () = serve_all(&service, &door, &mut sessions) => {}
        () = service.keyring.sweep() => {}
    }
    sessions.shutdown().await;
    service.keyring.remove_all();
}

fn service(args: &Args) -> Service {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let own: Environment = std::env::vars_os().collect();
    let house = Standalone {
        prompter: Arc::new(Desktop::new(&Settings::default(), own, Arc::clone(&clock))),
        known_hosts: KnownHosts::new(known_hosts(std::env::home_dir().as_deref())),
        clock: Arc::clone(&clock),
    };
    let mut service = Service::new(Arc::new(house), Arc::clone(&clock), Arc::default());
    service.keyring = Arc::new(Keyring::new(clock, args.lifetime));
    service.upstream = args.options.iter().rev().find_map(|option| match option {
        AgentOption::Upstream(socket) => Some(Arc::new(Upstream::new(socket.clone()))),
        AgentOption::Ignored => None,
    });
    service
}

/// Says where the agent listens: to the starter one bare line, to a person what a shell evaluates.
fn tell(args: &Args, place: &Place) -> std::io::Result<()> {
    let socket = place.socket.display().to_string();
    if args.detached {
        let mut out = std::io::stdout();
        writeln!(out, "{socket}")?;
        return out.flush();
    }
    let shell = Shell::of(args);
    shell.set("SSH_AUTH_SOCK", &socket);
    shell.say(&format!("Agent pid {}", std::process::id()));
    std::io::stdout().flush()
}

/// The socket, and the folder that was made for it.
struct Place {
    socket: PathBuf,
    made: Option<PathBuf>,
}

impl Place {
    fn new(address: Option<PathBuf>) -> std::io::Result<Self> {
        if let Some(socket) = address {
            return Ok(Self { socket, made: None });
        }
        Self::unnamed()
    }

    /// A pipe of the user's own.
    #[cfg(windows)]
    fn unnamed() -> std::io::Result<Self> {
        let unknown = || std::io::Error::other("Windows does not say who runs this process");
        let user = crate::requester::this_user().ok_or_else(unknown)?;
        let name = uuid::Uuid::new_v4().simple();
        Ok(Self {
            socket: PathBuf::from(format!(r"\\.\pipe\pimento-{user}-{name}")),
            made: None,
        })
    }

    /// As OpenSSH's agent: a folder nobody else can enter, under a name nobody can guess.
    #[cfg(unix)]
    fn unnamed() -> std::io::Result<Self> {
        let name = format!("ssh-{}", uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        harden::private_folder(&folder)?;
        let socket = folder.join(format!("agent.{}", std::process::id()));
        Ok(Self {
            socket,
            made: Some(folder),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(folder) = &self.made {
            let _left_for_the_next_boot_else = std::fs::remove_dir_all(folder).is_ok();
        }
    }
}

/// Out of the session, so that closing the terminal does not end the agent.
fn leave_terminal() {
    #[cfg(unix)]
    {
        let _leads_one_already_else = rustix::process::setsid().is_ok();
        let _stays_where_it_is_else = std::env::set_current_dir("/").is_ok();
    }
}

/// What ends the agent.
struct End {
    #[cfg(unix)]
    signals: Signals,
    #[cfg(unix)]
    parent: Option<Parent>,
}

#[cfg(unix)]
struct Signals {
    hang_up: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    drop_keys: tokio::signal::unix::Signal,
}

impl End {
    /// `with`: the process together with which it ends.
    #[cfg(unix)]
    fn listen(with: Option<i32>) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signals: Signals {
                hang_up: signal(SignalKind::hangup())?,
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                drop_keys: signal(SignalKind::user_defined1())?,
            },
            parent: with.map(parent).transpose()?,
        })
    }

    #[cfg(unix)]
    async fn asked(self, keyring: &Keyring) {
        let Self {
            mut signals,
            parent,
        } = self;
        loop {
            tokio::select! {
                _ = signals.hang_up.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.terminate.recv() => return,
                _ = signals.drop_keys.recv() => keyring.remove_all(),
                () = ends(parent.as_ref()) => return,
            }
        }
    }

    #[cfg(windows)]
    fn listen(_with: Option<i32>) -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(windows)]
    async fn asked(self, _keyring: &Keyring) {
        let _pressed = tokio::signal::ctrl_c().await;
    }
}

/// A descriptor of a process, which is readable once that has ended.
#[cfg(target_os = "linux")]
type Parent = tokio::io::unix::AsyncFd<rustix::fd::OwnedFd>;

#[cfg(target_os = "linux")]
fn parent(pid: i32) -> std::io::Result<Parent> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = Pid::from_raw(pid).ok_or(std::io::ErrorKind::InvalidInput)?;
    let process = pidfd_open(pid, PidfdFlags::NONBLOCK)?;
    #[expect(deprecated, reason = "its successor is an unsafe function")]
    Parent::with_interest(process, tokio::io::Interest::READABLE)
}

#[cfg(target_os = "linux")]
async fn ends(parent: Option<&Parent>) {
    match parent {
        Some(parent) => drop(parent.readable().await),
        None => std::future::pending().await,
    }
}

/// The process that started this one.
#[cfg(all(unix, not(target_os = "linux")))]
type Parent = Option<rustix::process::Pid>;

#[cfg(all(unix, not(target_os = "linux")))]
fn parent(pid: i32) -> std::io::Result<Parent> {
    Ok(rustix::process::Pid::from_raw(pid))
}

/// Looks every so often, as OpenSSH's agent does: there is nothing to wait for.
#[cfg(all(unix, not(target_os = "linux")))]
async fn ends(parent: Option<&Parent>) {
    let Some(parent) = parent else {
        return std::future::pending().await;
    };
    while rustix::process::getppid() == *parent {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
}
