//! Not written yet.
mod host;
mod timeline;
/// Arguments of `pimento demo`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Leave everything running, and print what to try
    #[arg(long)]
    pub keep: bool,
}
/// Runs the demo.
///
/// # Errors
/// If a step did not happen.
pub async fn run(_args: Args, _json: bool) -> Result<(), String> { Err("not yet".into()) }
