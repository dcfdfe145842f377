//! The demo's SSH host: logs one key in, and answers a command with a greeting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    self, Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Server as _, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId};
use ssh_key::certificate::CertType;
use ssh_key::{Certificate, PublicKey};
use tokio::net::TcpListener;

use crate::certify::is_signed;

/// A running SSH host on loopback.
pub(super) struct Host {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Its host key, as `known_hosts` wants it.
    pub(super) host_key: PublicKey,
    logins: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Host {
    /// Starts a host that accepts logins by one of `authorized`, by whomever `authority` certifies for
    /// the account, or with `password`.
    pub(super) async fn start(
        authorized: Vec<PublicKey>,
        authority: PublicKey,
        password: String,
    ) -> io::Result<Self> {
        let key =
            PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
        let host_key = key.public_key().clone();
        let config = Arc::new(server::Config {
            keys: vec![key],
            auth_rejection_time: std::time::Duration::ZERO,
            ..server::Config::default()
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let logins = Arc::new(AtomicU32::new(0));
        let mut guests = Guests {
            authorized: authorized.into(),
            authority: Arc::new(authority),
            password: password.into(),
            logins: Arc::clone(&logins),
        };
        let task = tokio::spawn(async move {
            if let Err(error) = guests.run_on_socket(config, &listener).await {
                tracing::error!(%error, "the demo's SSH host stopped");
            }
        });
        Ok(Self {
            address,
            host_key,
            logins,
            task,
        })
    }

    /// How many logins have succeeded.
    pub(super) fn logins(&self) -> u32 {
        self.logins.load(Ordering::SeqCst)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Guests {
    authorized: Arc<[PublicKey]>,
    authority: Arc<PublicKey>,
    password: Arc<str>,
    logins: Arc<AtomicU32>,
}

impl server::Server for Guests {
    type Handler = Guest;

    fn new_client(&mut self, _: Option<SocketAddr>) -> Guest {
        let user = String::new();
        Guest {
            authorized: Arc::clone(&self.authorized),
            authority: Arc::clone(&self.authority),
            password: Arc::clone(&self.password),
            logins: Arc::clone(&self.logins),
            user,
        }
    }
}

struct Guest {
    authorized: Arc<[PublicKey]>,
    authority: Arc<PublicKey>,
    password: Arc<str>,
    logins: Arc<AtomicU32>,
    user: String,
}

impl Guest {
    fn knows(&self, key: &PublicKey) -> bool {
        let mut keys = self.authorized.iter();
        keys.any(|known| known.key_data() == key.key_data())
    }

    /// What `TrustedUserCAKeys` makes sshd do.
    fn trusts(&self, certificate: &Certificate, user: &str) -> bool {
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        let mut principals = certificate.valid_principals().iter();
        certificate.cert_type() == CertType::User
            && certificate.signature_key() == self.authority.key_data()
            && (certificate.valid_after()..certificate.valid_before()).contains(&now)
            && certificate.critical_options().is_empty()
            && principals.any(|principal| principal == user)
            && is_signed(certificate).is_ok()
    }

    fn greet(&self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        session.data(
            channel,
            format!("logged in as {}\n", self.user).into_bytes(),
        )?;
        session.exit_status_request(channel, 0)?;
        session.eof(channel)?;
        session.close(channel)
    }
}

impl server::Handler for Guest {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        // russh shows the key of a certificate and not the certificate: whether that is trusted is
        // decided when it has signed. Those of this demo are Ed25519.
        let may_be_certified = *offer.algorithm == Algorithm::Ed25519;
        Ok(if may_be_certified || self.knows(offer.public_key) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    /// Reached only with a signature that russh has verified.
    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        if !self.knows(key.public_key) {
            return Ok(Auth::reject());
        }
        user.clone_into(&mut self.user);
        self.logins.fetch_add(1, Ordering::SeqCst);
        Ok(Auth::Accept)
    }

    /// Reached only with a signature that russh has verified.
    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        if !self.trusts(certificate, user) {
            return Ok(Auth::reject());
        }
        user.clone_into(&mut self.user);
        self.logins.fetch_add(1, Ordering::SeqCst);
        Ok(Auth::Accept)
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        if *password != *self.password {
            return Ok(Auth::reject());
        }
        user.clone_into(&mut self.user);
        self.logins.fetch_add(1, Ordering::SeqCst);
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.greet(channel, session)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.greet(channel, session)
    }
}
