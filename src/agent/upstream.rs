//! Another agent behind ours: for keys on tokens, and for whatever else we do not hold.
//!
//! In go messages of our clients, out come its answers. Each of our connections has one of its
//! own there, bound as ours is, so that its own rules see the same hosts. What never happens here:
//! our answers waiting for an agent that hangs, except where it alone can answer; a failure of it
//! that becomes one of ours.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::bind::Bound;
use super::frame::{Inbox, Next};
use super::message::Request;
use crate::listen;

/// The other agent.
#[derive(Debug)]
pub struct Upstream {
    path: PathBuf,
    /// Why it was out of reach when it was last needed.
    problem: Mutex<Option<String>>,
}

/// One client's connection to it; made when first needed.
#[derive(Default)]
pub struct Link {
    open: Option<(Stream, Inbox)>,
    /// How many of the client's bindings it has been told.
    told: usize,
}

impl Upstream {
    /// The agent that listens on `path`.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self {
            path,
            problem: Mutex::new(None),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it was out of reach when it was last needed, for `status`.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, problem: Option<&io::Error>) {
        let mut noted = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(problem)) = (&*noted, problem) {
            tracing::warn!(%problem, socket = %self.path.display(), "the upstream agent does not answer");
        }
        *noted = problem.map(ToString::to_string);
    }
}

impl Link {
    /// Asks, and waits for as long as the answer takes: a person may have to touch a key.
    ///
    /// # Errors
    /// If it does not listen, or hangs up.
    pub async fn ask(
        &mut self,
        upstream: &Upstream,
        bound: &Bound,
        message: &[u8],
    ) -> io::Result<Vec<u8>> {
        let answer = self.exchange(upstream, bound, message).await;
        upstream.note(answer.as_ref().err());
        answer
    }

    /// Asks for what needs nobody's attention, so that the answer has to come soon.
    ///
    /// # Errors
    /// As [`Self::ask`], and if it does not answer soon.
    pub async fn ask_soon(
        &mut self,
        upstream: &Upstream,
        bound: &Bound,
        message: &[u8],
    ) -> io::Result<Vec<u8>> {
        let answer = timeout(SOON, self.exchange(upstream, bound, message)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        upstream.note(answer.as_ref().err());
        answer
    }

    /// One question, one answer. The connection is put back only after a whole answer, so that one
    /// which comes too late is never taken for the next.
    async fn exchange(
        &mut self,
        upstream: &Upstream,
        bound: &Bound,
        message: &[u8],
    ) -> io::Result<Vec<u8>> {
        let (mut stream, mut inbox) = match self.open.take() {
            Some(open) => open,
            None => {
                self.told = 0;
                (listen::connect(&upstream.path).await?, Inbox::default())
            }
        };
        let mut told = self.told;
        for content in bound.messages()?.iter().skip(told) {
            let bind = Request::SessionBind(content).encode();
            // Whether it takes the binding is between it and the client; ours has been answered.
            exchange(&mut stream, &mut inbox, &bind).await?;
            told += 1;
        }
        let answer = exchange(&mut stream, &mut inbox, message).await?;
        (self.open, self.told) = (Some((stream, inbox)), told);
        Ok(answer)
    }
}

async fn exchange(stream: &mut Stream, inbox: &mut Inbox, message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(message.len()).map_err(io::Error::other)?;
    let mut framed = zeroize::Zeroizing::new(Vec::with_capacity(4 + message.len()));
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    stream.write_all(&framed).await?;
    loop {
        if let Next::Whole(content) = inbox.next()? {
            let answer = inbox.message(&content).to_vec();
            inbox.answered(content);
            return Ok(answer);
        }
        if inbox.read(stream).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Longer than any agent that works takes to list; short beside a login.
const SOON: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
