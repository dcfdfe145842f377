//! What clipboards, forms and editors do to private keys: OpenSSH's own verdict beside ours.
//!
//! The table is what is expected; where it is wrong, the whole of what was found is printed. Where
//! we read a damaged key, it has to be the undamaged one, whatever OpenSSH says.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use pimento::secret::private_key::{KeyProblem, Prepared, PrivateKey, Repair};
use ssh_key::PublicKey;

use Repair::*;

/// A key of every type.
const KEYS: &[(&str, &str)] = &[
    ("ed25519", "256"),
    ("rsa", "2048"),
    ("rsa", "3072"),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
];
/// As `ssh-keygen -m` names them. An Ed25519 key is in OpenSSH's own format in all three.
const FORMATS: &[&str] = &["RFC4716", "PKCS8", "PEM"];

/// What is expected of OpenSSH and of us.
#[derive(Clone, Copy)]
struct Expected {
    openssh: Verdict,
    ours: Result<&'static [Repair], &'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Reads,
    Refuses,
}
use Verdict::{Reads, Refuses};

struct Damage {
    name: &'static str,
    does: fn(&str) -> Vec<u8>,
    own: Expected,
    pem: Expected,
}

const fn damage(
    name: &'static str,
    does: fn(&str) -> Vec<u8>,
    (own, pem): (Verdict, Verdict),
    ours: Result<&'static [Repair], &'static str>,
) -> Damage {
    Damage {
        name,
        does,
        own: Expected { openssh: own, ours },
        pem: Expected { openssh: pem, ours },
    }
}

const BOTH_READ: (Verdict, Verdict) = (Reads, Reads);
const BOTH_REFUSE: (Verdict, Verdict) = (Refuses, Refuses);
const ONLY_PEM: (Verdict, Verdict) = (Refuses, Reads);
const ONLY_OWN: (Verdict, Verdict) = (Reads, Refuses);

#[rustfmt::skip]
const TABLE: &[Damage] = &[
    damage("none", |key| key.into(), BOTH_READ, Ok(&[])),
    damage("byte order mark", |key| format!("\u{feff}{key}").into(), ONLY_PEM, Ok(&[ByteOrderMark])),
    damage("CRLF", |key| key.replace('\n', "\r\n").into(), ONLY_PEM, Ok(&[CarriageReturns])),
    damage("carriage returns alone", |key| key.replace('\n', "\r").into(), BOTH_REFUSE, Ok(&[LostLineEnds, NoFinalLineEnd, TrailingSpaces])),
    damage("no final newline", |key| key.trim_end().into(), ONLY_PEM, Ok(&[NoFinalLineEnd])),
    damage("blank line before", |key| format!("\n{key}").into(), ONLY_PEM, Ok(&[BlankBefore])),
    damage("blank line behind", |key| format!("{key}\n").into(), BOTH_READ, Ok(&[BlankAfter])),
    damage("space before", |key| format!(" {key}").into(), BOTH_REFUSE, Ok(&[Indented])),
    damage("spaces at line ends", |key| key.replace('\n', "  \n").into(), ONLY_PEM, Ok(&[TrailingSpaces])),
    damage("spaces for newlines", |key| key.trim_end().replace('\n', " ").into(), BOTH_REFUSE, Ok(&[LostLineEnds, NoFinalLineEnd])),
    damage("literal \\n", |key| key.trim_end().replace('\n', "\\n").into(), BOTH_REFUSE, Ok(&[LiteralLineEnds, NoFinalLineEnd])),
    damage("literal \\r\\n", |key| key.trim_end().replace('\n', "\\r\\n").into(), BOTH_REFUSE, Ok(&[LiteralLineEnds, NoFinalLineEnd])),
    damage("a JSON string", |key| format!("\"{}\"", key.trim_end().replace('\n', "\\n")).into(), BOTH_REFUSE, Ok(&[Indented, LiteralLineEnds, NoFinalLineEnd, TextAfter, TextBefore])),
    damage("all on one line", |key| key.replace('\n', "").into(), BOTH_REFUSE, Ok(&[LostLineEnds, NoFinalLineEnd])),
    damage("base64 on one line", one_line, BOTH_READ, Ok(&[])),
    damage("doubled newlines", |key| key.replace('\n', "\n\n").into(), ONLY_OWN, Ok(&[BlankAfter, BlankInside])),
    damage("indented", |key| format!("    {}", key.trim_end().replace('\n', "\n    ")).into(), BOTH_REFUSE, Ok(&[Indented, NoFinalLineEnd])),
    damage("base64 without =", |key| key.replace('=', "").into(), BOTH_REFUSE, Ok(&[Padding])),
    damage("text before", |key| format!("# web servers\n{key}").into(), ONLY_PEM, Ok(&[TextBefore])),
    damage("text behind", |key| format!("{key}# web servers\n").into(), BOTH_READ, Ok(&[TextAfter])),
    damage("a dash too few", |key| key.trim_end().trim_end_matches('-').into(), BOTH_REFUSE, Ok(&[CutLastLine])),
    damage("missing last line", without_last, BOTH_REFUSE, Err("it is damaged: its last line (-----END …) is missing")),
    damage("missing first line", |key| key.split_once('\n').unwrap().1.into(), BOTH_REFUSE, Err("")),
    damage("cut in half", |key| key[..key.len() / 2].into(), BOTH_REFUSE, Err("it is damaged: its last line (-----END …) is missing")),
    damage("a line lost", a_line_lost, BOTH_REFUSE, Err("it is damaged: ")),
    damage("no-break spaces", |key| key.replacen("\n", "\u{a0}\n", 2).into(), ONLY_PEM, Err("it is damaged: it has invisible or typographic characters")),
    damage("UTF-16", utf_16, BOTH_REFUSE, Err("it is not a private key: it is UTF-16 text")),
    damage("empty", |_| Vec::new(), BOTH_REFUSE, Err("it is empty")),
];

