//! A machine that can be thrown away, with a user whose own systemd runs.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::etc::{ID, NAME, skipped};
use crate::support::home::text;

/// As long as it lives, so does the machine.
pub(crate) struct Machine {
    unshared: Child,
    /// Its end is the machine's.
    _open: ChildStdin,
    /// Its first process, with which it ends.
    first: String,
    /// The process in whose namespaces commands run: that one, or the systemd that has booted.
    inside: String,
    home: std::path::PathBuf,
}

impl Machine {
    /// One that sees `home`, which becomes the user's; `None`, loudly, where there can be none.
    pub(crate) fn new(home: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skipped("only root can make a machine to install packages on");
            return None;
        }
        own_all(home);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/package/machine.sh");
        let mut unshared = Command::new("sh")
            .arg(script)
            .arg(home)
            .arg(ID.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let open = unshared.stdin.take().unwrap();
        let mut said = String::new();
        BufReader::new(unshared.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        if said.trim() != "ready" {
            assert_eq!(unshared.wait().unwrap().code(), Some(77));
            skipped("there can be no machine to install packages on in this one");
            return None;
        }
        // sh, unshare, and the first process of the machine.
        let inside = child_of(&child_of(&unshared.id().to_string()));
        let machine = Self {
            unshared,
            _open: open,
            first: inside.clone(),
            inside,
            home: home.to_owned(),
        };
        let account = format!(
            "echo '{NAME}:x:{ID}:{ID}::{}:/bin/sh' >> /etc/passwd; echo '{NAME}:x:{ID}:' >> /etc/group; \
             echo '{NAME}:*:19000:0:99999:7:::' >> /etc/shadow; rm -f /var/lib/man-db/auto-update",
            home.display()
        );
        machine.ok(&account);
        Some(machine)
    }

    /// A shell of root's on the machine, with nothing of this test's environment.
    pub(crate) fn root(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.inside, "--mount", "--pid", "--cgroup"])
            .args([
                "--",
                "chroot",
                "/mnt/root",
                "sh",
                "-euc",
                ENTER,
                "sh",
                script,
            ])
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// What find finds in the layer that is thrown away, without the user's own.
    pub(crate) fn layer(&self, tests: &str) -> Vec<String> {
        let mut find = Command::new("nsenter");
        find.args(["--target", &self.inside, "--mount", "--", "sh", "-c"]);
        find.arg(format!("cd /mnt/upper && find . {tests} | sort"));
        let found = told(find.output().unwrap());
        let lines = found.lines().map(|line| line[1..].to_owned());
        let own = self.home.display().to_string();
        lines.filter(|file| !file.starts_with(&own)).collect()
    }

    /// A shell of the user's.
    pub(crate) fn user(&self, script: &str) -> Command {
        let id = ID.to_string();
        let mut command =
            self.root("exec setpriv --reuid $ID --regid $ID --clear-groups sh -euc \"$SCRIPT\"");
        command
            .env("ID", &id)
            .env("SCRIPT", script)
            .env("HOME", &self.home)
            .env("USER", NAME)
            .env("BROWSER", "true")
            .env("XDG_RUNTIME_DIR", format!("/run/user/{id}"));
        command
    }

    /// What a script of root's prints; it has to succeed.
    pub(crate) fn ok(&self, script: &str) -> String {
        told(self.root(script).output().unwrap())
    }

    /// What a script of the user's prints; it has to succeed.
    pub(crate) fn user_ok(&self, script: &str) -> String {
        told(self.user(script).output().unwrap())
    }

    /// Boots it by a systemd of its own, which starts that of the user. There is no logind here, which
    /// would make the folder of the user's sockets.
    pub(crate) fn boot(&mut self) {
        self.ok("folders=/etc/systemd/system/user-runtime-dir@.service.d; mkdir -p $folders; \
                 printf '[Service]\\nExecStart=\\nExecStart=install -d -m 700 -o %%i -g %%i /run/user/%%i\\n' \
                     > $folders/here.conf; \
                 printf '[Unit]\\nDefaultDependencies=no\\n' > /etc/systemd/system/thrown-away.target");
        let boots = "exec unshare --pid --fork --mount --kill-child sh -c 'mount -t proc none /proc; \
                     exec env -i container=thrown-away PATH=$PATH /usr/lib/systemd/systemd --unit=thrown-away.target'";
        let mut boots = self.root(boots);
        let boots = boots.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        // nsenter, unshare, and systemd. Its process is the machine's from here on.
        let outer = boots.unwrap().id().to_string();
        let mut systemd = String::new();
        let began = Instant::now();
        while comm(&systemd) != "systemd" {
            assert!(began.elapsed() < Duration::from_secs(30), "no systemd");
            systemd = child_of(&child_of(&outer));
            std::thread::yield_now();
        }
        self.inside = systemd;
        self.ok("timeout 30 sh -c 'until systemctl is-system-running; do sleep 0.02; done'");
        self.ok(&format!("systemctl start user@{ID}.service"));
    }

    /// Starts the user's systemd, which then runs as long as the machine.
    pub(crate) fn start_manager(&self) {
        let mut manager = self.user("exec /usr/lib/systemd/systemd --user --unit=sockets.target");
        // Its process is the machine's from here on.
        let manager = manager.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        drop(manager.unwrap());
        let waits = "until [ -S \"$XDG_RUNTIME_DIR/systemd/private\" ]; do sleep 0.02; done; \
                     until systemctl --user is-active sockets.target; do sleep 0.02; done";
        let ready = self
            .user(&format!("timeout 30 sh -c '{waits}'"))
            .output()
            .unwrap();
        assert!(ready.status.success(), "{}", text(&ready.stderr));
    }
}

/// Runs a script as a process of the machine's control groups, and nowhere else than on the machine.
const ENTER: &str =
    "[ -e /thrown-away ]; echo $$ > /sys/fs/cgroup/cgroup.procs; exec sh -euc \"$1\"";

impl Drop for Machine {
    fn drop(&mut self) {
        let _gone = Command::new("kill").args(["-KILL", &self.first]).status();
        let _reaped = self.unshared.wait();
    }
}

fn told(output: Output) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out
}

/// The only child of a process; empty where it is about to be made.
fn child_of(process: &str) -> String {
    let children = format!("/proc/{process}/task/{process}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    children.trim().to_owned()
}

/// The program of a process.
fn comm(process: &str) -> String {
    let comm = std::fs::read_to_string(format!("/proc/{process}/comm"));
    comm.unwrap_or_default().trim().to_owned()
}

/// Gives a folder and all that is in it to the user.
fn own_all(path: &Path) {
    chown(path, Some(ID), Some(ID)).unwrap();
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap();
        entries.for_each(|entry| own_all(&entry.unwrap().path()));
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o700)).unwrap();
    }
}
