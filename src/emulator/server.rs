//! The wire: TLS and HTTP/1.1 on loopback, faults included.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;

use super::http::{Reply, Request};
use super::scenario::Fault;
use super::tls::Certificates;
use super::world::World;
use super::{admin, arm, entra, graph, vault};

/// The world, shared by all connections.
pub(super) type Shared = Arc<Mutex<World>>;

/// Which of the two servers a connection came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Admin,
    Cloud,
}

/// Serves the cloud's connections until dropped.
pub(super) async fn serve_cloud(listener: TcpListener, tls: Certificates, world: Shared) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (tls, world) = (tls.clone(), Arc::clone(&world));
        let _runs_on = tokio::spawn(async move {
            let _no_delay = stream.set_nodelay(true);
            match handshake(stream, &tls, &world).await {
                Ok(stream) => connection(TokioIo::new(stream), world, Side::Cloud).await,
                Err(error) => tracing::debug!(%error, "TLS handshake failed"),
            }
        });
    }
}

/// Shows the certificate of the host that is asked for, or the wrong one where that is to be.
async fn handshake(
    stream: TcpStream,
    tls: &Certificates,
    world: &Shared,
) -> io::Result<TlsStream<TcpStream>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let host = hello
        .client_hello()
        .server_name()
        .unwrap_or_default()
        .to_owned();
    let misnamed = lock(world).scenario.misnamed.contains(&host);
    let shown = if misnamed { &tls.wrong } else { &tls.right };
    hello.into_stream(Arc::clone(shown)).await
}

/// Serves the admin endpoint's connections until dropped.
pub(super) async fn serve_admin(listener: TcpListener, world: Shared) {
    loop {
        let Ok((stream, _)): io::Result<(TcpStream, _)> = listener.accept().await else {
            continue;
        };
        let world = Arc::clone(&world);
        let _runs_on =
            tokio::spawn(async move { connection(TokioIo::new(stream), world, Side::Admin).await });
    }
}

async fn connection<I>(io: I, world: Shared, side: Side)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(|request| answer(request, Arc::clone(&world), side));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(io, service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    world: Shared,
    side: Side,
) -> Result<hyper::Response<Body>, io::Error> {
    let request = read(request).await.map_err(io::Error::other)?;
    if side == Side::Admin {
        let reply = admin::answer(&mut lock(&world), &request);
        return respond(reply, Timestamp::now(), &Fault::default());
    }
    let Some((operation, service)) = route(&request) else {
        let reply = Reply::json(
            404,
            &serde_json::json!({"error": {"code": "NotFound", "message": "unknown path"}}),
        );
        lock(&world).saw("unknown", &request, 404);
        return respond(reply, lock(&world).now(), &Fault::default());
    };
    let fault = lock(&world).due_fault(operation).unwrap_or_default();
    if fault.delay.is_positive() {
        let _held = Held::new(&world);
        let delay = std::time::Duration::try_from(fault.delay).unwrap_or_default();
        tokio::time::sleep(delay).await;
    }
    let mut world = lock(&world);
    let mut reply = match instead(&fault) {
        Some(reply) => reply,
        None => match service {
            Service::Entra => world.entra(operation, &request),
            Service::Arm => world.arm(operation, &request),
            Service::Graph => world.graph(operation, &request),
            Service::Vault(name) => world.vault(operation, &name, &request),
        },
    };
    for (name, value) in &fault.headers {
        reply = reply.with(name, value.as_str());
    }
    world.saw(operation, &request, reply.status);
    respond(reply, world.now(), &fault)
}

/// A request that waits, until it is answered or its client gives up.
struct Held(Shared);

impl Held {
    fn new(world: &Shared) -> Self {
        lock(world).held += 1;
        Self(Arc::clone(world))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.0).held -= 1;
    }
}

enum Service {
    Arm,
    Entra,
    Graph,
    Vault(String),
}

fn route(request: &Request) -> Option<(&'static str, Service)> {
    match request.host.as_str() {
        "login.microsoftonline.com" | "localhost" => {
            entra::operation(request).map(|operation| (operation, Service::Entra))
        }
        "graph.microsoft.com" => {
            graph::operation(request).map(|operation| (operation, Service::Graph))
        }
        "management.azure.com" => {
            arm::operation(request).map(|operation| (operation, Service::Arm))
        }
        host => {
            let name = host.strip_suffix(".vault.azure.net")?.to_owned();
            vault::operation(request).map(|operation| (operation, Service::Vault(name)))
        }
    }
}

/// The reply that a fault gives instead of the service's own.
fn instead(fault: &Fault) -> Option<Reply> {
    if fault.status.is_none() && fault.body.is_none() {
        return None;
    }
    let body = fault.body.clone().unwrap_or_else(|| "{}".to_owned());
    let mut reply = Reply::of(
        fault.status.unwrap_or(200),
        "application/json; charset=utf-8",
        body,
    );
    if let Some(seconds) = &fault.retry_after {
        reply = reply.with("Retry-After", seconds.as_str());
    }
    Some(reply)
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, hyper::Error> {
    let (head, body) = request.into_parts();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    let host = head.headers.get("host").map(text).unwrap_or_default();
    let host = host
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let query = head.uri.query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let body = body.collect().await?.to_bytes().to_vec();
    let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
    Ok(Request {
        method,
        host,
        path,
        query,
        headers,
        body,
    })
}

/// A body that may break off.
type Body = http_body_util::combinators::BoxBody<Bytes, io::Error>;

fn respond(
    mut reply: Reply,
    now: Timestamp,
    fault: &Fault,
) -> Result<hyper::Response<Body>, io::Error> {
    if fault.hang_up {
        return Err(cut());
    }
    let half = reply.body.len() / 2;
    if fault.half {
        reply.body.truncate(half);
    }
    let mut response = hyper::Response::builder().status(reply.status).header(
        "Date",
        now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    );
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    let body = if fault.reset {
        // Announce the whole, send half, and hang up.
        response = response.header("Content-Length", reply.body.len().max(2));
        reply.body.truncate(half);
        let half = hyper::body::Frame::data(Bytes::from(reply.body));
        let parts = [Ok(half), Err(cut())];
        BodyExt::boxed(http_body_util::StreamBody::new(futures_util::stream::iter(
            parts,
        )))
    } else {
        Full::new(Bytes::from(reply.body))
            .map_err(|never| match never {})
            .boxed()
    };
    response.body(body).map_err(io::Error::other)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault")
}

pub(super) fn lock(world: &Shared) -> std::sync::MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
