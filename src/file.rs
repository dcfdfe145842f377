//! Files that are replaced as a whole: whoever reads one finds what was there before, or all of what is there now.
//! And whether two paths are one place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Who may read a file that is written. On Windows: those who may read its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Those who could read the file before; of a new one, those whom the umask lets.
    AsBefore,
    /// Everybody, whatever the umask says.
    Everybody,
    /// Its owner alone.
    Owner,
}

/// Puts `content` in the place of `file`, on disk when this returns. A link stays one, and what it leads to is
/// replaced: people keep their configuration elsewhere.
///
/// # Errors
/// If it cannot be written; what was there before is as it was then.
pub fn replace(file: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    put(file, content, readers, File::sync_all)
}

/// The same for what may be lost with the power, so that nobody waits for a disk.
///
/// # Errors
/// As [`replace`].
pub fn replace_soon(file: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    put(file, content, readers, |_| Ok(()))
}

fn put(
    file: &Path,
    content: &[u8],
    readers: Readers,
    sync: fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let next = beside(file);
    let written = create(&next, file, readers).and_then(|mut created| {
        created.write_all(content)?;
        sync(&created)?;
        fs::rename(&next, file)?;
        // The folder has the name, which is to outlast the power as well.
        #[cfg(unix)]
        sync(&File::open(file.parent().unwrap_or(Path::new("/")))?)?;
        Ok(())
    });
    if written.is_err() {
        let _not_there_at_best = fs::remove_file(&next);
    }
    written
}

/// A name of this call's own: another process, or thread, may be replacing the same file.
fn beside(file: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    file.with_file_name(name)
}

fn create(next: &Path, file: &Path, readers: Readers) -> io::Result<File> {
    let before = fs::metadata(file).map(|found| found.permissions()).ok();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner || before.is_some() {
        // From its first byte on.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let created = options.open(next)?;
    match (readers, before) {
        (Readers::AsBefore, Some(before)) => created.set_permissions(before)?,
        #[cfg(unix)]
        (Readers::Everybody, _) => {
            created.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        }
        _ => {}
    }
    Ok(created)
}

/// Whether two paths lead to the same place: a folder may be reached by several names, as /var/run is.
#[must_use]
pub fn same_place(one: &Path, other: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|it| it.canonicalize().ok());
    let there = || folder(one).is_some_and(|it| Some(it) == folder(other));
    one == other || (one.file_name() == other.file_name() && there())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        for (readers, expected) in [
            (Readers::Owner, 0o600),
            (Readers::Everybody, 0o644),
            (Readers::AsBefore, 0o644),
        ] {
            replace(&file, format!("{readers:?}").as_bytes(), readers).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{readers:?}"));
            assert_eq!(mode(&file), expected, "{readers:?}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&file, b"again", Readers::AsBefore).unwrap();
        assert_eq!(mode(&file), 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, link) = (
            folder.path().join("kept/config"),
            folder.path().join("config"),
        );
        fs::create_dir(folder.path().join("kept")).unwrap();
        fs::write(&kept, "before").unwrap();
        std::os::unix::fs::symlink("kept/config", &link).unwrap();
        replace(&link, b"after", Readers::AsBefore).unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "after");
        assert!(link.is_symlink());
    }

    #[test]
    fn what_cannot_be_put_in_its_place_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("there");
        fs::create_dir(&file).unwrap();
        fs::write(file.join("more"), "").unwrap();
        assert!(replace(&file, b"x", Readers::Owner).is_err());
        assert!(file.join("more").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("none/file");
        assert!(replace(&nowhere, b"x", Readers::Owner).is_err());
    }

    #[test]
    fn a_socket_is_known_by_every_name_of_its_folder_and_no_other_is() {
        let folder = tempfile::tempdir().unwrap();
        let (run, link) = (folder.path().join("run"), folder.path().join("link"));
        fs::create_dir(&run).unwrap();
        std::os::unix::fs::symlink(&run, &link).unwrap();
        let at = |folder: &Path, name: &str| folder.join(name);
        assert!(same_place(
            &at(&run, "agent.sock"),
            &at(&link, "agent.sock")
        ));
        assert!(!same_place(
            &at(&run, "agent.sock"),
            &at(&link, "other.sock")
        ));
        assert!(!same_place(
            &at(&run, "agent.sock"),
            &at(folder.path(), "agent.sock")
        ));
        // Of folders that are not there nothing is known.
        assert!(!same_place(
            Path::new("/no/a/x.sock"),
            Path::new("/no/b/x.sock")
        ));
        assert!(same_place(
            Path::new("/no/a/x.sock"),
            Path::new("/no/a/x.sock")
        ));
    }
}
