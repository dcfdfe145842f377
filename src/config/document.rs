//! One file of the configuration: its text, whose it is, and the lines in it.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Whose word a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// The administrator's: wins over the others.
    Managed,
    /// A file that the user's own includes.
    Team,
    /// The user's own.
    User,
}

/// What the file system says about who can change a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Custody {
    /// Owned by root.
    pub(super) by_root: bool,
    /// Owned by the user who runs this.
    pub(super) by_user: bool,
    /// Group or others may write to it.
    pub(super) shared: bool,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Where its lines end. Counted once, as there may be as many mistakes as lines.
    pub(super) line_ends: Vec<usize>,
    pub(super) layer: Layer,
    pub(super) custody: Custody,
    /// It came from an address: whose hash the user vouches for, and who is somebody else.
    pub(super) fetched: bool,
}

impl Document {
    /// Reads `path`. Ownership is taken from the opened file, so it can't be swapped in between.
    pub(super) fn read(path: &Path, layer: Layer) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut text = String::new();
        let read = (&mut file).take(LONGEST + 1).read_to_string(&mut text)?;
        if read as u64 > LONGEST {
            return Err(io::Error::other("it is longer than 1 MiB"));
        }
        Ok(Self {
            path: path.to_owned(),
            line_ends: line_ends(&text),
            text,
            layer,
            custody: custody(path, &metadata),
            fetched: false,
        })
    }

    /// A text that is in no file, as if the user had written it to `path`.
    pub(super) fn from_text(path: &Path, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            line_ends: line_ends(text),
            text: text.to_owned(),
            layer: Layer::User,
            custody: Custody {
                by_root: false,
                by_user: true,
                shared: false,
            },
            fetched: false,
        }
    }

    /// `path` as this file means it: `~/` is the home folder, anything relative is beside the file.
    pub(super) fn resolve(&self, path: &str, home: Option<&Path>) -> PathBuf {
        match (path.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.path.parent().unwrap_or(Path::new("")).join(path),
        }
    }
}

/// A place in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'d> {
    pub(super) document: &'d Document,
    /// In bytes.
    pub(super) offset: usize,
}

impl Place<'_> {
    /// The line, from 1.
    pub(super) fn line(&self) -> usize {
        let ends = &self.document.line_ends;
        1 + ends.partition_point(|end| *end < self.offset)
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.document.path.display(), self.line())
    }
}

fn line_ends(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(at, _)| at).collect()
}

#[cfg(unix)]
fn custody(_path: &Path, metadata: &Metadata) -> Custody {
    use std::os::unix::fs::MetadataExt;
    Custody {
        by_root: metadata.uid() == 0,
        by_user: metadata.uid() == rustix::process::geteuid().as_raw(),
        shared: metadata.mode() & 0o022 != 0,
    }
}

/// Windows keeps `Program Files` to administrators and a profile to its user by access lists that are
/// inherited. Who may write anywhere else is not known, so it may be everybody.
#[cfg(windows)]
fn custody(path: &Path, _metadata: &Metadata) -> Custody {
    let path = std::path::absolute(path).unwrap_or_default();
    let by_root = path.starts_with(super::paths::PROGRAM_FILES);
    let by_user = std::env::home_dir().is_some_and(|home| path.starts_with(home));
    // What goes up again may lead out.
    let plain = !path
        .components()
        .any(|it| it == std::path::Component::ParentDir);
    Custody {
        by_root: by_root && plain,
        by_user: by_user && plain,
        shared: !(plain && (by_root || by_user)),
    }
}

/// More than any real configuration; keeps a wrong path (`/dev/zero`) from filling memory.
const LONGEST: u64 = 1 << 20;
