//! Masks secrets in a stream.
//!
//! Enters: what a program prints, in whatever chunks it comes. Leaves: the same, with one mask in
//! place of whatever secrets cover. Held back is only what a secret may still come of: the longest
//! end of the text that begins a form of one. It is no boundary: a program that wants to tell a
//! secret writes it another way.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use zeroize::Zeroizing;

use super::forms;

/// What is searched for. The copies that the automaton makes are wiped when they are freed, as all
/// memory of this program is.
pub(super) struct Forms {
    forms: Vec<Zeroizing<Vec<u8>>>,
    longest: usize,
    automaton: AhoCorasick,
}

impl Forms {
    /// The forms of `secrets`.
    pub(super) fn of<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Result<Self, BuildError> {
        let forms: Vec<_> = secrets.flat_map(forms::found).collect();
        let patterns = forms.iter().map(|form| form.as_slice());
        Ok(Self {
            // The others take megabytes for a long secret.
            automaton: AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(patterns)?,
            longest: forms.iter().map(|form| form.len()).max().unwrap_or(0),
            forms,
        })
    }

    /// Whether there is nothing to search for.
    pub(super) const fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// What the forms cover of `text`, in order and apart from each other, after what is `covered`
    /// already of its beginning.
    fn cover(&self, text: &[u8], covered: usize) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        if covered > 0 {
            runs.push((0, covered));
        }
        // By their ends, so that one can only join those before it.
        for found in self.automaton.find_overlapping_iter(text) {
            let (mut start, mut end) = (found.start(), found.end());
            while let Some((from, to)) = runs.pop_if(|(_, to)| *to >= start) {
                start = start.min(from);
                end = end.max(to);
            }
            runs.push((start, end));
        }
        runs
    }

    /// How much of the end of `text` begins a form that is not all there.
    fn begun(&self, text: &[u8]) -> usize {
        let most = self.longest.saturating_sub(1).min(text.len());
        let begins = |length: &usize| {
            let end = text.get(text.len() - length..).unwrap_or_default();
            let longer = |form: &Zeroizing<Vec<u8>>| form.len() > *length && form.starts_with(end);
            self.forms.iter().any(longer)
        };
        (1..=most).rev().find(begins).unwrap_or(0)
    }
}

/// Masks one stream.
pub(super) struct Masker {
    forms: Arc<Forms>,
    held: Zeroizing<Vec<u8>>,
    /// How much of the beginning of what is held is of a secret that began before it.
    covered: usize,
    /// Whether the last that was shown is a mask.
    masked: bool,
}

impl Masker {
    pub(super) fn new(forms: Arc<Forms>) -> Self {
        Self {
            forms,
            held: Zeroizing::default(),
            covered: 0,
            masked: false,
        }
    }

    /// Takes what comes next, and gives what can be shown.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        self.held.extend_from_slice(bytes);
        let ready = self.held.len() - self.forms.begun(&self.held);
        self.show(ready)
    }

    /// Gives what is left: nothing more comes.
    pub(super) fn finish(&mut self) -> Zeroizing<Vec<u8>> {
        self.show(self.held.len())
    }

    /// Gives the first `ready` bytes.
    fn show(&mut self, ready: usize) -> Zeroizing<Vec<u8>> {
        if ready == 0 {
            return Zeroizing::default();
        }
        let mut shown = Zeroizing::new(Vec::with_capacity(ready + MASK.len()));
        let mut at = 0;
        let runs = self.forms.cover(&self.held, self.covered);
        self.covered = 0;
        for (from, to) in runs.into_iter().filter(|(from, _)| *from < ready) {
            self.plain(at..from, &mut shown);
            if !self.masked {
                shown.extend_from_slice(MASK);
                self.masked = true;
            }
            at = to.min(ready);
            self.covered = to.saturating_sub(ready);
        }
        self.plain(at..ready, &mut shown);
        self.held.drain(..ready);
        shown
    }

    fn plain(&mut self, range: std::ops::Range<usize>, shown: &mut Vec<u8>) {
        self.masked &= range.is_empty();
        shown.extend_from_slice(self.held.get(range).unwrap_or_default());
    }
}

