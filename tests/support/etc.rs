//! An `/etc` of its own: users, passwords, PAM and sudoers that the machine never sees.
//!
//! Each command runs in a mount namespace in which a copy lies over `/etc`, and as a user that only
//! the copy knows. Needs root, for the namespace and because sudo is root's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use super::skip::skipped;
use super::sshd::run;

/// The user of the copy, and their id.
pub const NAME: &str = "mia";
pub const ID: u32 = 42001;

/// Another account.
pub const OTHER: &str = "deploy";
pub const OTHER_ID: u32 = 42002;

pub struct Etc {
    folder: tempfile::TempDir,
}

impl Etc {
    /// A copy with the two users, `root`'s password and these lines of sudoers; `None`, loudly,
    /// where none can be had.
    pub fn new(root: &str, sudoers: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/sudo").exists() {
            skipped("sudo is tried by root only, who can have an /etc of its own");
            return None;
        }
        let folder = tempfile::Builder::new()
            .permissions(PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let etc = Self { folder };
        run(Command::new("cp").args(["-a", "/etc"]).arg(etc.path("etc")));
        for name in [
            "bin",
            "faillock",
            "sudo-run",
            "sudo-rs-run",
            "sudo-lib",
            "home",
        ] {
            fs::create_dir(etc.path(name)).unwrap();
        }
        for name in ["pimento", "pimento-askpass"] {
            let built = Path::new(env!("CARGO_BIN_EXE_pimento")).with_file_name(name);
            // Not by this process, of which another test's program could inherit the open file.
            run(Command::new("cp").arg(built).arg(etc.path("bin")));
        }
        etc.own(&etc.path("home"), 0o700);
        etc.append("passwd", &etc.accounts());
        etc.append("group", &format!("{NAME}:x:{ID}:\n{OTHER}:x:{OTHER_ID}:\n"));
        etc.append(
            "shadow",
            &format!("{NAME}:*:19000:0:99999:7:::\n{OTHER}:*:19000:0:99999:7:::\n"),
        );
        etc.sudoers(sudoers);
        // What is missing cannot be covered.
        for folder in ["/run/sudo", "/run/sudo-rs"] {
            fs::create_dir_all(folder).unwrap();
        }
        etc.set_password("root", root);
        Some(etc)
    }

    fn accounts(&self) -> String {
        let home = self.path("home");
        let line =
            |name: &str, id: u32| format!("{name}:x:{id}:{id}::{}:/bin/sh\n", home.display());
        line(NAME, ID) + &line(OTHER, OTHER_ID)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The askpass helper, where the user can run it.
    pub fn askpass(&self) -> PathBuf {
        self.path("bin/pimento-askpass")
    }

    /// Gives `path` to the user.
    pub fn own(&self, path: &Path, mode: u32) {
        chown(path, Some(ID), Some(ID)).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Gives a whole folder to the user.
    pub fn own_all(&self, path: &Path) {
        run(Command::new("chown")
            .arg("-R")
            .arg(format!("{ID}:{ID}"))
            .arg(path));
    }

    /// Writes a file of the copy.
    pub fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path("etc").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Lets the user run anything as anybody, with these lines before.
    pub fn sudoers(&self, lines: &str) {
        let text = format!("Defaults env_reset\n{lines}\n{NAME} ALL=(ALL:ALL) ALL\n");
        self.write("sudoers", &text, 0o440);
    }

    /// Counts failures, as a machine that locks accounts does.
    pub fn with_faillock(&self) {
        let options = format!(
            "dir={} deny=3 even_deny_root unlock_time=600 root_unlock_time=600",
            self.path("faillock").display()
        );
        let stack = format!(
            "auth required pam_faillock.so preauth {options}\n\
             auth [success=1 default=bad] pam_unix.so nodelay\n\
             auth [default=die] pam_faillock.so authfail {options}\n\
             auth sufficient pam_faillock.so authsucc {options}\n\
             account required pam_faillock.so\naccount required pam_unix.so\n\
             session required pam_permit.so\n"
        );
        for service in ["sudo", "sshd"] {
            self.write(&format!("pam.d/{service}"), &stack, 0o644);
        }
    }

    /// How often `user` failed, as pam_faillock counts it.
    pub fn failures(&self, user: &str) -> usize {
        let mut faillock = self.root_command("faillock");
        faillock.arg("--dir").arg(self.path("faillock"));
        let told = faillock.args(["--user", user]).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        told.lines()
            .filter(|line| line.trim_end().ends_with('V'))
            .count()
    }

    pub fn set_password(&self, user: &str, password: &str) {
        let mut chpasswd = self.root_command("chpasswd");
        chpasswd
            .args(["--crypt-method", "SHA512"])
            .stdin(Stdio::piped());
        let mut chpasswd = chpasswd.spawn().unwrap();
        let line = format!("{user}:{password}\n");
        let mut stdin = chpasswd.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, line.as_bytes()).unwrap();
        drop(stdin);
        assert!(chpasswd.wait().unwrap().success());
    }

    /// `program` as the user, with the copy in place of `/etc`.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let id = ID.to_string();
        let user = [
            "setpriv",
            &format!("--reuid={id}"),
            &format!("--regid={id}"),
            "--clear-groups",
            "--",
        ];
        let mut command = self.root_command(user[0]);
        command.args(&user[1..]).arg(program);
        command
    }

    /// `program` as root, with the copy in place of `/etc`.
    pub fn root_command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let enter = "mount --bind \"$1/etc\" /etc && mount --bind \"$1/sudo-run\" /run/sudo && \
                     mount --bind \"$1/sudo-rs-run\" /run/sudo-rs && \
                     mount --bind \"$1/sudo-lib\" /var/lib/sudo && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", enter, "sh"]);
        command.arg(self.folder.path()).arg(program);
        command
    }

    /// sudo-rs, as it is installed: root's, and set-uid; `None`, loudly, where it was not built.
    pub fn sudo_rs(&self) -> Option<PathBuf> {
        let built = std::env::var_os("PIMENTO_SUDO_RS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/sudo"),
            PathBuf::from,
        );
        if !built.is_file() {
            skipped(&format!(
                "sudo-rs is not at {}; ./check builds it",
                built.display()
            ));
            return None;
        }
        fs::create_dir_all(self.path("rs")).unwrap();
        let sudo = self.path("rs/sudo");
        run(Command::new("cp").arg(built).arg(&sudo));
        fs::set_permissions(&sudo, PermissionsExt::from_mode(0o4755)).unwrap();
        Some(sudo)
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.path("etc").join(name);
        let kept = fs::read_to_string(&path).unwrap();
        fs::write(path, kept + text).unwrap();
    }
}
