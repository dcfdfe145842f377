//! A terminal as people have one: tmux, with a size, colors, and something to look at afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::World;

/// A server of tmux of its own, with one window in which a shell runs.
pub(crate) struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// Starts a shell of that size in the environment of `world`'s user.
    pub(crate) fn start(world: &World, size: (u16, u16), environment: &[(&str, &str)]) -> Self {
        Self::start_with(&world.variables(), world.folder(), size, environment)
    }

    pub(crate) fn start_with(
        variables: &[(&str, PathBuf)],
        folder: &Path,
        (width, height): (u16, u16),
        environment: &[(&str, &str)],
    ) -> Self {
        let tmux = Self {
            socket: folder.join(format!("tmux-{width}x{height}")),
        };
        let mut start = tmux.command(&["-u", "-f", "/dev/null", "new-session", "-d"]);
        start.args(["-x", &width.to_string(), "-y", &height.to_string()]);
        start
            .env_remove("NO_COLOR")
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8");
        let mut shell = vec![
            "env".to_owned(),
            "PS1=$ ".to_owned(),
            "HISTFILE=".to_owned(),
        ];
        shell.extend(
            variables
                .iter()
                .map(|(name, value)| format!("{name}={}", value.display())),
        );
        shell.extend(
            environment
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        shell.extend(["bash", "--norc", "--noprofile"].map(str::to_owned));
        run(start.args(shell));
        tmux.shows("$");
        tmux
    }

    /// Types text, and Enter.
    pub(crate) fn types(&self, text: &str) {
        run(&mut self.command(&["send-keys", "-l", text]));
        self.presses(&["Enter"]);
    }

    /// Starts the live view.
    pub(crate) fn watches(&self) {
        let program = env!("CARGO_BIN_EXE_pimento");
        self.types(&format!("{program} status --watch; echo \"ended $?\""));
        self.shows("? help");
    }

    /// Presses keys, as tmux names them.
    pub(crate) fn presses(&self, keys: &[&str]) {
        for key in keys {
            run(&mut self.command(&["send-keys", key]));
        }
    }

    /// Pastes, as a terminal does whose program wants to be told what is pasted.
    pub(crate) fn pastes(&self, text: &str) {
        run(&mut self.command(&["set-buffer", text]));
        run(&mut self.command(&["paste-buffer", "-p"]));
    }

    pub(crate) fn resize(&self, (width, height): (u16, u16)) {
        let (width, height) = (width.to_string(), height.to_string());
        run(&mut self.command(&["resize-window", "-x", &width, "-y", &height]));
    }

    /// Waits until `text` is on the screen, and gives the whole of it.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.until(&format!("{text:?} is shown"), |screen| {
            screen.contains(text)
        })
    }

    /// Waits until it is no more.
    #[track_caller]
    pub(crate) fn hides(&self, text: &str) -> String {
        self.until(&format!("{text:?} is gone"), |screen| {
            !screen.contains(text)
        })
    }

    #[track_caller]
    fn until(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let screen = self.screen();
            if condition(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{what}: never, but:\n{screen}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        output(&mut self.command(&["capture-pane", "-p"]))
    }

    /// The same with the colors, which is also kept as `NAME` for whoever wants to look at it.
    pub(crate) fn picture(&self, name: &str) -> String {
        let screen = output(&mut self.command(&["capture-pane", "-p", "-e"]));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.ansi")), &screen).unwrap();
        screen
    }

    /// What tmux says of the terminal, such as whether its other screen is shown.
    pub(crate) fn says(&self, format: &str) -> String {
        output(&mut self.command(&["display-message", "-p", format]))
            .trim()
            .to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(args);
        command.env_remove("TMUX");
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _gone = self.command(&["kill-server"]).output();
    }
}

fn run(command: &mut Command) {
    let _said = output(command);
}

fn output(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let told = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {told}");
    String::from_utf8_lossy(&stdout).into_owned()
}
