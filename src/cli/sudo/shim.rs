//! What runs on the other side of a bridge: a shell script of a few lines, and what starts it.

use super::super::Failure;
use super::host::quoted;

/// The command line that logs in with a bridge to `socket`, and runs `command` or a login shell.
///
/// The script lies in a folder of its own while the session lasts. It holds no secret: only where to
/// ask.
pub(super) fn line(socket: &str, prompt: &str, command: &[String]) -> Result<String, Failure> {
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let session = match command.as_slice() {
        [] => "\"${SHELL:-/bin/sh}\" -l".to_owned(),
        words => quoted(words)?,
    };
    let (script, prompt, socket) = (
        quoted(&[&script(socket)])?,
        quoted(&[prompt])?,
        quoted(&[socket])?,
    );
    let line = format!(
        "umask 077; d=$(mktemp -d \"${{XDG_RUNTIME_DIR:-/tmp}}/pimento.XXXXXX\") || exit 1; \
         trap 'rm -rf \"$d\" '{socket} EXIT; trap 'exit 129' HUP; trap 'exit 143' TERM; \
         printf %s {script} > \"$d/askpass\" && chmod 700 \"$d/askpass\" || exit 1; \
         SUDO_ASKPASS=$d/askpass SUDO_PROMPT={prompt} {session}"
    );
    // Whatever the login shell is.
    quoted(&["sh", "-c", &line])
}

/// Sends the prompt through the socket, and prints what comes back.
fn script(socket: &str) -> String {
    format!(
        r#"#!/bin/sh
s={socket}
if command -v python3 >/dev/null 2>&1; then
  exec python3 -c 'import socket,sys
s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall((sys.argv[2]+"\n").encode())
while True:
  b=s.recv(4096)
  if not b: break
  sys.stdout.buffer.write(b)' "$s" "$1"
elif command -v perl >/dev/null 2>&1; then
  exec perl -MIO::Socket::UNIX -e '$s=IO::Socket::UNIX->new(Peer=>$ARGV[0]) or exit 1; print $s "$ARGV[1]\n"; $s->flush; print while <$s>' "$s" "$1"
elif command -v socat >/dev/null 2>&1; then
  printf '%s\n' "$1" | exec socat -t 600 - "UNIX-CONNECT:$s"
elif command -v nc >/dev/null 2>&1; then
  printf '%s\n' "$1" | exec nc -U "$s"
fi
echo "pimento: this host has none of python3, perl, socat, nc -U" >&2
exit 1
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_holds_where_to_ask_and_nothing_else_of_ours() {
        let line = line(
            "/tmp/pimento-0a.sock",
            "[pimento 0a] password for %p: ",
            &[],
        )
        .unwrap();
        assert!(line.starts_with("sh -c "), "{line}");
        assert!(line.contains("/tmp/pimento-0a.sock"), "{line}");
        assert!(line.contains("-l"), "{line}");
    }

    #[test]
    fn a_command_is_quoted_word_by_word() {
        let command = ["printf".to_owned(), "%s".to_owned(), "a b'c".to_owned()];
        let line = line("/tmp/s", "p", &command).unwrap();
        let words = shlex::split(&line).unwrap();
        let inner = shlex::split(words[2].rsplit_once("SUDO_PROMPT=p ").unwrap().1).unwrap();
        assert_eq!(inner, ["printf", "%s", "a b'c"]);
    }

    /// Runs the script where `tool` is all that it can use, and answers it.
    #[cfg(target_os = "linux")]
    fn asks_by(tool: &std::path::Path) -> (String, String) {
        use std::io::{BufRead, BufReader, Write};
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;
        use std::process::Command;

        let folder = tempfile::tempdir().unwrap();
        symlink(tool, folder.path().join(tool.file_name().unwrap())).unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            BufReader::new(&stream).read_line(&mut asked).unwrap();
            stream.write_all(b"the $ecret \n").unwrap();
            asked
        });
        let mut sh = Command::new("/bin/sh");
        sh.args(["-c", &script(socket.to_str().unwrap()), "askpass"]);
        let output = sh
            .arg("a prompt: ")
            .env("PATH", folder.path())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (answering.join().unwrap(), printed)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn each_tool_that_the_script_may_find_carries_prompt_and_answer() {
        let mut tried = 0;
        for tool in ["python3", "perl", "socat", "nc"] {
            let path = std::path::Path::new("/usr/bin").join(tool);
            if path.exists() {
                let expected = ("a prompt: \n".to_owned(), "the $ecret \n".to_owned());
                assert_eq!(asks_by(&path), expected, "{tool}");
                tried += 1;
            }
        }
        assert!(tried > 0, "none of them is here");
    }
}
