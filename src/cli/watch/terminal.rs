//! The terminal of the live view: taken, and given back as it was, however this ends.

use std::io::{self, Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyEvent, KeyEventKind,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use tokio::sync::mpsc;

/// What a person does at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Key(KeyEvent),
    /// A text as a whole, which is not a key for each of its characters.
    Pasted(String),
    Resized,
}

/// The terminal while it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// Whether whoever reads keys is to stop.
    over: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Self> {
        restore_on_panic();
        let entered = enter().and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        let terminal = entered.inspect_err(|_| leave())?;
        Ok(Self {
            terminal,
            over: Arc::default(),
        })
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// What is typed, from a thread that waits for it.
    pub(super) fn keys(&self) -> mpsc::UnboundedReceiver<Typed> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let over = Arc::clone(&self.over);
        let _ends_with_the_screen = std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                let typed = match event::poll(LOOK) {
                    Ok(false) => continue,
                    Ok(true) => event::read(),
                    // The terminal is gone; the sender goes with this thread, which tells it.
                    Err(_) => return,
                };
                let typed = match typed {
                    Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Typed::Key(key),
                    Ok(Event::Paste(text)) => Typed::Pasted(text),
                    Ok(Event::Resize(..)) => Typed::Resized,
                    Ok(_) => continue,
                    Err(_) => return,
                };
                if sender.send(typed).is_err() {
                    return;
                }
            }
        });
        receiver
    }

    /// Gives the terminal to the shell until it wants us back.
    #[cfg(unix)]
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        use rustix::process::{Signal, getpid, kill_process};

        leave();
        // Returns when the shell lets us go on.
        kill_process(getpid(), Signal::TSTP)?;
        enter()?;
        // Not `clear`, which asks the terminal where its cursor is: the answer would be read as keys.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// There is no such thing here.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "as it is elsewhere")]
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        leave();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen)?;
    // A terminal that cannot tell what is pasted is used all the same.
    let _told_apart = execute!(stdout(), EnableBracketedPaste);
    Ok(())
}

/// As the shell had it. There is nobody to tell if that fails.
fn leave() {
    let _paste = execute!(stdout(), DisableBracketedPaste);
    let _raw = disable_raw_mode();
    let _screen = execute!(stdout(), LeaveAlternateScreen, Show);
}

/// What a panic says is of no use on a screen that vanishes.
fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        leave();
        before(panic);
    }));
}

/// How long until the thread that waits for keys looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(200);