/// What stands where a secret was.
pub(super) const MASK: &[u8] = b"<masked by pimento>";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masker(secrets: &[&[u8]]) -> Masker {
        Masker::new(Arc::new(Forms::of(secrets.iter().copied()).unwrap()))
    }

    fn masked(secrets: &[&[u8]], chunks: &[&[u8]]) -> String {
        let mut masker = masker(secrets);
        let mut shown: Vec<u8> = Vec::new();
        for chunk in chunks {
            shown.extend_from_slice(&masker.take(chunk));
        }
        shown.extend_from_slice(&masker.finish());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn a_secret_is_masked_also_across_chunks() {
        let whole = "a <masked by pimento> b <masked by pimento>";
        assert_eq!(masked(&[b"hunter2!"], &[b"a hunter2! b hunter2!"]), whole);
        let text = b"a hunter2! b hunter2!";
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(masked(&[b"hunter2!"], &bytes), whole);
    }

    #[test]
    fn a_prompt_is_held_back_only_as_far_as_it_may_begin_a_secret() {
        let mut masker = masker(&[b"hunter2!"]);
        assert_eq!(masker.take(b"Password: ").as_slice(), b"Password: ");
        assert_eq!(masker.take(b"the hunt").as_slice(), b"the ");
        assert_eq!(masker.take(b"ed").as_slice(), b"hunted");
        assert_eq!(masker.take(b"hunter2").as_slice(), b"");
        assert_eq!(masker.take(b"!").as_slice(), MASK);
        assert_eq!(masker.finish().as_slice(), b"");
    }

    #[test]
    fn secrets_that_overlap_leave_nothing_of_each_other() {
        assert_eq!(
            masked(&[b"abcdef", b"defghi"], &[b"(abcdefghi)"]),
            "(<masked by pimento>)"
        );
        assert_eq!(
            masked(&[b"abcdef", b"defghi"], &[b"(abcdef", b"gh", b")"]),
            "(<masked by pimento>gh)"
        );
        assert_eq!(
            masked(&[b"aaaa"], &[b"aaaaaa", b"a b"]),
            "<masked by pimento> b"
        );
    }

    #[test]
    fn almost_a_secret_and_a_short_one_are_shown() {
        assert_eq!(
            masked(&[b"hunter2!"], &[b"hunter2 ", b"unter2!"]),
            "hunter2 unter2!"
        );
        assert_eq!(masked(&[b"abc"], &[b"abcabc"]), "abcabc");
        assert_eq!(masked(&[], &[b"any", b"thing"]), "anything");
    }

    /// What stands in `text` when every byte that any form covers is masked.
    fn model(secrets: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
        let mut hidden = vec![false; text.len()];
        for form in secrets.iter().flat_map(|secret| forms::found(secret)) {
            for at in 0..text.len() {
                if text[at..].starts_with(&form) {
                    hidden[at..at + form.len()].fill(true);
                }
            }
        }
        let mut shown = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            match (hidden[at], at > 0 && hidden[at - 1]) {
                (false, _) => shown.push(*byte),
                (true, false) => shown.extend_from_slice(MASK),
                (true, true) => {}
            }
        }
        shown
    }

    /// Text that often has secrets in it, whole, in part and encoded.
    fn pieces() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Vec<u8>>)> {
        let secrets = prop::collection::vec(prop::collection::vec(b'a'..b'd', 3..9), 1..4);
        secrets.prop_flat_map(|secrets| {
            let whole: Vec<Vec<u8>> = secrets
                .iter()
                .flat_map(|secret| forms::found(secret))
                .map(|form| form.to_vec())
                .chain([b"abc".to_vec()])
                .collect();
            let part = prop::sample::select(whole).prop_flat_map(|form| {
                (0..=form.len()).prop_map(move |length| form[..length].to_vec())
            });
            let chunk = prop_oneof![2 => part, 1 => prop::collection::vec(b'a'..b'e', 0..6)];
            (Just(secrets), prop::collection::vec(chunk, 0..12))
        })
    }

    proptest! {
        #[test]
        fn chunks_are_masked_as_the_whole_text_is((secrets, chunks) in pieces()) {
            let secrets_as: Vec<&[u8]> = secrets.iter().map(Vec::as_slice).collect();
            let mut masker = masker(&secrets_as);
            let mut shown = Vec::new();
            for chunk in &chunks {
                shown.extend_from_slice(&masker.take(chunk));
                let held = masker.held.as_slice();
                let forms = secrets.iter().flat_map(|secret| forms::found(secret));
                let begun = forms.into_iter().any(|form| form.starts_with(held));
                prop_assert!(held.is_empty() || begun, "held without need: {held:?}");
            }
            shown.extend_from_slice(&masker.finish());
            prop_assert_eq!(shown, model(&secrets, &chunks.concat()));
        }
    }
}
