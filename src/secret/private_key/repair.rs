//! What was mended in a key, told exactly, and what OpenSSH makes of the same bytes.
//!
//! Enters: where the marker lines stand in what was stored. Leaves: the [`Repair`]s, none of which
//! is a guess. What never happens here: anything of the key in a message.

use super::armour::Armour;

/// How a key is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenSSH's own (`-----BEGIN OPENSSH PRIVATE KEY-----`).
    OpenSsh,
    /// PKCS#8, PKCS#1 or SEC1, which OpenSSH leaves to libcrypto.
    Pem,
    /// PuTTY's (`PuTTY-User-Key-File-…`).
    Putty,
}

/// One thing that is wrong with how a key was stored and cannot change which key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repair {
    /// Empty lines behind the key.
    BlankAfter,
    /// Empty lines before the key.
    BlankBefore,
    /// Empty lines between those of the key.
    BlankInside,
    /// The bytes EF BB BF.
    ByteOrderMark,
    /// Line ends of Windows.
    CarriageReturns,
    /// A last line without its dashes.
    CutLastLine,
    /// Spaces or quotes before a marker line, on the same line.
    Indented,
    /// The two characters `\n`.
    LiteralLineEnds,
    /// Line ends that became spaces, or nothing.
    LostLineEnds,
    /// Nothing behind the last dash.
    NoFinalLineEnd,
    /// Base64 that has lost its `=`.
    Padding,
    /// A key of PuTTY.
    Putty,
    /// Other text behind the key.
    TextAfter,
    /// Other text before the key, such as a certificate.
    TextBefore,
    /// Spaces at the ends of lines.
    TrailingSpaces,
}

impl Repair {
    /// Whether OpenSSH refuses a key of that `format` for it.
    #[must_use]
    pub const fn stops_openssh(self, format: Format) -> bool {
        let own = matches!(format, Format::OpenSsh);
        match self {
            Self::BlankAfter | Self::TextAfter => false,
            Self::BlankInside => !own,
            Self::BlankBefore
            | Self::ByteOrderMark
            | Self::CarriageReturns
            | Self::NoFinalLineEnd
            | Self::TextBefore
            | Self::TrailingSpaces => own,
            Self::CutLastLine
            | Self::Indented
            | Self::LiteralLineEnds
            | Self::LostLineEnds
            | Self::Padding
            | Self::Putty => true,
        }
    }

    /// What OpenSSH does with it, in words.
    const fn in_openssh(self) -> &'static str {
        match (
            self.stops_openssh(Format::OpenSsh),
            self.stops_openssh(Format::Pem),
        ) {
            (true, true) => "which OpenSSH does not read",
            (true, false) => "which OpenSSH reads in PEM files and not in its own format",
            (false, true) => "which OpenSSH reads in its own format and not in PEM files",
            (false, false) => "which OpenSSH reads past",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::BlankAfter => "blank lines behind the key",
            Self::BlankBefore => "blank lines before the key",
            Self::BlankInside => "blank lines inside the key",
            Self::ByteOrderMark => "a byte order mark in front",
            Self::CarriageReturns => "carriage returns at the line ends, as Windows has them",
            Self::CutLastLine => "a last line that is cut short",
            Self::Indented => "spaces or other characters before a marker on its line",
            Self::LiteralLineEnds => "the two characters \\n in place of line ends",
            Self::LostLineEnds => "line ends that became spaces, or were lost",
            Self::NoFinalLineEnd => "no line end behind the last line",
            Self::Padding => "base64 without its = at the end",
            Self::Putty => "PuTTY's format",
            Self::TextAfter => "other text behind the key",
            Self::TextBefore => "other text before the key",
            Self::TrailingSpaces => "spaces at the ends of lines",
        }
    }
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.what(), self.in_openssh())
    }
}

/// What had to be mended in the text that holds `armour`.
pub(super) fn of(bytes: &[u8], armour: &Armour<'_>) -> Vec<Repair> {
    let mut found = Found(around(bytes));
    let (before, body, after) = (armour.before(), armour.body(), armour.after());
    found.before(before);
    match after {
        Some(after) => found.after(after),
        None => found.add(Repair::CutLastLine),
    }
    if body.contains('\\') {
        found.add(Repair::LiteralLineEnds);
    } else if is_unbroken(body) {
        found.add(Repair::LostLineEnds);
    } else {
        found.inside(body);
    }
    if armour.lacks_padding() {
        found.add(Repair::Padding);
    }
    found.sorted()
}

/// What can be wrong with a text of any kind.
pub(super) fn around(bytes: &[u8]) -> Vec<Repair> {
    let mut found = Vec::new();
    if bytes.starts_with(super::armour::BYTE_ORDER_MARK) {
        found.push(Repair::ByteOrderMark);
    }
    if bytes.windows(2).any(|pair| pair == b"\r\n") {
        found.push(Repair::CarriageReturns);
    }
    found
}

/// Whether a marker shares its line with base64, or carriage returns alone end the lines.
fn is_unbroken(body: &str) -> bool {
    let edges = [body.split('\n').next(), body.rsplit('\n').next()];
    let shared = edges.iter().flatten().any(|line| !line.trim().is_empty());
    let alone = body.split("\r\n").any(|part| part.contains('\r'));
    shared || alone || !body.contains('\n')
}

struct Found(Vec<Repair>);

impl Found {
    fn add(&mut self, repair: Repair) {
        self.0.push(repair);
    }

    fn before(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.add(Repair::TextBefore);
        } else if text.contains('\n') {
            self.add(Repair::BlankBefore);
        }
        if !text.rsplit('\n').next().unwrap_or_default().is_empty() {
            self.add(Repair::Indented);
        }
    }

    fn after(&mut self, text: &str) {
        let (line, rest) = match text.split_once('\n') {
            Some((line, rest)) => (line.trim_end_matches('\r'), rest),
            None => {
                self.add(Repair::NoFinalLineEnd);
                (text, "")
            }
        };
        if !line.is_empty() && line.trim().is_empty() {
            self.add(Repair::TrailingSpaces);
        }
        if !line.trim().is_empty() || !rest.trim().is_empty() {
            self.add(Repair::TextAfter);
        } else if !rest.is_empty() {
            self.add(Repair::BlankAfter);
        }
    }

    /// `body` begins and ends with a line end, and spaces.
    fn inside(&mut self, body: &str) {
        let mut lines: Vec<&str> = body.split('\n').collect();
        let last = lines.pop().unwrap_or_default();
        if !last.is_empty() {
            self.add(Repair::Indented);
        }
        let ends_in_space = |line: &&str| line.trim_end_matches('\r').ends_with([' ', '\t']);
        if lines.iter().any(ends_in_space) {
            self.add(Repair::TrailingSpaces);
        }
        if lines.iter().skip(1).any(|line| line.trim().is_empty()) {
            self.add(Repair::BlankInside);
        }
    }

    fn sorted(mut self) -> Vec<Repair> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0
    }
}
