//! What Entra's error means for an application: who mends it, and how.

use serde_json::{Value, json};

use super::{Shown, certificate_advice, no};
use crate::catalog::SignInMethod;
use crate::cloud::entra::refused::EntraError;
use crate::refusal::{Refusal, Service};

/// The typed refusal for an error of the token endpoint.
pub(super) fn refuse(shown: &Shown<'_>, error: &EntraError) -> Refusal {
    let tenant = shown.tenant;
    let client_id = tenant.client_id.as_deref().unwrap_or("CLIENT_ID");
    let said = |why: &str, remedy: &str| no(tenant, why.to_owned(), remedy);
    match error.code() {
        700_027 => said(certificate(error.sentence()), &certificate_advice(tenant)),
        50013 => said(
            "Entra does not take the signature of what it shows",
            "whoever runs the cluster checks that its issuer publishes the key that signed the token \
             (jwks_uri of ISSUER/.well-known/openid-configuration)",
        ),
        700_024 if tenant.sign_in == SignInMethod::WorkloadIdentity => said(
            "the token of the cluster has expired, and nobody has renewed it",
            "whoever runs the cluster sees why the file is not renewed (kubelet renews it well before \
             its end)",
        ),
        700_024 => said(
            "what it shows is not of now, by Entra's clock",
            "set this machine's clock by the network: `timedatectl set-ntp true`",
        ),
        70021 | 700_211..=700_213 | 7_002_138 => said(
            "no federated credential of the application is for the issuer, subject and audience of its \
             token",
            &federation(client_id, &shown.claims),
        ),
        700_016 | 700_038 => said(
            "the tenant does not know the application",
            "check client_id and id of the tenant in the configuration",
        ),
        7_000_229 => said(
            "the application has no service principal in the tenant",
            &format!("an administrator makes it: `az ad sp create --id {client_id}`"),
        ),
        90002 => said(
            "there is no such tenant",
            "check id of the tenant in the configuration",
        ),
        50105 => said(
            "the application is not assigned to what it asks for",
            "an administrator assigns it (Entra admin centre, Enterprise applications)",
        ),
        53003 => said(
            "Conditional Access keeps the application out",
            "an administrator sees which policy it is in the Entra admin centre, Sign-in logs, Service \
             principal sign-ins",
        ),
        code => Refusal::Cloud {
            service: Service::Entra,
            status: 401,
            code: match code {
                0 => error.name().to_owned(),
                code => format!("AADSTS{code}"),
            },
            message: format!("{} ({})", error.sentence(), shown.path.display()),
        },
    }
}

/// Why a certificate is not taken, by the reason that Entra puts in brackets.
fn certificate(sentence: &str) -> &'static str {
    if sentence.contains("expired") {
        "its certificate has expired"
    } else if sentence.contains("not found") || sentence.contains("not registered") {
        "its certificate is not registered with the application"
    } else {
        "Entra does not take the signature of its certificate"
    }
}

/// The federated credential that would fit.
fn federation(client_id: &str, claims: &Value) -> String {
    let of = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    // A cluster writes a list of audiences, which has one member where it is made for Entra.
    let audiences = claims.get("aud").unwrap_or(&Value::Null);
    let first = audiences.get(0).unwrap_or(audiences);
    let audience = first.as_str().unwrap_or("api://AzureADTokenExchange");
    let fits = json!({
        "name": "pimento",
        "issuer": of("iss"),
        "subject": of("sub"),
        "audiences": [audience],
    });
    // In single quotes for a shell; a quote inside would end them.
    let fits = fits.to_string().replace('\'', "");
    format!(
        "an owner of the application adds it: `az ad app federated-credential create --id {client_id} \
         --parameters '{fits}'`; upper and lower case count"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::testing;

    fn told(method: SignInMethod, code: u32, sentence: &str) -> Refusal {
        let mut tenant = testing::tenant();
        tenant.sign_in = method;
        let shown = Shown {
            tenant: &tenant,
            path: Path::new("/run/app.pem"),
            claims: json!({"iss": "https://cluster", "sub": "system:serviceaccount:ops:o'x",
                "aud": ["api://AzureADTokenExchange"]}),
        };
        let description = format!("AADSTS{code}: {sentence} Trace ID: x Correlation ID: y");
        let error = EntraError::redirected("invalid_client".to_owned(), description);
        refuse(&shown, &error)
    }

    #[test]
    fn the_reason_that_entra_gives_for_a_certificate_is_told() {
        let reason = |reason: &str| {
            let text =
                format!("Client assertion contains an invalid signature. [Reason - {reason}]");
            told(SignInMethod::ClientCertificate, 700_027, &text)
        };
        for (given, told) in [
            ("The key was not found.", "not registered"),
            ("The key used is expired.", "has expired"),
            (
                "The provided signature value did not match.",
                "does not take",
            ),
        ] {
            let refusal = reason(given);
            assert!(refusal.to_string().contains(told), "{refusal}");
            assert!(refusal.advice().contains("az ad app credential reset"));
            assert_eq!(refusal.code(), "sign_in_needed");
        }
    }

    #[test]
    fn a_federation_that_is_missing_is_told_with_the_command_that_makes_it() {
        for code in [70021, 700_211, 700_212, 700_213, 7_002_138] {
            let refusal = told(SignInMethod::WorkloadIdentity, code, "No match.");
            let advice = refusal.advice();
            assert!(advice.contains(r#""issuer":"https://cluster""#), "{advice}");
            assert!(
                advice.contains(r#"["api://AzureADTokenExchange"]"#),
                "{advice}"
            );
            assert_eq!(advice.matches('\'').count(), 2, "{advice}");
        }
    }

    #[test]
    fn what_is_late_is_the_clusters_fault_or_the_clocks() {
        let late = |method| told(method, 700_024, "Not within its valid time range.");
        assert!(
            late(SignInMethod::WorkloadIdentity)
                .advice()
                .contains("cluster")
        );
        assert!(
            late(SignInMethod::ClientCertificate)
                .advice()
                .contains("clock")
        );
    }

    #[test]
    fn an_error_that_nobody_knows_keeps_its_code() {
        let refusal = told(SignInMethod::ClientCertificate, 12345, "Odd thing.");
        assert!(
            refusal.to_string().contains("AADSTS12345: Odd thing."),
            "{refusal}"
        );
    }
}
