//! What opens windows and looks into vaults with no door to it: for setting up.

use std::sync::Arc;

use super::{StartError, broker, cloud};
use crate::audit::Audit;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::cloud::{Identity, Survey};
use crate::config::{Config, Paths};
use crate::prompt::Browser;
use crate::refusal::Refusal;

/// The rooms without the doors. Nothing is served, so nothing is held.
pub struct Indoors {
    /// Opens windows.
    pub broker: Arc<Broker>,
    /// Signs in.
    pub identity: Arc<dyn Identity>,
    /// Looks.
    pub survey: Arc<dyn Survey>,
    audit: Arc<Audit>,
}

impl Indoors {
    /// Wires them; reaches nothing yet.
    ///
    /// # Errors
    /// If nothing could be recorded: an agent that runs keeps the record to itself.
    pub fn start(
        config: &Config,
        paths: &Paths,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let folder = config.audit.clone();
        let audit = Audit::open(&folder, Arc::clone(&clock))
            .map_err(|error| StartError::Audit { folder, error })?;
        let audit = Arc::new(audit);
        let pages = Arc::new(Browser::new(std::env::vars_os().collect()));
        let (cloud, _) = cloud(config, paths, &clock, pages)?;
        let (identity, survey) = (Arc::clone(&cloud.identity), Arc::clone(&cloud.survey));
        Ok(Self {
            broker: broker(cloud, &config.agent, &clock, &audit, paths),
            identity,
            survey,
            audit,
        })
    }

    /// Wipes what is held, and has the record on disk.
    ///
    /// # Errors
    /// If the record could not be synced.
    pub async fn end(&self) -> Result<(), Refusal> {
        self.broker.stop().await;
        let synced = self.audit.sync();
        synced.map_err(|error| Refusal::Audit(error.to_string()))
    }
}
