use serde_json::json;

use super::*;
use crate::catalog::testing::password;
use crate::clock::Moment;

/// An answer to a read at `date`, of a secret with these attributes.
fn read(
    date: Option<i64>,
    attributes: &serde_json::Value,
    heard: i64,
) -> Result<FetchedSecret, Refusal> {
    let body = json!({
        "value": "hunter2",
        "id": "https://ops.vault.azure.net/secrets/db/0123",
        "attributes": attributes,
    });
    let answer = Answer {
        status: 200,
        body: Zeroizing::new(body.to_string().into_bytes()),
        sent: Moment::since_boot(Duration::ZERO),
        date: date.map(at),
        wait: None,
        challenge: None,
    };
    fetched(&password("db"), &answer, at(heard))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_secret_is_valid_from_its_nbf_until_its_exp_by_the_vaults_clock() {
    let times = json!({ "nbf": 1000, "exp": 2000 });
    let valid_for = |date| read(Some(date), &times, 1500).map(|it| it.valid_for);
    assert!(valid_for(999).is_err());
    // A `Date` is cut to whole seconds, so up to one of the thousand may be over.
    assert_eq!(valid_for(1000).unwrap(), Some(Duration::from_secs(999)));
    assert_eq!(valid_for(1998).unwrap(), Some(Duration::from_secs(1)));
    assert!(valid_for(1999).is_err());
}

#[test]
fn an_answer_without_a_date_is_held_to_the_cloud_s_time_as_known() {
    let times = json!({ "nbf": 1000, "exp": 2000 });
    let valid_for = |heard| read(None, &times, heard).map(|it| it.valid_for);
    assert!(valid_for(999).is_err());
    assert_eq!(valid_for(1500).unwrap(), Some(Duration::from_secs(499)));
    assert!(valid_for(2000).is_err());
}
