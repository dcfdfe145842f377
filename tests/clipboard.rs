//! Passwords on the clipboards of a real X server and a real Wayland compositor, asked for by real
//! programs.
#![allow(missing_docs, clippy::expect_used, clippy::unwrap_used, clippy::panic)]
#![cfg(all(target_os = "linux", feature = "clipboard"))]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use support::World;
use support::home::text;

/// An X server without a screen to look at; ended when dropped.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn start() -> Self {
        // Without -noreset it begins anew whenever its last client leaves, and takes those that
        // have just come with it.
        let mut server = Command::new("Xvfb")
            .args([
                "-noreset",
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-screen",
                "0",
                "64x64x24",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is needed for these tests: apt-get install xvfb");
        let mut number = String::new();
        // It names its display once it listens there.
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut number)
            .unwrap();
        let name = format!(":{}", number.trim());
        Self { server, name }
    }

    /// What is on the clipboard, in this form.
    fn paste(&self, form: &str) -> Output {
        let mut xclip = self.xclip(&["-o", "-t", form]);
        xclip.output().unwrap()
    }

    /// Copies something, as the user would in another program.
    fn copy(&self, text: &str) {
        let mut xclip = self.xclip(&["-i"]);
        // It goes on in the background, to serve what it has copied.
        xclip.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut xclip = xclip.stderr(Stdio::null()).spawn().unwrap();
        let mut stdin = xclip.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        drop(stdin);
        assert!(xclip.wait().unwrap().success());
    }

    fn xclip(&self, args: &[&str]) -> Command {
        let mut xclip = Command::new("xclip");
        xclip.args(["-selection", "clipboard"]).args(args);
        xclip.env("DISPLAY", &self.name).stdin(Stdio::null());
        xclip
    }

    /// Puts the password of `world` on the clipboard, and waits until it says so.
    fn clip(&self, world: &World, args: &[&str]) -> Clipping {
        let mut command = world.pimento(&[&["password", "db01-root", "--clip"], args].concat());
        command
            .env("DISPLAY", &self.name)
            .env_remove("WAYLAND_DISPLAY");
        Clipping::starts(command)
    }

    /// What the clipboard holds is there once it has an owner.
    fn is_owned(&self) -> bool {
        self.paste("TARGETS").status.success()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _reaped = self.server.wait();
    }
}

/// A Wayland compositor without a screen; ended when dropped.
struct Compositor {
    sway: Child,
    folder: tempfile::TempDir,
}

impl Compositor {
    async fn start() -> Self {
        let folder = support::private_folder();
        // It does not run as root.
        let mut sway = if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            let mut other = Command::new("setpriv");
            other.args(["--reuid=65534", "--regid=65534", "--clear-groups", "sway"]);
            other
        } else {
            Command::new("sway")
        };
        sway.args(["-c", "/dev/null"]);
        sway.env("XDG_RUNTIME_DIR", folder.path())
            .env("WLR_BACKENDS", "headless")
            .env("WLR_RENDERER", "pixman")
            .env("WLR_LIBINPUT_NO_DEVICES", "1")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let sway = sway
            .spawn()
            .expect("sway is needed for these tests: apt-get install sway");
        let compositor = Self { sway, folder };
        support::until("the compositor listens", || {
            compositor.folder.path().join("wayland-1").exists()
        })
        .await;
        compositor
    }

    fn runs(&self, command: &mut Command) {
        command
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("WAYLAND_DISPLAY", "wayland-1")
            .env_remove("DISPLAY");
    }

    /// What a program with a window does: asks for the text, and reads what it is sent. `wl-paste`
    /// gives up where the offer is withdrawn before it reads.
    fn paste_text(&self) -> String {
        let pasted = self.folder.path().join("pasted");
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", "pastes_for_another_test", "--ignored"]);
        self.runs(program.env("PASTED", &pasted));
        let ran = program.output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        std::fs::read_to_string(pasted).unwrap()
    }

    fn paste(&self, args: &[&str]) -> Output {
        let mut paste = Command::new("wl-paste");
        self.runs(paste.arg("-n").args(args).stdin(Stdio::null()));
        paste.output().unwrap()
    }

    fn clip(&self, world: &World, args: &[&str]) -> Clipping {
        let mut command = world.pimento(&[&["password", "db01-root", "--clip"], args].concat());
        self.runs(&mut command);
        Clipping::starts(command)
    }

    fn is_owned(&self) -> bool {
        self.paste(&["-l"]).status.success()
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        let _gone = self.sway.kill();
        let _reaped = self.sway.wait();
    }
}

const NOBODY: u32 = 65534;

/// A running `--clip`.
struct Clipping {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
    told: String,
}

impl Clipping {
    /// Waits until it says that the password is there.
    fn starts(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            told.push_str(&line);
            if line.contains("is on the clipboard for") {
                break;
            }
        }
        assert!(told.contains("is on the clipboard for"), "{told}");
        Self { child, lines, told }
    }

    /// Waits for its end; gives what it has said.
    fn ends(mut self) -> String {
        assert!(self.child.wait().unwrap().success());
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        assert_eq!(stdout, "", "something was printed");
        let rest: Vec<String> = self.lines.map_while(Result::ok).collect();
        self.told + &rest.join("\n")
    }
}

fn secret(world: &World) -> String {
    let secret = |cloud: &mut pimento::emulator::World| {
        cloud.secret("kv-linux", "db01-root").unwrap().to_owned()
    };
    world.emulator.change(secret)
}

