//! A walk through a page: whoever drops it has run every block that is not on the register.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::page::Page;
use crate::register::{LEFT_OUT, What};
use crate::support::etc::skipped;

pub(crate) struct Walk {
    page: Page,
    run: RefCell<BTreeSet<String>>,
}

impl Walk {
    pub(crate) fn of(page: &'static str) -> Self {
        let page = Page::at(page);
        let run = RefCell::new(BTreeSet::new());
        Self { page, run }
    }

    /// The block of that name as it stands there, but for the lines that the register leaves out.
    /// Whoever takes it runs it.
    pub(crate) fn block(&self, name: &str) -> String {
        assert!(!self.leaves_out(&What::Block(name)), "{name} is left out");
        self.run.borrow_mut().insert(name.to_owned());
        let mut kept = String::new();
        for line in self.page.block(name, &[]).lines() {
            if !self.leaves_out(&What::Line(line)) {
                writeln!(kept, "{line}").unwrap();
            }
        }
        kept
    }

    /// The lines of a block, where each is an example of its own.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let block = self.block(name).replace("\\\n", " ");
        block.lines().map(str::to_owned).collect()
    }

    /// Says that the rest can't be run on this machine.
    pub(crate) fn stops(&self, why: &str) {
        skipped(&format!("{}.md: {why}", self.page.name));
        self.stops_in_silence();
    }

    /// For whoever only looks.
    pub(crate) fn stops_in_silence(&self) {
        let names = self.page.names().into_iter().map(str::to_owned);
        self.run.borrow_mut().extend(names);
    }

    /// Whether a block that is run has this.
    pub(crate) fn has(&self, part: &str) -> bool {
        let names = self.page.names().into_iter();
        let mut run = names.filter(|name| !self.leaves_out(&What::Block(name)));
        run.any(|name| self.page.block(name, &[]).contains(part))
    }

    fn leaves_out(&self, what: &What) -> bool {
        let left_out = |(page, left, _): &(&str, What, _)| *page == self.page.name && left == what;
        LEFT_OUT.iter().any(left_out)
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let run = self.run.borrow();
        let due = |name: &&str| !run.contains(*name) && !self.leaves_out(&What::Block(name));
        let due: Vec<&str> = self.page.names().into_iter().filter(due).collect();
        assert_eq!(
            due, [""; 0],
            "blocks of {}.md that nobody runs",
            self.page.name
        );
    }
}

#[test]
#[should_panic(expected = "that nobody runs")]
fn a_walk_that_passes_a_block_by_fails() {
    let walk = Walk::of("docs/quick-start");
    let _run = walk.block("look");
}
