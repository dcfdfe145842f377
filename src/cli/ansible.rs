//! `pimento ansible-vault-client`, and `pimento-client`: a client script of Ansible Vault.
//!
//! Enters: a vault id, which is the name of a password. Leaves: the password. Ansible takes exit
//! code 2 for "there is none for this id", and tries what else it has.

use super::output::Output;
use super::password::{self, Wanted};
use super::person::Person;
use super::{Agent, Failure};
use crate::refusal::ExitCode;

/// Prints the password for a vault id.
pub(super) async fn vault_client(
    agent: Agent,
    output: &Output,
    vault_id: String,
) -> Result<ExitCode, Failure> {
    password::may_print(output, false)?;
    let wanted = Wanted {
        name: vault_id,
        previous: false,
        file: false,
    };
    let printed = password::password(agent, output, wanted, Person::silent(output), None);
    printed.await.map_err(in_its_codes)
}

/// The same failure, with the exit code that Ansible understands.
fn in_its_codes(mut failure: Failure) -> Failure {
    let code = match failure.0.code.as_str() {
        "no_match" => ExitCode::Usage as u32,
        _ if failure.0.exit_code == ExitCode::Usage as u32 => ExitCode::Failed as u32,
        _ => failure.0.exit_code,
    };
    failure.0.exit_code = code;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unknown_id_ends_with_2() {
        let code = |code, exit| in_its_codes(Failure::new(code, exit, "", "")).0.exit_code;
        assert_eq!(code("no_match", ExitCode::NoMatch), 2);
        assert_eq!(code("reason_needed", ExitCode::Usage), 1);
        assert_eq!(code("policy", ExitCode::Policy), 6);
        assert_eq!(code("no_agent", ExitCode::NoAgent), 10);
    }
}
