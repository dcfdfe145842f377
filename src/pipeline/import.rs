//! The way of a secret into its vault: open → record → write → read back.

use super::Pipeline;
use crate::broker::{Store, Wish};
use crate::cloud::StageSink;
use crate::refusal::Refusal;
use crate::requester::Requester;

impl Pipeline {
    /// Stores a secret; tells the version that the vault made of it.
    ///
    /// # Errors
    /// The reason for the no, recorded and remembered.
    pub async fn store(
        &self,
        store: &Store<'_>,
        wish: Wish,
        requester: &Requester,
        stages: &dyn StageSink,
    ) -> Result<String, Refusal> {
        let stored = self.broker.store(store, wish, requester, stages).await;
        self.told(store.id, store.credential, requester, stored)
    }
}
