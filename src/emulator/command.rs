//! `pimento emulator`: the emulator as a program of its own.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Emulator, Options, Scenario};

/// Arguments of `pimento emulator`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// The scenario file (docs/emulator.md); without it the example world is served
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Port of the HTTPS server
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Port of the admin endpoint
    #[arg(long, default_value_t = 0)]
    pub admin_port: u16,
    /// Where to write the certificate authority that clients have to trust
    #[arg(long, value_name = "FILE", default_value = "pimento-emulator-ca.pem")]
    pub ca_out: PathBuf,
    /// Print addresses as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs an emulator until it is interrupted.
///
/// # Errors
/// If the scenario cannot be read or the ports cannot be had.
pub async fn run(args: Args) -> Result<(), String> {
    let scenario = match &args.scenario {
        None => Scenario::example().map_err(|error| error.to_string())?,
        Some(file) => {
            let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
            let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
            toml::from_str(&text).map_err(|error| named(&error))?
        }
    };
    let options = Options {
        port: args.port,
        admin_port: args.admin_port,
        ..Options::default()
    };
    let emulator = Emulator::start(scenario, options)
        .await
        .map_err(|error| error.to_string())?;
    std::fs::write(&args.ca_out, emulator.ca_pem())
        .map_err(|error| format!("{}: {error}", args.ca_out.display()))?;
    // A configuration takes what is relative as beside itself.
    let ca_file = std::path::absolute(&args.ca_out)
        .map_err(|error| format!("{}: {error}", args.ca_out.display()))?;
    announce(&emulator, &args, &ca_file);
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| error.to_string())
}

#[expect(
    clippy::print_stdout,
    reason = "the addresses are this command's output"
)]
fn announce(emulator: &Emulator, args: &Args, ca_file: &Path) {
    if args.json {
        let resolve: serde_json::Map<String, serde_json::Value> = emulator
            .resolve()
            .into_iter()
            .map(|(host, address)| (host, json!(address.to_string())))
            .collect();
        let admin = emulator.admin_url();
        println!(
            "{}",
            json!({"admin": admin, "ca_file": ca_file, "resolve": resolve})
        );
        return;
    }
    println!("# The cloud is up. Put this into a pimento configuration:");
    println!(
        "[danger]\nca_file = {:?}\n[danger.resolve]",
        ca_file.display().to_string()
    );
    for (host, address) in emulator.resolve() {
        println!("\"{host}\" = \"{address}\"");
    }
    println!(
        "# Change the world (docs/emulator.md): curl {}/counters",
        emulator.admin_url()
    );
}
