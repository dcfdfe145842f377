//! The client's end of the API.

use std::path::{Path, PathBuf};

use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Uri};

use super::proto::control_client::ControlClient;
use crate::listen;

/// Connects to the agent whose control socket is at `path`.
///
/// # Errors
/// If no agent listens there.
pub async fn connect(path: &Path) -> Result<ControlClient<Channel>, NoAgent> {
    let path = path.to_owned();
    let absent = |why: String| NoAgent {
        path: path.clone(),
        why,
    };
    // gRPC wants an address; where the connection really goes is the connector's business.
    let endpoint = Endpoint::from_static("http://pimento.invalid");
    let socket = path.clone();
    let connector = tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move {
            let stream = listen::connect(&socket).await?;
            listen::own(stream).map(TokioIo::new)
        }
    });
    let channel = endpoint.connect_with_connector(connector).await;
    channel
        .map(ControlClient::new)
        .map_err(|error| absent(innermost(&error)))
}

/// No agent can be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no agent is listening on {} ({why})", .path.display())]
pub struct NoAgent {
    /// The socket that was tried.
    pub path: PathBuf,
    /// The system's reason.
    pub why: String,
}

fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
