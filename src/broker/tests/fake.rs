//! The cloud of these tests.

use super::*;
use crate::cloud::NewSecret;

/// A cloud that answers at once, unless told to wait for `gate`.
pub(super) struct Fake {
    pub(super) clock: Arc<ManualClock>,
    pub(super) activations: AtomicU32,
    pub(super) tokens: AtomicU32,
    pub(super) reads: AtomicU32,
    /// How many reads the vault refuses before it sees the membership.
    pub(super) not_yet: AtomicU32,
    pub(super) approval: Option<Notify>,
    pub(super) provisioning: Option<Notify>,
    pub(super) refusal: Mutex<Option<Refusal>>,
    /// How often PIM was asked to end a window.
    pub(super) ends: AtomicU32,
    /// Whether PIM refuses that the first time.
    pub(super) five_minutes: bool,
    pub(super) step_ups: Mutex<Vec<String>>,
    /// What comes of a step-up: PIM is satisfied by it, asks again, or it fails.
    pub(super) step_up: Outcome,
}

#[derive(Clone, Copy)]
pub(super) enum Outcome {
    Satisfies,
    DoesNot,
    Fails,
}

#[async_trait]
impl Pim for Fake {
    async fn demands(&self, _: &Arc<WindowSpec>, _: CorrelationId) -> Result<Demands, Refusal> {
        Ok(Demands::default())
    }

    async fn activate(&self, _: &Activation, stages: &dyn StageSink) -> Result<Activated, Refusal> {
        self.activations.fetch_add(1, Ordering::SeqCst);
        if let Some(approval) = &self.approval {
            stages.reached(Stage::AwaitingApproval {
                request: "r1".to_owned(),
                approvers: Vec::new(),
            });
            approval.notified().await;
        }
        if let Some(provisioning) = &self.provisioning {
            stages.reached(Stage::Provisioning);
            provisioning.notified().await;
        }
        let refusal = self.refusal.lock().unwrap().clone();
        let (as_of, ends) = (self.clock.now(), Timestamp::UNIX_EPOCH);
        let remaining = Duration::from_secs(3600);
        refusal.map_or(
            Ok(Activated {
                remaining,
                as_of,
                ends,
                request: None,
                standing: false,
            }),
            Err,
        )
    }

    async fn rehearse(&self, _: &Activation) -> Result<Rehearsed, Refusal> {
        Ok(Rehearsed::Taken)
    }

    async fn cancel(&self, _: &Arc<WindowSpec>, _: CorrelationId) -> Result<bool, Refusal> {
        Ok(self.approval.is_some())
    }

    async fn deactivate(&self, window: &Arc<WindowSpec>, _: CorrelationId) -> Result<(), Refusal> {
        let window = window.name.to_string();
        match self.ends.fetch_add(1, Ordering::SeqCst) {
            0 if self.five_minutes => Err(Refusal::NotEndedYet { window }),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Approvals for Fake {
    async fn waiting(
        &self,
        _: &Arc<Tenant>,
        _: Service,
        _: CorrelationId,
    ) -> Result<Vec<Approval>, Refusal> {
        Ok(Vec::new())
    }

    async fn decide(
        &self,
        _: &Arc<Tenant>,
        _: Service,
        _: &Decision<'_>,
        _: CorrelationId,
    ) -> Result<(), Refusal> {
        Ok(())
    }
}

#[async_trait]
impl Vault for Fake {
    async fn secret(
        &self,
        _: &Credential,
        _: &AccessToken,
        _: CorrelationId,
    ) -> Result<FetchedSecret, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let refused = self
            .not_yet
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if refused.is_ok() {
            return Err(ReadError::NotYet);
        }
        let value = Zeroizing::new(b"s3cret".to_vec());
        Ok(FetchedSecret {
            value,
            version: "v1".to_owned(),
            valid_for: None,
            as_of: Timestamp::UNIX_EPOCH,
            facts: SecretFacts {
                name: "web".to_owned(),
                version: "v1".to_owned(),
                enabled: true,
                managed: false,
                not_before: None,
                expires: None,
                created: None,
                content_type: None,
                tags: std::collections::BTreeMap::new(),
            },
        })
    }

    async fn store(
        &self,
        _: &Credential,
        _: &NewSecret,
        _: &AccessToken,
        _: CorrelationId,
    ) -> Result<String, ReadError> {
        unreachable!("nothing is imported into this vault")
    }

    async fn key(
        &self,
        _: &Credential,
        _: &AccessToken,
        _: CorrelationId,
    ) -> Result<FetchedKey, ReadError> {
        unreachable!("these windows have no keys that stay in a vault")
    }

    async fn sign(
        &self,
        _: &Credential,
        _: &ToSign,
        _: &AccessToken,
        _: CorrelationId,
    ) -> Result<Vec<u8>, ReadError> {
        unreachable!("these windows have no keys that stay in a vault")
    }
}

#[async_trait]
impl Identity for Fake {
    async fn sign_in(
        &self,
        _: &Arc<Tenant>,
        _: SignInMethod,
        _: &dyn SignInGuide,
    ) -> Result<Account, Refusal> {
        Err(Refusal::Unsupported("nobody signs in here".to_owned()))
    }

    async fn sign_out(&self, _: &Tenant) -> bool {
        false
    }

    fn account(&self, _: &Tenant) -> Option<Account> {
        None
    }

    async fn token(
        &self,
        _: &Arc<Tenant>,
        _: Resource,
        _: Freshness,
        _: CorrelationId,
    ) -> Result<Arc<AccessToken>, Refusal> {
        self.tokens.fetch_add(1, Ordering::SeqCst);
        let expires = self.clock.now().after(Duration::from_secs(4000));
        Ok(Arc::new(AccessToken {
            secret: "token".into(),
            expires,
        }))
    }

    async fn step_up(
        &self,
        tenant: &Arc<Tenant>,
        step_up: &StepUp<'_>,
        stages: &dyn StageSink,
    ) -> Result<Arc<AccessToken>, Refusal> {
        self.step_ups
            .lock()
            .unwrap()
            .push(step_up.claims.to_owned());
        stages.reached(Stage::SteppingUp);
        match self.step_up {
            Outcome::Satisfies => *self.refusal.lock().unwrap() = None,
            Outcome::DoesNot => {}
            Outcome::Fails => return Err(declined()),
        }
        self.token(tenant, step_up.resource, Freshness::New, step_up.id)
            .await
    }
}

fn declined() -> Refusal {
    Refusal::StepUpFailed {
        tenant: "contoso".to_owned(),
        why: "the sign-in was declined".to_owned(),
        remedy: String::new(),
    }
}
