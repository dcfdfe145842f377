//! The record of what was asked, answered, opened and closed.
//!
//! One JSON object a line, each with the SHA-256 of the line before it, so that a changed, removed
//! or swapped line shows. Enters: an [`Event`], never a secret and never a byte of a request.
//! What never happens here: success before the kernel has the line. Callers release nothing when
//! a record fails.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::harden;
use crate::refusal::Refusal;

pub use chain::{Chain, Damage, Line, Problem, Whole, next_line, verify};
pub use event::{Event, Holder};

mod chain;
mod event;

/// The open record.
#[derive(Debug)]
pub struct Audit {
    clock: Arc<dyn Clock>,
    path: PathBuf,
    log: Mutex<Log>,
    /// The same file: a slow disk must not hold up those who only write, so it is synced without the lock.
    disk: File,
    /// Whether something is written that is not yet synced to disk.
    unsynced: AtomicBool,
    /// Wakes [`Self::keep_synced`].
    written: Notify,
    /// Why the disk has refused to keep what was written. The kernel tells that once, to whoever asks first, and
    /// counts those lines as kept from then on: nothing is recorded any more.
    lost: OnceLock<String>,
}

#[derive(Debug)]
struct Log {
    file: File,
    seq: u64,
    prev: String,
    /// Length of the last whole line's end; what a failed write left behind it is cut off.
    len: u64,
    /// Whether something is behind it yet.
    torn: bool,
}

/// Where the record of that folder is.
#[must_use]
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join("audit.jsonl")
}

