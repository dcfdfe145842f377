//! More time for a window that is open.
//!
//! PIM lengthens no activation, and takes no second one beside the first: more time is an end and a
//! new beginning, and between them nothing can be used. Enters: an open window, a wish. Leaves: the
//! window, open for longer, or as it was. What never happens here: an end where the new beginning
//! would wait for an approver, or lacks what can be looked at before; a use between the two.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::flight::Flight;
use super::{Broker, Wish};
use crate::catalog::WindowSpec;
use crate::cloud::{
    Activated, Activation, CorrelationId, Demands, Resource, Stage, StageSink, StepUp,
};
use crate::refusal::{Needed, Refusal, Service};
use crate::requester::Requester;
use crate::window::{Since, Terms};

impl Broker {
    /// Has `window`, which is open on `terms`, open for as long as `wish` says from now on.
    pub(super) async fn extend(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        terms: &Terms,
        wish: Wish,
        since: Since,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        self.cloud.reach.retry_now();
        let demands = self.cloud.pim.demands(window, wish.id).await;
        let demands = demands.map_err(|refusal| {
            let why = format!("its policy cannot be read ({refusal})");
            not_extended(window, why, refusal.advice())
        })?;
        allowed(window, &wish, &demands)?;
        let (wish, shortened) = self.longer(window, terms, wish, &demands)?;
        self.still_eligible(window, wish.id).await?;
        if let Some(context) = &demands.context {
            self.show_context(window, context, &wish, stages).await?;
        }
        if let Some(longest) = shortened {
            stages.reached(Stage::Shortened { longest });
        }
        let flight = self.opening_flight(window, wish, since);
        flight.landed(stages).await
    }

    /// Ends what is open of the activation's window, and activates it anew.
    pub(super) async fn activate_anew(
        &self,
        mut activation: Activation,
        person: &Requester,
        stages: &Flight,
    ) -> Result<Activated, Refusal> {
        let window = Arc::clone(&activation.window);
        let began = self.clock.now();
        stages.reached(Stage::Ending);
        let (terms, sure) = self.end_first(&window, activation.id, stages).await?;
        let ends = terms.as_ref().map(|terms| terms.ends);
        activation.after = ends.filter(|_| sure);
        let active = self.activate(&activation, person, stages).await;
        let active = active.map_err(|refusal| Refusal::NotReopened {
            window: window.name.to_string(),
            refusal: Box::new(refusal),
        })?;
        if let Some(terms) = terms.filter(|terms| terms.ends == active.ends) {
            self.admit_window(&window, terms, stages).await?;
            let why = "PIM gave no answer when it was to end it, and has it as before".to_owned();
            return Err(not_extended(&window, why, again(&window)));
        }
        let gap = began.until(self.clock.now());
        stages.reached(Stage::Reopened { gap });
        Ok(active)
    }

    /// Ends `window` here and at PIM; tells its terms, and whether PIM has confirmed it.
    ///
    /// Here first: while PIM is asked nobody knows whether it still stands. What PIM refuses to end
    /// goes on.
    async fn end_first(
        &self,
        window: &Arc<WindowSpec>,
        id: CorrelationId,
        flight: &Flight,
    ) -> Result<(Option<Terms>, bool), Refusal> {
        let (now, name) = (self.clock.now(), &window.name);
        let (terms, closed) = {
            let mut windows = self.windows_mut();
            (windows.terms(name, now).cloned(), windows.close(name))
        };
        if let Some(closed) = &closed {
            self.tell_closed(std::slice::from_ref(closed), "to be opened for longer");
        }
        let Some(terms) = terms else {
            // It has ended by itself since it was asked for.
            return Ok((None, true));
        };
        match self.cloud.pim.deactivate(window, id).await {
            Ok(()) => Ok((Some(terms), true)),
            // It may have ended all the same: what the activation finds will tell.
            Err(Refusal::Unreachable { service, .. }) if service != Service::Entra => {
                Ok((Some(terms), false))
            }
            Err(Refusal::Cloud { status: 500.., .. }) => Ok((Some(terms), false)),
            Err(refusal) => {
                self.admit_window(window, terms, flight).await?;
                Err(goes_on(window, &refusal))
            }
        }
    }

