//! Wayland's clipboard, where the compositor has a data-control protocol.

use tokio::sync::oneshot;
use wl_clipboard_rs::copy::{MimeType, Options, ServeRequests, Source};
use wl_clipboard_rs::utils::is_primary_selection_supported;

use super::Over;

/// Whether it is one that a program without a window can use.
pub(super) fn reachable() -> Result<(), String> {
    let reached = is_primary_selection_supported();
    reached.map(drop).map_err(|error| error.to_string())
}

/// Serves one paste, not counting who asks for the hint to those who keep a history. When this
/// process ends, so does what it offers, and nothing else.
///
/// The offer is withdrawn right after the paste. `wl-paste` gives up ("No selection") if it learns
/// of that before it has begun to read, which happens on a busy machine; programs with a window
/// read what they were sent.
pub(super) async fn offer(secret: &[u8]) -> Result<Over, String> {
    let mut options = Options::new();
    options
        .foreground(true)
        .sensitive(true)
        .serve_requests(ServeRequests::Only(1));
    let source = Source::Bytes(secret.into());
    let served = options
        .prepare_copy(source, MimeType::Text)
        .map_err(|error| error.to_string())?;
    let (sender, over) = oneshot::channel();
    // A thread of its own: the runtime would wait for one of its own at the end.
    std::thread::spawn(move || sender.send(served.serve().map_err(|error| error.to_string())));
    over.await.map_err(|error| error.to_string())??;
    Ok(Over::PastedOrReplaced)
}