impl Audit {
    /// Opens `audit.jsonl` in `folder`, and goes on with the chain it finds there.
    ///
    /// # Errors
    /// If the folder or file cannot be made or written, or another process has it open.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        harden::private_folder(folder)?;
        let path = file_in(folder);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        file.try_lock().map_err(unlocked)?;
        let log = Log::resume(&mut file)?;
        let disk = file.try_clone()?;
        let log = Log { file, ..log };
        Ok(Self {
            disk,
            clock,
            path,
            log: Mutex::new(log),
            unsynced: AtomicBool::new(false),
            written: Notify::new(),
            lost: OnceLock::new(),
        })
    }

    /// The file that is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lines of before that have `part` in them; what cannot be read is left out.
    pub fn lines_with(&self, part: &'static str) -> impl Iterator<Item = Value> + use<> {
        let file = File::open(&self.path).ok();
        let lines = file
            .into_iter()
            .flat_map(|file| BufReader::new(file).lines());
        lines
            .map_while(Result::ok)
            .filter(move |line| line.contains(part))
            .filter_map(|line| serde_json::from_str(&line).ok())
    }

    /// Hands `event` to the kernel: it survives the death of this process.
    ///
    /// # Errors
    /// If it could not be written; nothing may be released then.
    pub fn record(&self, event: Event) -> Result<(), Refusal> {
        self.kept()?;
        let mut fields = event.into_fields();
        fields.insert("time".to_owned(), self.clock.wall().to_string().into());
        let boot = self.clock.now().as_duration().as_millis();
        fields.insert(
            "boot_ms".to_owned(),
            u64::try_from(boot).unwrap_or(u64::MAX).into(),
        );
        self.log()
            .append(fields)
            .map_err(|error| unwritable(&error))?;
        self.unsynced.store(true, Ordering::Release);
        self.written.notify_one();
        Ok(())
    }

    /// Writes `event` to disk: it survives a power loss.
    ///
    /// # Errors
    /// If it could not be written or synced; nothing may be released then.
    pub async fn record_synced(self: &Arc<Self>, event: Event) -> Result<(), Refusal> {
        self.record(event)?;
        let audit = Arc::clone(self);
        // A disk takes milliseconds: other connections are served meanwhile.
        // Without a look at `unsynced`: another's sync that is under way may still fail.
        tokio::task::spawn_blocking(move || audit.flush())
            .await
            .map_err(|error| Refusal::Audit(error.to_string()))?
            .map_err(|error| unwritable(&error))?;
        self.kept()
    }

    /// Syncs what was written, a second after it was written at the latest; never returns.
    pub async fn keep_synced(self: &Arc<Self>) {
        loop {
            self.written.notified().await;
            // What comes in this second goes to disk together.
            self.clock.sleep(SYNC_WITHIN).await;
            let audit = Arc::clone(self);
            let synced = tokio::task::spawn_blocking(move || audit.sync()).await;
            if !matches!(synced, Ok(Ok(()))) {
                tracing::error!("the audit record could not be synced to disk");
            }
        }
    }

    /// Whether the disk has kept everything so far.
    fn kept(&self) -> Result<(), Refusal> {
        match self.lost.get() {
            None => Ok(()),
            Some(why) => Err(Refusal::Audit(format!(
                "the disk did not keep what was written before ({why}); start the agent anew when it is mended"
            ))),
        }
    }

    /// Syncs what is not yet on disk.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        if self.unsynced.load(Ordering::Acquire) {
            self.flush()?;
        }
        Ok(())
    }

    /// Waits until the disk has all that was written before this call.
    fn flush(&self) -> io::Result<()> {
        // First, so that a line written meanwhile counts as not yet synced.
        self.unsynced.store(false, Ordering::Release);
        self.disk.sync_data().inspect_err(|error| {
            self.unsynced.store(true, Ordering::Release);
            let _told_before = self.lost.set(error.to_string());
        })
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Reads the chain's head from the last line of `file`.
    fn resume(file: &mut File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(len.saturating_sub(LONGEST_LINE)))?;
        Read::by_ref(file)
            .take(LONGEST_LINE)
            .read_to_end(&mut tail)?;
        let whole = tail
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let torn = (tail.len() - whole) as u64;
        if torn > 0 && len > 0 {
            // The agent was killed while writing: the torn line was never acted upon.
            file.set_len(len - torn)?;
        }
        tail.truncate(whole);
        let last = tail
            .trim_ascii_end()
            .rsplit(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let seq = serde_json::from_slice::<Value>(last)
            .ok()
            .and_then(|line| line.get("seq")?.as_u64());
        let prev = if last.is_empty() {
            String::new()
        } else {
            hash(last)
        };
        Ok(Self {
            file: file.try_clone()?,
            seq: seq.unwrap_or(0),
            prev,
            len: len - torn.min(len),
            torn: false,
        })
    }

    fn append(&mut self, mut fields: Map<String, Value>) -> io::Result<()> {
        self.cut_off()?;
        fields.insert("schema".to_owned(), SCHEMA.into());
        fields.insert("seq".to_owned(), (self.seq + 1).into());
        fields.insert("prev".to_owned(), self.prev.clone().into());
        let mut line = serde_json::to_vec(&fields)?;
        let prev = hash(&line);
        line.push(b'\n');
        if line.len() as u64 > LONGEST_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the record would be longer than any that is read back",
            ));
        }
        if let Err(error) = self.file.write_all(&line) {
            self.torn = true;
            let _before_the_next_else = self.cut_off();
            return Err(error);
        }
        // The file may have been removed behind our back; then nobody would ever find the line.
        if links(&self.file)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the file was deleted",
            ));
        }
        self.len += line.len() as u64;
        self.seq += 1;
        self.prev = prev;
        Ok(())
    }

    /// Half a line must not become the beginning of the next.
    fn cut_off(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.len)?;
            self.torn = false;
        }
        Ok(())
    }
}

/// Why this process may not write the file.
fn unlocked(error: TryLockError) -> io::Error {
    match error {
        TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another agent is writing this record, here or on another machine that has the same folder: give this one \
             a folder of its own, by --state-dir or `folder` in [audit]",
        ),
        TryLockError::Error(error) => io::Error::new(
            error.kind(),
            format!(
                "its file system cannot lock it ({error}): put it on a disk of this machine, by --state-dir or \
                 `folder` in [audit]"
            ),
        ),
    }
}

fn unwritable(error: &io::Error) -> Refusal {
    Refusal::Audit(error.to_string())
}

fn hash(line: &[u8]) -> String {
    Sha256::digest(line)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(unix)]
fn links(file: &File) -> io::Result<u64> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?))
}

/// Windows does not let an open file be removed.
#[cfg(not(unix))]
fn links(_file: &File) -> io::Result<u64> {
    Ok(1)
}

/// How long a signature's record may be with the kernel only.
const SYNC_WITHIN: Duration = Duration::from_secs(1);

/// Version of the record's format.
const SCHEMA: u64 = 1;

/// No line is longer: texts and lists in it are cut to size ([`Event`]).
const LONGEST_LINE: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
