//! pimento's own client on the emulator's wire: each request it sends is judged by the published
//! descriptions, which refuse unknown members and query names.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pimento::catalog::{
    AccessId, AzureCloud, Credential, Keep, Kind, Name, ObjectName, PasswordSpec, PasswordUse,
    Reason, Role, Scope, SignInMethod, Target, Tenant, Ticket, VaultObject, VaultSpec, Version,
    WindowSpec,
};
use pimento::clock::{Clock, Moment, SystemClock};
use pimento::cloud::{
    Activation, Cloud, CorrelationId, Demands, Freshness, Network, ReadError, Rehearsed, Resource,
    SignInGuide, SignInStep, Stage, StageSink,
};
use pimento::prompt::{Browser, Environment};
use pimento::refusal::Refusal;
use url::Url;

use crate::source;
use crate::wire::{CLIENT, MIA, TENANT, Wire, group_id};

/// The client, connected by nothing but configuration, and somebody signed in.
pub struct Client<'a> {
    wire: &'a Wire,
    cloud: Cloud,
    tenant: Arc<Tenant>,
}

/// A clock whose sleeps are over at once, and have taken as long as they were to.
#[derive(Debug, Default)]
struct Impatient(Mutex<Duration>);

#[async_trait::async_trait]
impl Clock for Impatient {
    fn now(&self) -> Moment {
        SystemClock.now().after(*self.0.lock().unwrap())
    }

    fn wall(&self) -> jiff::Timestamp {
        SystemClock.wall() + *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, at: Moment) {
        let left = self.now().until(at);
        if left >= LIMITS {
            // It limits something that is to end before it.
            return tokio::time::sleep(left).await;
        }
        *self.0.lock().unwrap() += left;
    }
}

/// Below every limit of the client's, above every pause.
const LIMITS: Duration = Duration::from_secs(9);

/// Types the device code, as the person would.
struct Person<'a>(&'a Wire);

impl SignInGuide for Person<'_> {
    fn show(&self, step: SignInStep) {
        if let SignInStep::DeviceCode { user_code, .. } = step {
            assert!(
                self.0
                    .change(|world| world.sign_in_device(&user_code, MIA.0))
            );
        }
    }
}

/// Approves what waits for approval, as the approver would.
struct Approver<'a>(&'a Wire);

impl StageSink for Approver<'_> {
    fn reached(&self, stage: Stage) {
        if let Stage::AwaitingApproval { .. } = stage {
            self.0.change(|world| {
                world.decide(&group_id('4'), true);
                world.decide(&crate::arm::scope("kv-approved"), true)
            });
        }
    }
}

impl<'a> Client<'a> {
    pub async fn signed_in(wire: &'a Wire) -> Self {
        let network = Network {
            ca_pem: Some(wire.emulator.ca_pem().as_bytes().to_vec()),
            resolve: wire.emulator.resolve(),
        };
        let at = |host: &str| Url::parse(&format!("https://{host}")).unwrap();
        let tenant = Arc::new(Tenant {
            name: Name::parse("contoso").unwrap(),
            id: TENANT.to_owned(),
            client_id: Some(CLIENT.to_owned()),
            sign_in: SignInMethod::DeviceCode,
            proof: None,
            keep: Keep::Memory,
            login_hint: None,
            cloud: AzureCloud::Public,
            authority: at("login.microsoftonline.com"),
            graph: at("graph.microsoft.com"),
            arm: at("management.azure.com"),
        });
        let minute = Duration::from_secs(60);
        let nobody = Arc::new(Browser::new(Environment::default()));
        let clock = Arc::new(Impatient::default());
        let cloud = Cloud::connect(&network, clock, minute, nobody).unwrap();
        let method = SignInMethod::DeviceCode;
        cloud
            .identity
            .sign_in(&tenant, method, &Person(wire))
            .await
            .unwrap();
        Self {
            wire,
            cloud,
            tenant,
        }
    }

    fn window(&self, group: char) -> Arc<WindowSpec> {
        self.window_of(Target::Group {
            group: group_id(group).parse().unwrap(),
            access: AccessId::Member,
        })
    }

    /// The window of Key Vault Secrets User on `scope`.
    fn role(&self, scope: &str) -> Arc<WindowSpec> {
        self.window_of(Target::AzureRole {
            scope: Scope::parse(scope).unwrap(),
            role: Role::parse("Key Vault Secrets User").unwrap(),
        })
    }

    fn window_of(&self, target: Target) -> Arc<WindowSpec> {
        let name = match &target {
            Target::Group { .. } => "linux-root",
            Target::AzureRole { scope, .. } => scope.as_str().rsplit('/').next().unwrap(),
        };
        Arc::new(WindowSpec {
            name: Name::parse(name).unwrap(),
            tenant: Arc::clone(&self.tenant),
            target,
            duration: "1h".parse().unwrap(),
            reason: Reason::Ask,
            ticket: None,
        })
    }

    pub async fn activate(&self, group: char, ticket: Option<Ticket>) -> Result<(), Refusal> {
        self.open(activation(self.window(group), ticket)).await
    }

