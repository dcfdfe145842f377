//! Microsoft's Rust clients and pimento's own read see the same vault.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, Transport};
use azure_security_keyvault_keys::models::{SignParameters, SignatureAlgorithm};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use azure_security_keyvault_secrets::{ResourceExt, SecretClient, SecretClientOptions};
use futures_util::TryStreamExt;
use pimento::cloud::{
    Cloud, CorrelationId, FetchedSecret, Freshness, Network, ReadError, Resource,
};
use pimento::emulator::scenario::{Grant, Key, Role, Scenario};
use pimento::prompt::{Browser, Environment};
use secrecy::ExposeSecret;
use support::{GROUP, World};

/// The token of the user who is signed in, as the SDK wants it.
#[derive(Debug)]
struct SignedIn(String);

#[async_trait::async_trait]
impl TokenCredential for SignedIn {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires =
            azure_core::time::OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.clone(), expires))
    }
}

const VAULT: &str = "https://kv-linux.vault.azure.net";

fn with_a_key(scenario: &mut Scenario) {
    let vault = scenario.vaults.first_mut().unwrap();
    let group = Some(GROUP.to_owned());
    vault.grants.push(Grant {
        group,
        user: None,
        role: Role::CryptoUser,
    });
    let key = Key {
        generate: "ec-p256".to_owned(),
        disabled: false,
    };
    vault.keys = BTreeMap::from([("host".to_owned(), key)]);
}

async fn credential(world: &World) -> Arc<SignedIn> {
    let tenant = world.house.tenant("").unwrap();
    let id = CorrelationId::new();
    let token = world
        .house
        .identity
        .token(tenant, Resource::Vault, Freshness::New, id)
        .await;
    Arc::new(SignedIn(token.unwrap().secret.expose_secret().to_owned()))
}

fn options(world: &World) -> ClientOptions {
    let ca = reqwest::Certificate::from_pem(world.emulator.ca_pem().as_bytes()).unwrap();
    let mut client = reqwest::Client::builder().tls_certs_only([ca]);
    for (host, address) in world.emulator.resolve() {
        client = client.resolve(&host, address);
    }
    let transport = Some(Transport::new(Arc::new(client.build().unwrap())));
    ClientOptions {
        transport,
        ..ClientOptions::default()
    }
}

async fn secrets(world: &World) -> SecretClient {
    let client_options = options(world);
    let options = SecretClientOptions {
        client_options,
        ..SecretClientOptions::default()
    };
    SecretClient::new(VAULT, credential(world).await, Some(options)).unwrap()
}

/// What pimento's own read gets, with a new token.
async fn ours(world: &World) -> Result<FetchedSecret, ReadError> {
    let network = Network {
        ca_pem: Some(world.emulator.ca_pem().as_bytes().to_vec()),
        resolve: world.emulator.resolve(),
    };
    let time = Arc::clone(&world.clock) as Arc<dyn pimento::clock::Clock>;
    let nobody = Arc::new(Browser::new(Environment::default()));
    let minute = std::time::Duration::from_secs(60);
    let cloud = Cloud::connect(&network, time, minute, nobody).unwrap();
    let (tenant, id) = (world.house.tenant("").unwrap(), CorrelationId::new());
    let token = world
        .house
        .identity
        .token(tenant, Resource::Vault, Freshness::New, id)
        .await
        .unwrap();
    let web = world.house.catalog.named("web").unwrap();
    cloud.vault.secret(web, &token, id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_read_the_same_secret_and_version() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    let theirs = secrets(&world)
        .await
        .get_secret("web-root-ssh", None)
        .await
        .unwrap();
    let theirs = theirs.into_model().unwrap();
    let held = world.house.pipeline.broker.views();
    let (_, version) = held.first().unwrap().held.first().unwrap();
    assert_eq!(
        theirs.resource_id().unwrap().version.as_ref(),
        Some(version)
    );
    let ours = ours(&world).await.map_err(|error| format!("{error:?}"));
    assert_eq!(
        ours.unwrap().value.as_slice(),
        theirs.value.unwrap().as_bytes()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_are_refused_before_the_activation() {
    let world = World::start().await;
    let theirs = secrets(&world)
        .await
        .get_secret("web-root-ssh", None)
        .await
        .unwrap_err();
    assert_eq!(theirs.http_status().map(u16::from), Some(403));
    let ours = ours(&world).await.err();
    assert_eq!(ours, Some(ReadError::NotYet));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_lists_in_pages_and_signs_with_a_key() {
    let small = |scenario: &mut Scenario| {
        with_a_key(scenario);
        scenario.page_size = 3;
    };
    let world = World::plan().scenario(small).start().await;
    world.ssh("web").await.assert_ok();
    let listed = secrets(&world).await.list_secret_properties(None).unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    assert_eq!(listed.len(), 4);
    let client_options = options(&world);
    let options = KeyClientOptions {
        client_options,
        ..KeyClientOptions::default()
    };
    let keys = KeyClient::new(VAULT, credential(&world).await, Some(options)).unwrap();
    let key = keys
        .get_key("host", None)
        .await
        .unwrap()
        .into_model()
        .unwrap()
        .key
        .unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"message");
    let parameters = SignParameters {
        algorithm: Some(SignatureAlgorithm::Es256),
        value: Some(digest.as_ref().to_vec()),
    };
    let signed = keys
        .sign("host", parameters.try_into().unwrap(), None)
        .await
        .unwrap();
    let signature = signed.into_model().unwrap().result.unwrap();
    let point = [&[4][..], &key.x.unwrap(), &key.y.unwrap()].concat();
    let verifier = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        point,
    );
    assert!(verifier.verify(b"message", &signature).is_ok());
}