/// A world, and a display on which nothing was copied yet.
async fn started() -> (World, Display) {
    let world = World::start().await;
    let display = tokio::task::spawn_blocking(Display::start).await.unwrap();
    assert!(
        !display.is_owned(),
        "the clipboard is not empty to begin with"
    );
    (world, display)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_can_be_pasted_once() {
    let (world, display) = started().await;
    let clipping = display.clip(&world, &[]);
    support::until("it is there", || display.is_owned()).await;
    // What every program asks first is no paste.
    let forms = text(&display.paste("TARGETS").stdout);
    for form in [
        "UTF8_STRING",
        "text/plain;charset=utf-8",
        "STRING",
        "x-kde-passwordManagerHint",
    ] {
        assert!(forms.lines().any(|it| it == form), "{forms}");
    }
    let hint = display.paste("x-kde-passwordManagerHint");
    assert_eq!(text(&hint.stdout), "secret");
    let pasted = display.paste("UTF8_STRING");
    assert_eq!(text(&pasted.stdout), secret(&world), "{pasted:?}");
    let told = clipping.ends();
    assert!(
        told.contains("db01-root is on the clipboard for one paste or 45 s"),
        "{told}"
    );
    assert!(told.contains("pasted"), "{told}");
    assert!(!told.contains(&secret(&world)));
    let again = display.paste("UTF8_STRING");
    assert!(
        !again.status.success() && again.stdout.is_empty(),
        "{again:?}"
    );
    assert!(!display.is_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_pasted_in_time_is_gone() {
    let (world, display) = started().await;
    let clipping = display.clip(&world, &["--clear-after", "1s"]);
    let told = clipping.ends();
    assert!(told.contains("one paste or 1 s"), "{told}");
    assert!(!told.contains("pasted"), "{told}");
    assert!(!display.is_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_has_copied_meanwhile_stays() {
    let (world, display) = started().await;
    let clipping = display.clip(&world, &[]);
    support::until("it is there", || display.is_owned()).await;
    display.copy("a recipe");
    let told = clipping.ends();
    assert!(
        told.contains("something else is on the clipboard"),
        "{told}"
    );
    assert_eq!(text(&display.paste("UTF8_STRING").stdout), "a recipe");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_and_a_terminal_that_is_closed_take_it_back() {
    use rustix::process::{Pid, Signal, kill_process};

    let (world, display) = started().await;
    for signal in [Signal::INT, Signal::HUP] {
        let clipping = display.clip(&world, &[]);
        support::until("it is there", || display.is_owned()).await;
        kill_process(Pid::from_child(&clipping.child), signal).unwrap();
        clipping.ends();
        assert!(!display.is_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_x_server_that_ends_is_a_failure_and_no_paste() {
    let (world, display) = started().await;
    let mut clipping = display.clip(&world, &[]);
    support::until("it is there", || display.is_owned()).await;
    drop(display);
    assert_eq!(clipping.child.wait().unwrap().code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_on_the_clipboard_counts_as_shown() {
    let (world, display) = started().await;
    display.clip(&world, &["--clear-after", "1s"]).ends();
    let shown = world.house.pipeline.revealed.all();
    let shown: Vec<(&str, u32)> = shown.iter().map(|it| (&*it.credential, it.times)).collect();
    assert_eq!(shown, [("db01-root", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_display_nothing_is_opened() {
    let world = World::start().await;
    let clip = |display: Option<&str>, args: &[&str]| {
        let mut command = world.pimento(&[&["password", "db01-root", "--clip"], args].concat());
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        command.output().unwrap()
    };
    // None at all, and one that nobody serves.
    for display in [None, Some(":987654")] {
        let refused = clip(display, &[]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let told = text(&refused.stderr);
        assert!(
            told.contains("there is no clipboard to put it on"),
            "{told}"
        );
        assert!(refused.stdout.is_empty());
    }
    for args in [
        &["--clear-after", "0s"][..],
        &["--clear-after", "-5s"],
        &["--reveal"],
        &["--json"],
    ] {
        assert_eq!(clip(None, args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(world.calls(), [""; 0]);
    assert_eq!(world.events(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_wayland_a_password_can_be_pasted_once_and_for_its_time() {
    let (world, compositor) = (World::start().await, Compositor::start().await);
    assert!(!compositor.is_owned());
    let clipping = compositor.clip(&world, &[]);
    support::until("it is there", || compositor.is_owned()).await;
    let hint = compositor.paste(&["-t", "x-kde-passwordManagerHint"]);
    assert_eq!(text(&hint.stdout), "secret", "{hint:?}");
    assert_eq!(compositor.paste_text(), secret(&world));
    let told = clipping.ends();
    assert!(told.contains("pasted"), "{told}");
    assert!(!compositor.is_owned());
    let told = compositor.clip(&world, &["--clear-after", "1s"]).ends();
    assert!(!told.contains("pasted"), "{told}");
    assert!(!compositor.is_owned());
}

/// The program of [`Compositor::paste_text`]: the display it pastes from is that of its environment.
#[test]
#[ignore = "a part of the test of Wayland"]
fn pastes_for_another_test() {
    use wl_clipboard_rs::paste::{ClipboardType, MimeType, Seat, get_contents};
    let contents = get_contents(ClipboardType::Regular, Seat::Unspecified, MimeType::Text);
    let (mut pipe, _form) = contents.unwrap();
    let mut pasted = Vec::new();
    pipe.read_to_end(&mut pasted).unwrap();
    std::fs::write(std::env::var_os("PASTED").unwrap(), pasted).unwrap();
}
