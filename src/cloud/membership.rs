//! Whether a token shows that its owner is a member of a group.
//!
//! Enters: an access token. Leaves: what its own claims say. What never happens here: trust in
//! them; they only explain why a service said no.

use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::{AccessToken, jwt};

/// What a token says of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The group is in it.
    In,
    /// It lists groups, and this one is not among them.
    Out,
    /// It lists none: there are too many (`hasgroups`, `_claim_names`), or it never does.
    Untold,
}

impl AccessToken {
    /// What this token says of `group`.
    #[must_use]
    pub fn membership(&self, group: Uuid) -> Membership {
        of(self.secret.expose_secret(), group).unwrap_or(Membership::Untold)
    }
}

fn of(token: &str, group: Uuid) -> Option<Membership> {
    let claims: Value = jwt::claims(token)?;
    let overage =
        claims.get("hasgroups").is_some() || claims.pointer("/_claim_names/groups").is_some();
    if overage {
        return None;
    }
    let groups = claims.get("groups")?.as_array()?;
    let is_it = |it: &Value| it.as_str().and_then(|it| it.parse().ok()) == Some(group);
    Some(if groups.iter().any(is_it) {
        Membership::In
    } else {
        Membership::Out
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::clock::Moment;

    const GROUP: Uuid = Uuid::from_u128(7);

    fn told(claims: &Value) -> Membership {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        let token = AccessToken {
            secret: format!("e30.{payload}.sig").into(),
            expires: Moment::since_boot(std::time::Duration::ZERO),
        };
        token.membership(GROUP)
    }

    #[test]
    fn a_token_tells_of_a_group_what_its_list_says() {
        let upper = GROUP.to_string().to_uppercase();
        assert_eq!(told(&json!({"groups": ["x", upper]})), Membership::In);
        let other = Uuid::from_u128(8).to_string();
        assert_eq!(told(&json!({"groups": [other]})), Membership::Out);
    }

    #[test]
    fn a_token_without_its_list_tells_nothing() {
        for claims in [
            json!({"hasgroups": true}),
            json!({"hasgroups": true, "groups": []}),
            json!({"_claim_names": {"groups": "src1"}}),
            json!({"oid": "x"}),
            json!({"groups": "x"}),
            json!([]),
        ] {
            assert_eq!(told(&claims), Membership::Untold, "{claims}");
        }
        for token in ["", "a.b", "a.!!.c", "a.e30"] {
            assert_eq!(of(token, GROUP), None, "{token}");
        }
    }
}
