//! One connection from its first frame to its end.
//!
//! In go frames, out go as many replies in the same order. A message that is not understood gets
//! FAILURE and the connection stays; a length that cannot be true closes it, and so does a frame
//! that is begun and not finished. While an answer is waited for, the connection is watched: a
//! client that hangs up cancels its own waiting, its prompt included, and nobody else's.

use std::io;
use std::ops::Range;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::bind::Bound;
use super::frame::{self, Inbox, Next};
use super::message::Request;
use super::service::{Client, Service};
use super::upstream::Link;
use crate::requester::Caller;

/// Serves one connection until the client hangs up. `between` is told whenever a request begins
/// and ends, so that idle connections can be told from busy ones.
///
/// # Errors
/// If the client breaks the framing or the connection breaks.
pub async fn serve<S>(
    mut stream: S,
    caller: &Caller,
    service: &Service,
    pulse: &impl Pulse,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut inbox = Inbox::default();
    let mut ahead = Vec::new();
    let mut reply = Vec::new();
    let mut client = Client {
        caller,
        bound: Bound::default(),
        link: Link::default(),
    };
    while let Some((content, _long)) = next(&mut inbox, &mut stream, service).await? {
        pulse.begins();
        let message = inbox.message(&content);
        let all = [Request::RemoveAll, Request::RemoveAllOfVersion1];
        let response = if all.contains(&Request::parse(message)) {
            service.forget(&mut client).await
        } else {
            tokio::select! {
                // First the answer: one that needs no waiting does not touch the connection.
                biased;
                response = service.answer(message, &mut client) => response,
                end = read_ahead(&mut stream, &mut ahead) => return end,
            }
        };
        frame::put(&mut reply, &response);
        // Before the answer: whoever has it may look at once at what the request left behind.
        inbox.answered(content);
        stream.write_all(&reply).await?;
        if reply.capacity() > KEPT {
            reply = Vec::new();
        }
        if !ahead.is_empty() {
            inbox.take_in(&ahead);
            zeroize::Zeroize::zeroize(&mut ahead);
        }
        pulse.ends();
    }
    Ok(())
}

/// Told when a request begins and when it has been answered.
pub trait Pulse: Send + Sync {
    /// A request has arrived.
    fn begins(&self);
    /// Its answer has left.
    fn ends(&self);
}

/// Nobody wants to know.
impl Pulse for () {
    fn begins(&self) {}
    fn ends(&self) {}
}

/// Reads until a message is whole: where it lies, and the right to have a long one. `None` at the
/// end of the connection.
///
/// An idle client may take its time. One that has begun a message has to finish it.
async fn next<'a>(
    inbox: &mut Inbox,
    stream: &mut (impl AsyncRead + Unpin),
    service: &'a Service,
) -> io::Result<Option<(Range<usize>, Option<SemaphorePermit<'a>>)>> {
    while inbox.next()? == Next::Nothing {
        if inbox.read(stream).await? == 0 {
            return Ok(None);
        }
    }
    if let Next::Whole(content) = inbox.next()? {
        return Ok(Some((content, None)));
    }
    let whole = timeout(PATIENCE, async {
        let mut long = None;
        loop {
            match inbox.next()? {
                Next::Whole(content) => return Ok(Some((content, long))),
                Next::Part {
                    length: Some(length),
                } if length > LONG && long.is_none() => {
                    // The semaphore is never closed.
                    long = service.long_messages.acquire().await.ok();
                }
                Next::Part { .. } | Next::Nothing => {}
            }
            if inbox.read(stream).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    });
    whole
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Reads on while an answer is prepared; returns when the client is gone.
///
/// A client that sends without end is not read from any more; it can then only be noticed to be
/// gone after the answer.
async fn read_ahead(stream: &mut (impl AsyncRead + Unpin), ahead: &mut Vec<u8>) -> io::Result<()> {
    while ahead.len() < MOST_AHEAD {
        if stream.read_buf(ahead).await? == 0 {
            return Ok(());
        }
    }
    std::future::pending().await
}

/// How long a message may take from its first byte to its last. Clients write it in one go.
const PATIENCE: Duration = Duration::from_secs(10);
/// A message longer than this is rare, and may be one of many that only cost memory.
const LONG: usize = 16 * 1024;
/// How much is read before an answer is there; pipelining clients send a few hundred bytes.
const MOST_AHEAD: usize = 16 * 1024;
/// What an idle connection may keep of the memory for replies.
const KEPT: usize = 4096;

#[cfg(test)]
mod tests;
