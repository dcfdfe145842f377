//! One connection from its first frame to its end.
//!
//! In go frames, out go as many replies in the same order. A message that is not understood gets
//! FAILURE and the connection stays; a length that cannot be true closes it. While a signature is
//! waited for, the connection is watched: a client that hangs up cancels its own waiting and
//! nobody else's.

use std::collections::VecDeque;
use std::io;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, LengthDelimitedCodec};
use tracing::debug;

use super::bind::Bound;
use super::message::{EXTENSIONS, Request, Response};
use super::{House, SignAsk, frame};
use crate::requester::Requester;

/// Serves one connection until the client hangs up.
///
/// # Errors
/// If the client breaks the framing or the connection breaks.
pub async fn serve<S>(stream: S, requester: &Requester, house: &dyn House) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Framed::new(stream, frame::codec());
    let mut ahead = VecDeque::new();
    let mut bound = Bound::default();
    loop {
        let message = match ahead.pop_front() {
            Some(message) => message,
            None => match connection.try_next().await? {
                Some(message) => message,
                None => return Ok(()),
            },
        };
        if message.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an empty frame"));
        }
        let response = match Request::parse(&message) {
            // "Forget everything" is carried out to its end, whether or not anybody waits for it.
            Request::RemoveAll => forget(house).await,
            request => tokio::select! {
                // First the answer: one that needs no waiting does not touch the connection.
                biased;
                response = answer(request, &mut bound, requester, house) => response,
                end = read_ahead(&mut connection, &mut ahead) => return end,
            },
        };
        connection.send(frame::outgoing(response.encode())).await?;
    }
}

async fn answer(
    request: Request,
    bound: &mut Bound,
    requester: &Requester,
    house: &dyn House,
) -> Response {
    match request {
        Request::Identities => Response::Identities(house.identities(bound)),
        Request::Sign {
            key_blob,
            data,
            flags,
        } => {
            let ask = SignAsk::new(key_blob, data, flags, bound.clone());
            match house.sign(ask, requester).await {
                Ok(signature) => Response::Signature(signature),
                Err(refusal) => {
                    debug!(%refusal, "signature refused");
                    Response::Failure
                }
            }
        }
        Request::RemoveAll => forget(house).await,
        Request::Query => Response::Extensions(EXTENSIONS),
        Request::SessionBind(content) => match bound.bind(&content) {
            Ok(()) => Response::Success,
            Err(problem) => {
                debug!(%problem, "session-bind refused");
                Response::ExtensionFailure
            }
        },
        Request::Unsupported(why) => {
            debug!(?why, "request not supported");
            Response::Failure
        }
    }
}

async fn forget(house: &dyn House) -> Response {
    match house.remove_all().await {
        Ok(()) => Response::Success,
        Err(refusal) => {
            debug!(%refusal, "removal refused");
            Response::Failure
        }
    }
}

/// Reads on while an answer is prepared; returns when the client is gone or breaks the framing.
///
/// A client that sends without end is not read from any more; it can then only be noticed to be
/// gone after the answer.
async fn read_ahead<S>(
    connection: &mut Framed<S, LengthDelimitedCodec>,
    ahead: &mut VecDeque<BytesMut>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while ahead.len() < MOST_AHEAD {
        match connection.next().await {
            Some(message) => ahead.push_back(message?),
            None => return Ok(()),
        }
    }
    std::future::pending().await
}

/// How many requests are read before the first is answered; OpenSSH sends three at most.
const MOST_AHEAD: usize = 16;

#[cfg(test)]
mod tests;