    pub async fn activate_role(&self, scope: &str) -> Result<(), Refusal> {
        self.open(activation(self.role(scope), None)).await
    }

    pub async fn rehearse_role(&self, scope: &str) -> Result<Rehearsed, Refusal> {
        let activation = activation(self.role(scope), None);
        self.cloud.pim.rehearse(&activation).await
    }

    pub async fn deactivate_role(&self, scope: &str) -> Result<(), Refusal> {
        let pim = &self.cloud.pim;
        pim.deactivate(&self.role(scope), CorrelationId::new())
            .await
    }

    pub async fn cancel_role(&self, scope: &str) -> Result<bool, Refusal> {
        let pim = &self.cloud.pim;
        pim.cancel(&self.role(scope), CorrelationId::new()).await
    }

    pub async fn demands_of_role(&self, scope: &str) -> Result<Demands, Refusal> {
        let pim = &self.cloud.pim;
        pim.demands(&self.role(scope), CorrelationId::new()).await
    }

    async fn open(&self, activation: Activation) -> Result<(), Refusal> {
        let sink = Approver(self.wire);
        self.cloud.pim.activate(&activation, &sink).await.map(drop)
    }

    pub async fn read(&self, secret: &str) -> Result<Vec<u8>, ReadError> {
        let vault = VaultSpec {
            name: Name::parse("linux").unwrap(),
            url: Url::parse("https://kv-pim.vault.azure.net").unwrap(),
            window: self.window('1'),
            rotate_after: None,
        };
        let credential = Credential {
            name: Name::parse("db01-root").unwrap(),
            vault: Arc::new(vault),
            object: VaultObject::Secret(ObjectName::parse(secret).unwrap()),
            hosts: Vec::new(),
            kind: Kind::Password(PasswordSpec {
                user: None,
                uses: vec![PasswordUse::Reveal],
                units: Vec::new(),
                confirm: false,
            }),
            version: Version::Newest,
            rotate_after: None,
            source: "config.toml".into(),
        };
        let id = CorrelationId::new();
        let identity = &self.cloud.identity;
        let token = identity
            .token(&self.tenant, Resource::Vault, Freshness::New, id)
            .await
            .map_err(ReadError::Refused)?;
        let found = self.cloud.vault.secret(&credential, &token, id).await?;
        Ok(found.value.to_vec())
    }
}

fn activation(window: Arc<WindowSpec>, ticket: Option<Ticket>) -> Activation {
    Activation {
        window,
        duration: "1h".parse().unwrap(),
        reason: "ssh to root@web1".to_owned(),
        ticket,
        after: None,
        id: CorrelationId::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_client_is_one_that_the_descriptions_know() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let client = Client::signed_in(&wire).await;

    assert_eq!(client.read("db01-root").await, Err(ReadError::NotYet));
    client.activate('1', None).await.unwrap();
    assert_eq!(
        client.read("db01-root").await.unwrap(),
        b"correct horse battery staple"
    );
    // Active already: adopted, not asked for again.
    client.activate('1', None).await.unwrap();
    let ticket = Ticket {
        number: "CHG123".to_owned(),
        system: "ServiceNow".to_owned(),
    };
    client.activate('3', Some(ticket)).await.unwrap();
    client.activate('4', None).await.unwrap();
    wire.advance(Duration::from_secs(600));
    client
        .cloud
        .pim
        .deactivate(&client.window('1'), CorrelationId::new())
        .await
        .unwrap();

    let seen = wire.change(|world| world.seen().to_vec());
    let mut judged = 0;
    for request in seen
        .iter()
        .filter(|seen| !seen.operation.starts_with("entra."))
    {
        wire.judge_request(&request.method, &request.url, request.body.as_ref());
        assert!(
            request.client_request_id.is_some(),
            "{} has no id",
            request.operation
        );
        judged += 1;
    }
    assert!(judged >= 9, "only {judged} requests were judged: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_longer_than_allowed_is_read_with_a_described_request() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    wire.change(|world| world.scenario.groups[0].policy.maximum_duration = "30m".parse().unwrap());
    let client = Client::signed_in(&wire).await;
    client.activate('1', None).await.unwrap();
    let seen = wire.change(|world| world.seen().to_vec());
    let read = seen
        .iter()
        .find(|seen| seen.operation == "graph.roleManagementPolicyAssignments");
    let read = read.expect("the policy was not read");
    wire.judge_request(&read.method, &read.url, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_emulator_refuses_the_client_names() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let client = Client::signed_in(&wire).await;
    let refused = client.activate('3', None).await.unwrap_err();
    assert!(
        matches!(refused, Refusal::ReasonNeeded { .. }),
        "{refused:?}"
    );
    let refused = client.activate('6', None).await.unwrap_err();
    assert!(matches!(refused, Refusal::StepUp { .. }), "{refused:?}");
    let refused = client.activate('5', None).await.unwrap_err();
    assert!(
        matches!(refused, Refusal::NotEligible { .. }),
        "{refused:?}"
    );
    client.activate('1', None).await.unwrap();
    let missing = client.read("no-such-secret").await.unwrap_err();
    assert!(matches!(missing, ReadError::Refused(_)), "{missing:?}");
}
