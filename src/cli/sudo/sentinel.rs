//! Finds the announced prompt in what a program prints, however it is cut into pieces.

/// Looks for one prompt.
pub(super) struct Sentinel {
    begins: Vec<u8>,
    ends: Vec<u8>,
    /// What may be the beginning of the prompt.
    held: Vec<u8>,
}

/// A part of what was printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The prompt, as a whole.
    Prompt(String),
    /// Anything else.
    Text(Vec<u8>),
}

impl Sentinel {
    /// Looks for prompts that begin and end like that, with an account in between.
    pub(super) fn new(begins: &str, ends: &str) -> Self {
        Self {
            begins: begins.as_bytes().to_vec(),
            ends: ends.as_bytes().to_vec(),
            held: Vec::new(),
        }
    }

    /// Takes more of what is printed.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Part> {
        self.held.extend_from_slice(bytes);
        let mut parts = Vec::new();
        loop {
            let Some(at) = position(&self.held, &self.begins) else {
                let kept = self.may_begin();
                let text = self.held.len() - kept;
                self.give(text, &mut parts);
                return parts;
            };
            self.give(at, &mut parts);
            match self.account() {
                Account::Whole(length) => {
                    let prompt: Vec<u8> = self.held.drain(..length).collect();
                    // The parts around the account are ours, and the account is ASCII.
                    parts.push(Part::Prompt(String::from_utf8_lossy(&prompt).into_owned()));
                }
                Account::Beginning => return parts,
                Account::None => self.give(self.begins.len(), &mut parts),
            }
        }
    }

    /// What is still held back, once nothing more comes.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn give(&mut self, length: usize, parts: &mut Vec<Part>) {
        if length > 0 {
            let text = self.held.drain(..length).collect();
            match parts.last_mut() {
                Some(Part::Text(before)) => before.extend::<Vec<u8>>(text),
                _ => parts.push(Part::Text(text)),
            }
        }
    }

    /// How much of the end may be the beginning of a prompt.
    fn may_begin(&self) -> usize {
        let longest = self.begins.len().min(self.held.len());
        let is_beginning = |length: &usize| {
            let tail = self.held.get(self.held.len() - length..);
            tail.is_some_and(|tail| self.begins.starts_with(tail))
        };
        (0..=longest).rev().find(is_beginning).unwrap_or_default()
    }

    /// What stands behind the beginning that is held.
    fn account(&self) -> Account {
        let rest = self.held.get(self.begins.len()..).unwrap_or_default();
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.$".contains(byte);
        let name = rest.iter().take_while(|byte| letter(byte)).count();
        let behind = rest.get(name..).unwrap_or_default();
        if name > LONGEST_ACCOUNT || (name == 0 && !behind.is_empty()) {
            return Account::None;
        }
        if behind.starts_with(&self.ends) {
            return Account::Whole(self.begins.len() + name + self.ends.len());
        }
        if self.ends.starts_with(behind) {
            return Account::Beginning;
        }
        Account::None
    }
}

enum Account {
    Beginning,
    None,
    Whole(usize),
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Longer than any system allows.
const LONGEST_ACCOUNT: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGINS: &str = "[pimento 0a] password for ";

    fn fed(pieces: &[&[u8]]) -> (String, Vec<String>, String) {
        let mut sentinel = Sentinel::new(BEGINS, ": ");
        let (mut text, mut prompts) = (Vec::new(), Vec::new());
        for piece in pieces {
            for part in sentinel.feed(piece) {
                match part {
                    Part::Prompt(prompt) => prompts.push(prompt),
                    Part::Text(bytes) => text.extend(bytes),
                }
            }
        }
        let plain = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (plain(text), prompts, plain(sentinel.rest()))
    }

    #[test]
    fn the_prompt_is_found_and_what_is_around_it_passes() {
        let whole = b"warning\n[pimento 0a] password for root: uid=0\n";
        let (text, prompts, rest) = fed(&[whole]);
        assert_eq!(text, "warning\nuid=0\n");
        assert_eq!(prompts, ["[pimento 0a] password for root: "]);
        assert_eq!(rest, "");
    }

    #[test]
    fn a_prompt_of_another_nonce_or_without_an_account_is_text() {
        for other in [
            "[pimento 0b] password for root: ",
            "[pimento 0a] password for : ",
            "[pimento 0a] password for %p: ",
            "[pimento 0a] password for ro ot: ",
            "[pimento 0a] passwort for root: ",
        ] {
            let (text, prompts, _) = fed(&[other.as_bytes(), b"\n"]);
            assert_eq!((text, prompts.len()), (format!("{other}\n"), 0));
        }
    }

    #[test]
    fn nothing_is_held_back_but_what_may_be_the_prompt() {
        let (text, _, rest) = fed(&[b"Continue? [y/n] "]);
        assert_eq!((text.as_str(), rest.as_str()), ("Continue? [y/n] ", ""));
        let (text, _, rest) = fed(&[b"a [pimento 0a] pass"]);
        assert_eq!((text.as_str(), rest.as_str()), ("a ", "[pimento 0a] pass"));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_is_found(
            before in "[a-z\\[\\]: ]{0,30}", after in "[a-z\\[\\]: ]{0,30}", cuts in prop::collection::vec(1usize..9, 0..60)
        ) {
            let whole = format!("{before}{BEGINS}root: {after}");
            let mut pieces = Vec::new();
            let mut rest = whole.as_bytes();
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            pieces.push(rest);
            let (text, prompts, held) = fed(&pieces);
            prop_assert_eq!(text + &held, format!("{before}{after}"));
            prop_assert_eq!(prompts, [format!("{BEGINS}root: ")]);
        }

        #[test]
        fn what_is_no_prompt_comes_out_as_it_went_in(text in "[a-z\\[\\] 0:]{0,80}") {
            let (shown, prompts, held) = fed(&[text.as_bytes()]);
            prop_assert_eq!(shown + &held, text);
            prop_assert!(prompts.is_empty());
        }
    }
}
