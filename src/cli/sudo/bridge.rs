//! A bridge: while a session with a host lasts, one `sudo -A` there is answered from here.
//!
//! The socket is forwarded by ssh from a name on the host that nobody can guess, to one here that only
//! this user can reach. It answers one prompt, announced for this host, and then it is gone. What
//! never happens here: a second answer, or one to anybody but the ssh that this has started.

use std::path::PathBuf;
use std::process::ExitCode as Exit;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

use super::super::output::Output;
use super::super::person::Person;
use super::super::{Agent, Failure, askpass, shell_code};
use super::host::Host;
use super::{Args, not_started, shim};
use crate::control::proto::ExpectReply;

/// Logs in, and answers one `sudo -A` there; the exit code of the session is ours.
pub(super) async fn run(
    args: &Args,
    host: &Host,
    announced: ExpectReply,
    agent: Agent,
    output: &Output,
    mut person: Person,
) -> Result<Exit, Failure> {
    let here = Here::bind()?;
    let there = format!("/tmp/pimento-{}.sock", Uuid::new_v4().simple());
    let forwarding = format!("{there}:{}", here.path.display());
    // A connection of its own: a shared one would outlive the session with the socket in it.
    let mut ssh = host.ssh(&[
        if args.command.is_empty() { "-t" } else { "-T" },
        "-S",
        "none",
        "-o",
        "ControlMaster=no",
        "-o",
        "ExitOnForwardFailure=yes",
        "-R",
        &forwarding,
    ]);
    ssh.arg(shim::line(&there, &announced.prompt, &args.command)?);
    let mut ssh = ssh
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started("ssh", &error))?;
    let peer = ssh.id();
    let answered = async {
        for _ in 0..MOST_ASKS {
            let Some(asked) = here.asked(peer).await else {
                continue;
            };
            let given = answer(asked, &agent, output, &mut person).await;
            match given {
                Ok(()) => break,
                Err(failure) => output.failure(&failure.0),
            }
        }
        drop(here);
        std::future::pending::<()>().await;
    };
    let status = tokio::select! {
        status = ssh.wait() => status,
        () = answered => return Err(Failure::failed("the bridge was lost")),
    };
    let ended = status.map_err(|error| Failure::failed(format!("ssh was lost: {error}")))?;
    Ok(shell_code(ended))
}

/// Somebody on the other side has asked.
struct Asked {
    prompt: String,
    stream: UnixStream,
}

async fn answer(
    mut asked: Asked,
    agent: &Agent,
    output: &Output,
    person: &mut Person,
) -> Result<(), Failure> {
    let own = std::process::id();
    let released = askpass::answered(agent, output, &asked.prompt, own, person).await?;
    let gone = |_| Failure::failed("sudo on the host no longer waits for the password");
    let stream = &mut asked.stream;
    stream.write_all(&released.password).await.map_err(gone)?;
    stream.write_all(b"\n").await.map_err(gone)?;
    stream.shutdown().await.map_err(gone)
}

/// This side's end, in a folder that only this user can enter.
struct Here {
    listener: UnixListener,
    path: PathBuf,
    folder: PathBuf,
}

impl Here {
    fn bind() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed(format!("the bridge has no place for its socket: {error}"))
        };
        let base =
            std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = base.join(format!("pimento-{}", Uuid::new_v4().simple()));
        let mut made = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut made, 0o700);
        made.create(&folder).map_err(failed)?;
        let path = folder.join("sudo");
        let listener = UnixListener::bind(&path).map_err(failed)?;
        Ok(Self {
            listener,
            path,
            folder,
        })
    }

    /// The next prompt that ssh brings; `None` if it is somebody else, or no prompt.
    async fn asked(&self, ssh: Option<u32>) -> Option<Asked> {
        let (mut stream, _) = self.listener.accept().await.ok()?;
        let peer = stream.peer_cred().ok()?.pid();
        if peer.and_then(|pid| u32::try_from(pid).ok()) != ssh {
            return None;
        }
        let mut line = String::new();
        let mut reader = BufReader::new((&mut stream).take(LONGEST_PROMPT));
        reader.read_line(&mut line).await.ok()?;
        let prompt = line.strip_suffix('\n')?.to_owned();
        Some(Asked { prompt, stream })
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// Refused ones included; each could be a try of somebody who should not be there.
const MOST_ASKS: usize = 5;

/// A prompt is ours, with an account in it.
const LONGEST_PROMPT: u64 = 1024;