fn one_line(key: &str) -> Vec<u8> {
    let lines: Vec<&str> = key.lines().collect();
    let [first, body @ .., last] = lines.as_slice() else {
        panic!("{key}")
    };
    format!("{first}\n{}\n{last}\n", body.concat()).into()
}

fn without_last(key: &str) -> Vec<u8> {
    let cut = key.rfind("-----END").unwrap();
    key[..cut].into()
}

fn a_line_lost(key: &str) -> Vec<u8> {
    let lines = key.lines().enumerate().filter(|(at, _)| *at != 2);
    lines
        .fold(String::new(), |text, (_, line)| text + line + "\n")
        .into()
}

fn utf_16(key: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(key.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn every_damaged_key_is_read_as_the_same_key_or_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = Report::default();
    for (kind, bits) in KEYS {
        for format in FORMATS {
            let (key, public) = generated(folder.path(), kind, bits, format, "");
            let text = std::fs::read_to_string(&key).unwrap();
            let own = text.contains("OPENSSH");
            for damage in TABLE {
                let damaged = (damage.does)(&text);
                if damage.name == "base64 without =" && damaged == text.as_bytes() {
                    continue;
                }
                let expected = if own { damage.own } else { damage.pem };
                let what = format!("{kind} {bits} {format}: {}", damage.name);
                report.judge(folder.path(), &what, &damaged, &public, expected);
            }
        }
    }
    report.end();
}

/// Damage to a file of PuTTY, and what we make of it; OpenSSH reads none.
type Puttys = (
    &'static str,
    String,
    Result<&'static [Repair], &'static str>,
);

#[rustfmt::skip]
fn damaged_files(text: &str) -> Vec<Puttys> {
    let wrong = Err("it is damaged: its check sum (Private-MAC) is wrong");
    let other_kind = text.replace("-3: ssh-", "-3: ssh-x").replace("-2: ssh-", "-2: ssh-x").replace(": ecdsa", ": xecdsa");
    let version_1 = text.replace("File-2", "File-1").replace("File-3", "File-1");
    vec![
        ("none", text.to_owned(), Ok(&[Putty])),
        ("CRLF", text.replace('\n', "\r\n"), Ok(&[Putty])),
        ("byte order mark", format!("\u{feff}{text}"), Ok(&[ByteOrderMark, Putty])),
        ("spaces", text.replace('\n', " "), Ok(&[LostLineEnds, Putty])),
        ("one line", text.replace('\n', ""), Ok(&[LostLineEnds, Putty])),
        ("literal \\n", text.replace('\n', "\\n"), Ok(&[LiteralLineEnds, Putty])),
        ("another comment", text.replace("Comment: ", "Comment: x"), wrong),
        ("another kind", other_kind, wrong),
        ("version 1", version_1, Err("it is in a version of PuTTY's own format that is not read")),
        ("cut", text[..text.len() - 80].to_owned(), Err("it is damaged: ")),
    ]
}

#[test]
fn the_keys_of_putty_are_read_in_both_versions_and_however_their_lines_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = Report::default();
    for (kind, bits) in KEYS {
        let (key, public) = generated(folder.path(), kind, bits, "RFC4716", "");
        for version in ["2", "3"] {
            for (damage, text, ours) in damaged_files(&puttys(&key, version, None)) {
                let what = format!("{kind} {bits} PPK {version}: {damage}");
                let openssh = Refuses;
                let expected = Expected { openssh, ours };
                report.judge(folder.path(), &what, text.as_bytes(), &public, expected);
            }
        }
    }
    report.end();
}

