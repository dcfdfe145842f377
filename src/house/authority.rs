//! What administrators ask of an authority: certificates of hosts.

use std::sync::Arc;

use jiff::SignedDuration;
use ssh_key::{HashAlg, PublicKey};

use super::{House, wanted};
use crate::broker::Signing;
use crate::catalog::Credential;
use crate::certify::{Holder, Statement, is_host_name, signed, to_be_signed};
use crate::cloud::StageSink;
use crate::policy::{End, Said};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::private_key::SHA2_512;

/// A host that is to have a certificate.
#[derive(Debug)]
pub struct Host {
    /// Its public key.
    pub key: PublicKey,
    /// The names that it is to have.
    pub names: Vec<String>,
    /// For how long.
    pub lasts: SignedDuration,
}

impl House {
    /// Has an authority certify a host; what returns is the certificate as SSH encodes it.
    ///
    /// # Errors
    /// As the pipeline's; or if no certificate can be made of that key.
    pub async fn certify_host(
        &self,
        authority: &Arc<Credential>,
        host: Host,
        said: Said,
        requester: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Vec<u8>, Refusal> {
        let unusable = |why: String| Refusal::Unsupported(format!("no certificate is made: {why}"));
        let Some(public) = authority.kind.pinned() else {
            return Err(unusable("that is no authority".to_owned()));
        };
        // Whoever talks to the socket, and not the command line alone, is held to it.
        if let Some(name) = host.names.iter().find(|name| !is_host_name(name)) {
            return Err(unusable(format!("{name:?} is not the name of a host")));
        }
        if !host.lasts.is_positive() {
            return Err(unusable("it would be valid for no time".to_owned()));
        }
        let now = self.clock.wall();
        let (begins, ends) = (now.checked_sub(BEHIND), now.checked_add(host.lasts));
        let (Ok(valid_after), Ok(valid_before)) = (begins, ends) else {
            return Err(unusable("it would be valid for too long".to_owned()));
        };
        let names = host.names.join(",");
        let statement = Statement {
            holder: Holder::Host,
            key_id: &names,
            principals: &host.names,
            valid_after,
            valid_before,
            critical: &[],
            extensions: &[],
        };
        let data = to_be_signed(&host.key, &statement, public);
        let data = data.map_err(|why| unusable(why.to_string()))?;
        let end = End::Certify {
            names: host.names.clone(),
            key: host.key.fingerprint(HashAlg::Sha256).to_string(),
        };
        let ask = wanted(authority, end, said, requester);
        let signing = Signing {
            data: &data,
            flags: SHA2_512,
        };
        let signature = self
            .pipeline
            .sign_in_vault(ask, requester, stages, signing)
            .await?;
        Ok(signed(data, &signature))
    }
}

/// How far the clocks of those who log in may be behind.
const BEHIND: SignedDuration = SignedDuration::from_mins(5);
