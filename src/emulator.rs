//! Entra, Graph, Resource Manager and Key Vault on loopback: a cloud for tests, and for trying pimento out.
//!
//! One HTTPS server answers for every host name of the scenario; clients reach it with the
//! configuration that private clouds need as well (`ca_file`, `resolve`). A second server, plain
//! HTTP on loopback, changes the world. Requests are pure functions of the world: a request goes
//! in, a reply comes out, under one lock. `docs/emulator.md` says what can be set and asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use command::{Args, run};
pub use scenario::Scenario;
pub use world::{Seen, World};

mod admin;
mod arm;
mod certificates;
mod command;
mod entra;
mod graph;
mod http;
mod material;
mod pim;
pub mod scenario;
mod server;
mod tls;
mod tokens;
mod vault;
mod world;

/// A running emulator; stopped when dropped.
pub struct Emulator {
    address: SocketAddr,
    admin: SocketAddr,
    ca_pem: String,
    world: server::Shared,
    servers: [JoinHandle<()>; 2],
}

/// How to start an emulator.
pub struct Options {
    /// Port of the HTTPS server; 0 takes a free one.
    pub port: u16,
    /// Port of the admin endpoint; 0 takes a free one.
    pub admin_port: u16,
    /// The cloud's clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            admin_port: 0,
            now: Arc::new(Timestamp::now),
        }
    }
}

/// Why an emulator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port could not be had.
    #[error("the emulator cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// The scenario asks for something that cannot be made.
    #[error("the emulator's world cannot be made: {0}")]
    World(String),
}

impl Emulator {
    /// Starts an emulator of `scenario`.
    ///
    /// # Errors
    /// If a port is taken or the scenario asks for something unknown.
    pub async fn start(scenario: Scenario, options: Options) -> Result<Self, StartError> {
        let mut hosts = cloud_hosts(&scenario);
        hosts.push("localhost".to_owned());
        // Vaults can be added to a running world.
        hosts.push("*.vault.azure.net".to_owned());
        let tls = tls::Certificates::for_hosts(hosts).map_err(StartError::World)?;
        let ca_pem = tls.authority.clone();
        let world = World::new(scenario, options.now).map_err(StartError::World)?;
        let cloud = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let control = TcpListener::bind(("127.0.0.1", options.admin_port)).await?;
        let (address, admin) = (cloud.local_addr()?, control.local_addr()?);
        let world = Arc::new(Mutex::new(world));
        let servers = [
            tokio::spawn(server::serve_cloud(cloud, tls, Arc::clone(&world))),
            tokio::spawn(server::serve_admin(control, Arc::clone(&world))),
        ];
        Ok(Self {
            address,
            admin,
            ca_pem,
            world,
            servers,
        })
    }

    /// Where the HTTPS server listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of the admin endpoint.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The authority that clients have to trust.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Every host name of the scenario, and where to find it.
    #[must_use]
    pub fn resolve(&self) -> Vec<(String, SocketAddr)> {
        self.change(|world| cloud_hosts(&world.scenario))
            .into_iter()
            .map(|host| (host, self.address))
            .collect()
    }

    /// Looks at the world, or changes it, between two requests.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut server::lock(&self.world))
    }

    /// How often `operation` was called.
    #[must_use]
    pub fn count(&self, operation: &str) -> u64 {
        self.change(|world| world.count(operation))
    }

    /// The operations that were called since the counters were last reset, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.change(|world| {
            world
                .seen()
                .iter()
                .map(|seen| seen.operation.clone())
                .collect()
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

fn cloud_hosts(scenario: &Scenario) -> Vec<String> {
    let mut hosts = vec![
        "login.microsoftonline.com".to_owned(),
        "graph.microsoft.com".to_owned(),
        "management.azure.com".to_owned(),
    ];
    hosts.extend(
        scenario
            .vaults
            .iter()
            .map(|vault| format!("{}.vault.azure.net", vault.name)),
    );
    hosts
}
