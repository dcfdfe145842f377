//! GnuPG's pinentry, which speaks Assuan on its stdin and stdout: one command and one answer a line.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio_util::codec::{FramedRead, LinesCodec};

use super::child::{Manner, Running};
use super::session::Session;
use super::{Answer, Desk, Unusable, Wanted};

/// Which program asks.
pub(super) struct Pinentry {
    program: PathBuf,
}

impl Pinentry {
    /// The configured program, or the one in the agent's own `PATH`.
    pub(super) fn new(configured: Option<&Path>) -> Self {
        Self {
            program: configured.unwrap_or(Path::new("pinentry")).to_owned(),
        }
    }

    /// Asks in `session`.
    ///
    /// # Errors
    /// If this way of asking is not to be had there.
    pub(super) async fn ask(
        &self,
        desk: &Desk,
        session: &Session,
        text: &str,
        wanted: Wanted,
    ) -> Result<Answer, Unusable> {
        let place = session.terminal.is_some() || session.has_display();
        // There pinentry finds the user's screen by itself.
        if !(place || cfg!(any(target_os = "macos", windows))) {
            let why = "there is neither a terminal nor a display for pinentry";
            return Err(Unusable(why.to_owned()));
        }
        let mut command = session.command(&self.program, &desk.own);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let program = self.program.display();
        let mut running = Running::start(command, Manner::TimeUp, &desk.clock)
            .map_err(|error| Unusable(format!("{program} cannot run: {error}")))?;
        let talk = async {
            let mut talk = Conversation::with(&mut running)?;
            talk.prepare(session, text, desk.timeout).await?;
            talk.ask(wanted).await
        };
        talk.await
            .map_err(|Broken(why)| Unusable(format!("{program}: {why}")))
    }
}

/// The conversation did not come to an answer of a person.
struct Broken(String);

enum Reply {
    Done { data: String },
    Failed { code: u32, text: String },
}

struct Conversation {
    input: ChildStdin,
    lines: FramedRead<ChildStdout, LinesCodec>,
}

impl Conversation {
    fn with(running: &mut Running) -> Result<Self, Broken> {
        let (Some(input), Some(output)) = (running.stdin(), running.stdout()) else {
            return Err(Broken("it has no pipes".to_owned()));
        };
        let lines = FramedRead::new(output, LinesCodec::new_with_max_length(LONGEST_LINE));
        Ok(Self { input, lines })
    }

    /// Tells where to show up and what to say.
    async fn prepare(
        &mut self,
        session: &Session,
        text: &str,
        timeout: Duration,
    ) -> Result<(), Broken> {
        self.reply().await?.done()?;
        let terminal = session.terminal.as_ref().and_then(|path| path.to_str());
        let language = ["LC_ALL", "LC_CTYPE", "LANG"];
        let options = [
            ("ttyname", terminal),
            (
                "ttytype",
                terminal.and(session.get("TERM").or(Some("vt100"))),
            ),
            ("display", session.get("DISPLAY")),
            ("lc-ctype", language.iter().find_map(|it| session.get(it))),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                // Not every pinentry knows every option; what matters fails at the question.
                self.send(&format!("OPTION {name}={value}")).await?;
            }
        }
        let seconds = timeout.as_secs().max(1);
        self.send(&format!("SETTIMEOUT {seconds}")).await?;
        self.send("SETTITLE pimento").await?;
        self.send("SETPROMPT Reason:").await?;
        let described = format!("SETDESC {}", escaped(text));
        self.send(&described).await?.done().map(drop)
    }

    async fn ask(&mut self, wanted: Wanted) -> Result<Answer, Broken> {
        let command = match wanted {
            Wanted::Text => "GETPIN",
            Wanted::Yes => {
                // Without its own word for no, a terminal would only offer a yes.
                self.send("SETOK _Yes").await?.done()?;
                self.send("SETCANCEL _No").await?.done()?;
                "CONFIRM"
            }
        };
        let answer = match self.send(command).await? {
            Reply::Done { data } if wanted == Wanted::Text => Answer::Text(data),
            Reply::Done { .. } => Answer::Yes,
            Reply::Failed { code, .. } if code & CODE == TIMEOUT => Answer::None,
            Reply::Failed { code, .. } if NO.contains(&(code & CODE)) => Answer::No,
            Reply::Failed { text, .. } => return Err(Broken(text)),
        };
        // It has answered; whether it hears this does not matter.
        let _heard = self.input.write_all(b"BYE\n").await;
        Ok(answer)
    }

    async fn send(&mut self, command: &str) -> Result<Reply, Broken> {
        let line = format!("{command}\n");
        let sent = self.input.write_all(line.as_bytes()).await;
        sent.map_err(|error| Broken(error.to_string()))?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, Broken> {
        let mut data = String::new();
        while let Some(line) = self.lines.next().await {
            let line = line.map_err(|error| Broken(error.to_string()))?;
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "OK" => return Ok(Reply::Done { data }),
                "ERR" => {
                    let (code, text) = rest.split_once(' ').unwrap_or((rest, "an error"));
                    return Ok(Reply::Failed {
                        code: code.parse().unwrap_or_default(),
                        text: text.to_owned(),
                    });
                }
                "D" if data.len() + rest.len() <= LONGEST_LINE => {
                    data.push_str(&percent_decode_str(rest).decode_utf8_lossy());
                }
                // Status lines and comments.
                "S" | "#" => {}
                _ => return Err(Broken("it does not speak Assuan".to_owned())),
            }
        }
        Err(Broken("it ended without an answer".to_owned()))
    }
}

impl Reply {
    fn done(self) -> Result<String, Broken> {
        match self {
            Self::Done { data } => Ok(data),
            Self::Failed { text, .. } => Err(Broken(text)),
        }
    }
}

/// `text` within one line of Assuan.
fn escaped(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        let mut buffer = [0; 4];
        let escaped = utf8_percent_encode(character.encode_utf8(&mut buffer), &ESCAPED).to_string();
        // Letters stay as they are: pinentry is told the character set.
        let part = if character.is_ascii() {
            escaped
        } else {
            character.to_string()
        };
        if line.len() + part.len() > LONGEST_TEXT {
            line.push('…');
            break;
        }
        line.push_str(&part);
    }
    line
}

const ESCAPED: AsciiSet = CONTROLS.add(b'%');

/// Assuan allows 1000 bytes a line, with the command.
const LONGEST_LINE: usize = 1000;
const LONGEST_TEXT: usize = 950;

/// The low half of an error is its code, the high half says which program it came from.
const CODE: u32 = 0xffff;
/// GPG_ERR_TIMEOUT.
const TIMEOUT: u32 = 62;
/// GPG_ERR_CANCELED, GPG_ERR_NOT_CONFIRMED, GPG_ERR_FULLY_CANCELED, GPG_ERR_ASS_CANCELED.
const NO: [u32; 4] = [99, 114, 198, 277];
