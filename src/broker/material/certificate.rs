//! A client certificate as a vault gives it, while it holds.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::Credential;
use crate::refusal::Refusal;
use crate::secret::client_certificate::{ClientCertificate, ClientCertificateProblem};

/// The certificate, and how much longer it holds.
pub(super) fn read(
    credential: &Credential,
    value: &[u8],
    now: Timestamp,
) -> Result<(ClientCertificate, Duration), Refusal> {
    let (vault, name) = (credential.vault.azure_name(), credential.object.name());
    let refused = |problem: String, remedy: String| refused(credential, &problem, remedy);
    let found = ClientCertificate::parse(value);
    let found = found.map_err(|problem| unusable(credential, &problem))?;
    if found.begins() > now {
        let text = format!("its certificate does not hold before {}", found.begins());
        return Err(refused(text, "wait, or ask whoever issued it".to_owned()));
    }
    let left = Duration::try_from(found.ends().duration_since(now)).unwrap_or_default();
    if left.is_zero() {
        let text = format!("its certificate ended at {}", found.ends());
        let remedy = format!(
            "renew it: `az keyvault certificate create --vault-name {vault} --name {name} --policy \
             \"$(az keyvault certificate show --vault-name {vault} --name {name} --query policy)\"`; or \
             `az keyvault certificate import --vault-name {vault} --name {name} --file FILE`"
        );
        return Err(refused(text, remedy));
    }
    Ok((found, left))
}

/// The refusal of what is no certificate, or has not the part that is wanted.
pub(crate) fn unusable(credential: &Credential, problem: &ClientCertificateProblem) -> Refusal {
    let (vault, name) = (credential.vault.azure_name(), credential.object.name());
    let remedy = problem.remedy(vault, name.as_str());
    refused(credential, &problem.to_string(), remedy)
}

fn refused(credential: &Credential, problem: &str, remedy: String) -> Refusal {
    let (object, vault) = (&credential.object, &credential.vault.name);
    Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!("{problem} ({object} in vault {vault})"),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::certificate;

    /// See `secret::certificate`.
    const FILE: &[u8] = include_bytes!("../../secret/certificate/rsa.crt");

    #[test]
    fn it_holds_as_long_as_its_certificate_and_not_before() {
        let web = certificate("web");
        let problem = |now: Timestamp| match read(&web, FILE, now) {
            Ok(_) => panic!("it was taken"),
            Err(refusal) => format!("{refusal}; {}", refusal.advice()),
        };
        let found = ClientCertificate::parse(FILE).unwrap();
        let (begins, ends) = (found.begins(), found.ends());
        let minute = Duration::from_secs(60);
        let (_, left) = read(&web, FILE, ends - minute).unwrap();
        assert_eq!(left, minute);
        assert!(read(&web, FILE, begins).is_ok());
        assert!(problem(begins - minute).contains("does not hold before"));
        for late in [ends, ends + minute] {
            let text = problem(late);
            assert!(text.contains("its certificate ended"), "{text}");
            assert!(text.contains("az keyvault certificate create"), "{text}");
        }
    }
}
