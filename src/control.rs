//! The API door: gRPC over a local socket.
//!
//! Enters: requests of the command line, of the askpass helper, or of anything else that speaks
//! `proto/pimento/control/v1`. Leaves: replies, progress, and refusals as statuses. What never
//! happens here: a decision; the house makes them all.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use interprocess::local_socket::tokio::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use crate::house::House;
use crate::listen::{Connection, Door};
use crate::requester::Requester;

use proto::control_server::ControlServer;
use session::Session;

mod approvals;
mod certify;
mod check;
pub mod client;
pub mod convert;
mod ending;
mod import;
mod pins;
mod prompt;
mod release;
mod session;
mod sign_in;
mod sink;
mod view;
mod watching;

/// The messages of the API, generated from the proto.
#[allow(
    clippy::all,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::unwrap_used,
    let_underscore_drop,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "the generator's style is not ours, and the proto documents what it makes"
)]
pub mod proto {
    include!("control/generated.rs");
}

/// Serves the API on `door` until `shutdown`.
///
/// # Errors
/// If the transport fails as a whole.
pub async fn serve(
    house: Arc<House>,
    door: Door,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let service = ControlServer::new(Session::new(house));
    let incoming = futures_util::stream::unfold(door, |door| async move {
        let connection = door.accept().await;
        Some((Ok::<_, std::io::Error>(Peer(connection)), door))
    });
    tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
}

/// A connection as tonic wants it.
struct Peer(Connection);

impl Connected for Peer {
    type ConnectInfo = Arc<Requester>;

    fn connect_info(&self) -> Self::ConnectInfo {
        Arc::new(self.0.caller.requester().clone())
    }
}

impl Peer {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut Stream> {
        Pin::new(&mut self.get_mut().0.stream)
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