#[test]
fn a_key_under_a_passphrase_is_refused_with_the_remedy_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = Report::default();
    let expected = Expected {
        openssh: Refuses,
        ours: Err("it is encrypted with a passphrase"),
    };
    for (kind, bits) in [("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "384")] {
        for format in FORMATS {
            let (key, public) = generated(folder.path(), kind, bits, format, "passphrase");
            let text = std::fs::read(key).unwrap();
            report.judge(
                folder.path(),
                &format!("{kind} {format}"),
                &text,
                &public,
                expected,
            );
        }
        let (key, public) = generated(folder.path(), kind, bits, "RFC4716", "");
        for version in ["2", "3"] {
            let text = puttys(&key, version, Some("passphrase"));
            report.judge(
                folder.path(),
                &format!("{kind} PPK {version}"),
                text.as_bytes(),
                &public,
                expected,
            );
        }
    }
    report.end();
    assert!(KeyProblem::Encrypted.remedy().contains("pimento import"));
}

#[test]
fn a_passphrase_that_would_be_stretched_for_minutes_is_not_tried() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &[u8]| {
        let problem = Prepared::of(text, Some(b"passphrase")).err().unwrap();
        assert!(problem.to_string().contains("for longer than"), "{problem}");
    };
    let (key, _) = generated(folder.path(), "ecdsa", "256", "RFC4716", "");
    let ppk = puttys(&key, "3", Some("passphrase"));
    assert!(Prepared::of(ppk.as_bytes(), Some(b"passphrase")).is_ok());
    refused(ppk.replace("Memory: 8192", "Memory: 999999").as_bytes());
    refused(ppk.replace("Passes: 2", "Passes: 999999").as_bytes());
    let (key, _) = generated(folder.path(), "ecdsa", "256", "PKCS8", "");
    let der = key.with_extension("der");
    let (from, to) = (key.to_str().unwrap(), der.to_str().unwrap());
    let args = "pkcs8 -topk8 -iter 100000 -passout pass:passphrase -outform DER -in";
    let args = [args.split(' ').collect(), vec![from, "-out", to]].concat();
    assert!(tool("openssl", &args).status.success());
    let mut der = std::fs::read(to).unwrap();
    let label = "ENCRYPTED PRIVATE KEY";
    let pem = |der: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    assert!(Prepared::of(pem(&der).as_bytes(), Some(b"passphrase")).is_ok());
    let at = der.windows(5).position(|it| it == [2, 3, 1, 0x86, 0xa0]);
    der[at.unwrap() + 2..][..3].copy_from_slice(&[0x7f, 0xff, 0xff]);
    refused(pem(&der).as_bytes());
}