    /// An activation that PIM refuses would leave nothing.
    async fn still_eligible(
        &self,
        window: &Arc<WindowSpec>,
        id: CorrelationId,
    ) -> Result<(), Refusal> {
        let (service, survey) = (Service::of(&window.target), &self.cloud.survey);
        let eligible = survey.eligible(&window.tenant, service, id).await;
        let eligible = eligible.map_err(|refusal| goes_on(window, &refusal))?;
        if eligible.iter().any(|it| it.target.gives(&window.target)) {
            return Ok(());
        }
        let name = window.name.to_string();
        Err(goes_on(window, &Refusal::NotEligible { window: name }))
    }

    /// `wish` for as long as the policy takes it; and how long that is, if it is shorter.
    fn longer(
        &self,
        window: &WindowSpec,
        terms: &Terms,
        mut wish: Wish,
        demands: &Demands,
    ) -> Result<(Wish, Option<SignedDuration>), Refusal> {
        let asked = wish.duration.unwrap_or(window.duration);
        let longest = demands.longest.filter(|longest| *longest < asked);
        let lasts = longest.unwrap_or(asked);
        let left = SignedDuration::try_from(self.left(terms)).unwrap_or(SignedDuration::MAX);
        if lasts <= left {
            let (left, lasts) = (left.as_mins(), lasts.as_mins());
            return Err(not_extended(
                window,
                format!("it is open for {left} min yet, and anew it would be for {lasts}"),
                format!("{}, when less is left", again(window)),
            ));
        }
        wish.duration = Some(lasts);
        Ok((wish, longest))
    }

    /// Has the sign-in show `context` beforehand, so that the activation is not refused for it.
    async fn show_context(
        &self,
        window: &Arc<WindowSpec>,
        context: &str,
        wish: &Wish,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        let claims = json!({"access_token": {"acrs": {"essential": true, "value": context}}});
        let step_up = StepUp {
            resource: Resource::of(&window.target),
            claims: &claims.to_string(),
            person: &wish.person,
            id: wish.id,
        };
        let identity = &self.cloud.identity;
        let shown = identity.step_up(&window.tenant, &step_up, stages).await;
        shown.map(drop).map_err(|refusal| goes_on(window, &refusal))
    }
}

/// Whether PIM would take `wish` at once.
fn allowed(window: &WindowSpec, wish: &Wish, demands: &Demands) -> Result<(), Refusal> {
    let name = window.name.to_string();
    if !demands.unattended {
        let remedy =
            format!("use it to its end; after that `pimento open {name}` asks for approval");
        return Err(not_extended(window, UNAPPROVED.to_owned(), remedy));
    }
    let lacks = [
        (wish.reason.is_none(), Needed::Reason),
        (demands.ticket && wish.ticket.is_none(), Needed::Ticket),
    ];
    match lacks.iter().find(|(lacks, _)| *lacks) {
        None => Ok(()),
        Some((_, what)) => Err(Refusal::ReasonNeeded {
            window: name,
            what: *what,
            last: None,
        }),
    }
}

/// The refusal for a window that `refusal` keeps from more time.
fn goes_on(window: &WindowSpec, refusal: &Refusal) -> Refusal {
    match refusal {
        Refusal::NotEndedYet { .. } => not_extended(
            window,
            "PIM ends an activation only five minutes after its beginning".to_owned(),
            format!("{}, in five minutes", again(window)),
        ),
        other => not_extended(window, other.to_string(), other.advice()),
    }
}

fn not_extended(window: &WindowSpec, why: String, remedy: String) -> Refusal {
    Refusal::NotExtended {
        window: window.name.to_string(),
        why,
        remedy,
    }
}

fn again(window: &WindowSpec) -> String {
    format!("`pimento open {} --extend` again", window.name)
}

const UNAPPROVED: &str = "PIM lengthens no activation, so it would have to be ended and asked for \
                          anew; its policy does not say that this needs no approval, and you could \
                          use nothing until it came";
