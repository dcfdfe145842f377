//! What was refused a moment ago.

use std::collections::HashMap;

use crate::catalog::Name;
use crate::clock::Moment;
use crate::refusal::Refusal;

/// Refusals that are given again for a while without asking the cloud, or each retry of `ssh`
/// would be another request to PIM.
#[derive(Default)]
pub(super) struct Refused(HashMap<Name, (Moment, Refusal)>);

impl Refused {
    /// Gives the refusal of `name` again, if it is recent.
    pub(super) fn again(&self, name: &Name, now: Moment) -> Result<(), Refusal> {
        match self.0.get(name) {
            Some((until, refusal)) if now < *until => Err(refusal.clone()),
            _ => Ok(()),
        }
    }

    /// Forgets what a sign-in to `tenant` may have mended.
    pub(super) fn signed_in(&mut self, tenant: &Name) {
        let of_it = |refusal: &Refusal| match refusal {
            Refusal::StepUpFailed { tenant: of, .. } => of == tenant.as_str(),
            _ => false,
        };
        self.0.retain(|_, (_, refusal)| !of_it(refusal));
    }

    /// Remembers how `name` ended at `now`.
    pub(super) fn ended(&mut self, name: &Name, outcome: &Result<(), Refusal>, now: Moment) {
        // Whoever asks for ever new versions of a secret leaves nothing behind.
        self.0.retain(|of, (until, _)| of != name && now < *until);
        if let Err(refusal) = outcome {
            let until = now.after(refusal.remembered());
            self.0.insert(name.clone(), (until, refusal.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(count: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(count))
    }

    #[test]
    fn a_refusal_is_given_again_for_a_while_and_leaves_nothing_behind() {
        let denied = Refusal::Denied {
            window: "prod".to_owned(),
            status: "Denied".to_owned(),
        };
        let mut refused = Refused::default();
        for version in 0..1000 {
            let name = Name::parse(&format!("v{version}")).unwrap();
            let now = seconds(version);
            refused.ended(&name, &Err(denied.clone()), now);
            assert!(refused.again(&name, now).is_err());
            assert!(refused.again(&name, seconds(version + 10)).is_ok());
        }
        assert_eq!(refused.0.len(), 10);
    }
}
