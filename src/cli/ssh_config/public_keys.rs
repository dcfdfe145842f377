//! Public keys as files, for `IdentityFile`: ssh asks the agent for these keys and no others.
//!
//! What never happens here: a private key, or half a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalog::{Credential, KeySpec};
use crate::file::{self, Readers};
use crate::harden::private_folder;

/// The folder of the files.
pub(super) struct PublicKeys {
    folder: PathBuf,
}

impl PublicKeys {
    /// Among what outlives a run: ssh needs them before the agent is started.
    pub(super) fn below(state: &Path) -> Self {
        Self {
            folder: state.join("keys"),
        }
    }

    /// The file of a key.
    pub(super) fn file(&self, credential: &Credential) -> PathBuf {
        self.folder.join(format!("{}.pub", credential.name))
    }

    /// Whether the file of a key holds that key.
    pub(super) fn is_current(&self, credential: &Credential, key: &KeySpec) -> bool {
        let found = fs::read_to_string(self.file(credential));
        matches!((found, text(credential, key)), (Ok(found), Ok(wanted)) if found == wanted)
    }

    /// Writes the file of a key, at once and as a whole: an ssh may be reading it.
    pub(super) fn write(
        &self,
        credential: &Credential,
        key: &KeySpec,
    ) -> Result<(), (PathBuf, io::Error)> {
        let file = self.file(credential);
        // Whatever the umask says: there is nothing to hide, and backups of other users may read it.
        let written = private_folder(&self.folder).and_then(|()| {
            file::replace(&file, text(credential, key)?.as_bytes(), Readers::Everybody)
        });
        written.map_err(|error| (file, error))
    }
}

fn text(credential: &Credential, key: &KeySpec) -> io::Result<String> {
    let mut public = key.public.clone();
    public.set_comment(credential.name.as_str());
    let line = public.to_openssh().map_err(io::Error::other)?;
    Ok(format!("{line}\n"))
}
