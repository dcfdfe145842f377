//! `pimento export`: what an administrator has to set up, as Terraform, Bicep or a script for `az`.
//!
//! Enters: the configuration. Leaves: text that describes the group, its PIM policy, who is
//! eligible, the rights on the vaults, their log, and the application registration. What the
//! configuration cannot know is a variable there. What never happens here: a question to the agent
//! or the cloud, or a secret.

use serde_json::json;

use super::output::Output;
use super::{Failure, load};
use crate::catalog::Tenant;
use crate::config::{Config, Paths};
use crate::refusal::ExitCode;

use plan::Plan;

mod az;
mod bicep;
mod plan;
mod template;
mod terraform;

/// In which form, and for which tenant.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    form: Form,
    /// The tenant; may be left out if there is one only
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Form {
    /// Everything, for Terraform
    #[arg(long)]
    terraform: bool,
    /// The rights on the vaults and their log, for Bicep, which has no types for the rest
    #[arg(long)]
    bicep: bool,
    /// Everything, as a shell script for the Azure CLI
    #[arg(long)]
    az: bool,
}

/// Prints the text.
pub(super) fn print(paths: &Paths, output: &Output, args: &Args) -> Result<ExitCode, Failure> {
    let config = load(paths)?;
    let tenant = tenant(&config, args.tenant.as_deref())?;
    let plan = Plan::of(&config, tenant);
    if plan.is_empty() {
        return Err(Failure::new(
            "not_found",
            ExitCode::NoMatch,
            format!(
                "no window of the configuration is in tenant {}",
                tenant.name
            ),
            "add [window.NAME] and [vault.NAME] for it (docs/configuration.md)",
        ));
    }
    let (form, text) = match args.form {
        Form {
            terraform: true, ..
        } => ("terraform", terraform::text(&plan)),
        Form { bicep: true, .. } => ("bicep", bicep::text(&plan)),
        Form { .. } => ("az", az::text(&plan)),
    };
    output.result(
        text.trim_end(),
        &json!({"tenant": tenant.name.as_str(), "form": form, "text": text}),
    );
    Ok(ExitCode::Done)
}

/// One tenant: each has its own application and its own administrators.
fn tenant<'c>(config: &'c Config, wanted: Option<&str>) -> Result<&'c Tenant, Failure> {
    let named = |name: &str| config.tenants.iter().find(|it| it.name.as_str() == name);
    let found = match (wanted, config.tenants.as_slice()) {
        (Some(name), _) => named(name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let names: Vec<&str> = config.tenants.iter().map(|it| it.name.as_str()).collect();
    found.map(|tenant| &**tenant).ok_or_else(|| {
        let what = match wanted {
            Some(name) => format!("no tenant is called {name}"),
            None if names.is_empty() => "the configuration has no tenant".to_owned(),
            None => "the configuration has more than one tenant".to_owned(),
        };
        let advice = match names.as_slice() {
            [] => "add [tenant.NAME] (docs/configuration.md)".to_owned(),
            names => format!("name one with --tenant: {}", names.join(", ")),
        };
        Failure::new("not_found", ExitCode::NoMatch, what, &advice)
    })
}