/// What was found, row by row.
#[derive(Default)]
struct Report {
    rows: String,
    wrong: usize,
}

impl Report {
    fn judge(
        &mut self,
        folder: &Path,
        what: &str,
        text: &[u8],
        public: &PublicKey,
        expected: Expected,
    ) {
        let openssh = openssh(folder, text);
        let ours = PrivateKey::repaired(text);
        let mut wrong = openssh != expected.openssh;
        let told = match &ours {
            Ok(read) => {
                wrong |= read.key.public().key_data() != public.key_data();
                wrong |= expected.ours != Ok(read.repairs.as_slice());
                // What is said of OpenSSH is what OpenSSH does.
                let stopped = read.repairs.iter().any(|it| it.stops_openssh(read.format));
                wrong |= stopped != (openssh == Refuses);
                format!("reads, {:?}", read.repairs)
            }
            Err(problem) => {
                wrong |= expected
                    .ours
                    .err()
                    .is_none_or(|start| !problem.to_string().starts_with(start));
                wrong |= problem.remedy().is_empty();
                problem.to_string()
            }
        };
        self.wrong += usize::from(wrong);
        let mark = if wrong { "WRONG" } else { "" };
        writeln!(
            self.rows,
            "{mark:6}{what:45} OpenSSH {openssh:?}; pimento: {told}"
        )
        .unwrap();
    }

    fn end(self) {
        assert!(
            self.wrong == 0,
            "{} are not as expected:\n{}",
            self.wrong,
            self.rows
        );
    }
}

/// What `ssh-keygen` says of the same bytes.
fn openssh(folder: &Path, text: &[u8]) -> Verdict {
    let file = folder.join("damaged");
    std::fs::write(&file, text).unwrap();
    private(&file);
    let args = ["-y", "-P", "", "-f", file.to_str().unwrap()];
    match tool("ssh-keygen", &args).status.success() {
        true => Reads,
        false => Refuses,
    }
}

#[cfg(unix)]
fn private(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Path) {}

fn generated(
    folder: &Path,
    kind: &str,
    bits: &str,
    format: &str,
    passphrase: &str,
) -> (PathBuf, PublicKey) {
    let file = folder.join(format!("{kind}-{bits}-{format}-{passphrase}"));
    let at = file.to_str().unwrap().to_owned();
    if !file.exists() {
        let args = [
            "-q", "-t", kind, "-b", bits, "-m", format, "-N", passphrase, "-C", "c", "-f", &at,
        ];
        let made = tool("ssh-keygen", &args);
        assert!(made.status.success(), "{made:?}");
    }
    let public = std::fs::read_to_string(format!("{at}.pub")).unwrap();
    (file, PublicKey::from_openssh(&public).unwrap())
}

/// The key as puttygen writes it.
fn puttys(key: &Path, version: &str, passphrase: Option<&str>) -> String {
    let out = key.with_extension("ppk");
    let passphrase_file = key.with_extension("passphrase");
    let version = format!("version={version},passes=2");
    let (key, at) = (key.to_str().unwrap(), out.to_str().unwrap());
    let mut args = vec![key, "-O", "private", "-o", at, "--ppk-param", &version];
    std::fs::write(&passphrase_file, passphrase.unwrap_or_default()).unwrap();
    let passphrase_file = passphrase_file.to_str().unwrap();
    if passphrase.is_some() {
        args.extend(["-P", "--new-passphrase", passphrase_file]);
    }
    let made = tool("puttygen", &args);
    assert!(made.status.success(), "{made:?}");
    std::fs::read_to_string(out).unwrap()
}

fn tool(program: &str, args: &[&str]) -> Output {
    let ran = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output();
    ran.unwrap_or_else(|error| panic!("{program}: {error}; ./check installs it"))
}
