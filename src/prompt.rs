//! Asks a person: for a yes to a use, or for the reason of an opening.
//!
//! Enters: a [`Question`] and who caused it. Leaves: the person's own answer, or a [`Refusal`].
//! *Which* program asks is a matter of the agent's own environment and configuration; *where* it
//! shows up is taken from the requester. What never happens here: a yes that nobody gave, a program
//! that the requester chose, or a question that outlives whoever waits for its answer.

use async_trait::async_trait;

use crate::refusal::Refusal;
use crate::requester::Requester;

pub use question::{Matter, Question, Subject};

mod question;

/// A way to ask a person. Dropping an ask takes the question back.
#[async_trait]
pub trait Prompter: Send + Sync {
    /// Asks for a yes.
    ///
    /// # Errors
    /// [`Refusal::Declined`] for a no, [`Refusal::Unanswered`] for no answer in time,
    /// [`Refusal::Unasked`] if nobody can be asked.
    async fn confirm(&self, question: &Question, requester: &Requester) -> Result<(), Refusal>;

    /// Asks for one line of text; it may be empty.
    ///
    /// # Errors
    /// As [`Self::confirm`].
    async fn text(&self, question: &Question, requester: &Requester) -> Result<String, Refusal>;
}
