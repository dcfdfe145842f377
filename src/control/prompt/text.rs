//! The texts of prompts that pimento knows, letter by letter.
//!
//! sudo's text names the account whose password it wants; sudo-rs puts its own words around it. Of
//! ssh's keyboard-interactive method only the part in brackets is ssh's, the rest is the server's.

use crate::catalog::PasswordUse;

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// By the prompt that was announced under this nonce: the password of this account.
    Announced { nonce: &'a str, user: &'a str },
    /// By ssh: the password of an account on another host.
    Ssh {
        by: PasswordUse,
        user: &'a str,
        host: &'a str,
    },
    /// By sudo: the password of this account here.
    Sudo { user: &'a str },
    /// By sudo-rs: it does not say whose.
    SudoRs,
}

impl<'a> Wanted<'a> {
    /// What `prompt` asks for, if it is one of the known texts as a whole.
    pub(super) fn by(prompt: &'a str) -> Option<Self> {
        let wrapped = prompt
            .strip_prefix("[sudo: ")
            .and_then(|rest| rest.strip_suffix("] Password: "));
        match wrapped {
            Some("authenticate") => Some(Self::SudoRs),
            Some(inner) => sudo(inner),
            None => sudo(prompt).or_else(|| ssh(prompt)),
        }
    }
}

/// The prompt to announce under `nonce`; sudo puts the account in the place of `%p`.
pub(super) fn announced(nonce: &str) -> String {
    format!("{}%p{ENDS}", begins(nonce))
}

/// What every prompt announced under `nonce` begins with.
pub(super) fn begins(nonce: &str) -> String {
    format!("{MARK}{nonce}] password for ")
}

fn sudo(prompt: &str) -> Option<Wanted<'_>> {
    if let Some(rest) = prompt.strip_prefix(MARK) {
        let (nonce, rest) = rest.split_once("] password for ")?;
        let user = rest.strip_suffix(ENDS)?;
        let known = !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        return (known && is_account(user)).then_some(Wanted::Announced { nonce, user });
    }
    let user = prompt
        .strip_prefix("[sudo] password for ")?
        .strip_suffix(ENDS)?;
    is_account(user).then_some(Wanted::Sudo { user })
}

fn ssh(prompt: &str) -> Option<Wanted<'_>> {
    let (by, account) = match prompt.strip_suffix("'s password: ") {
        Some(account) => (PasswordUse::Ssh, account),
        None => {
            let account = prompt.strip_prefix('(')?.strip_suffix(") Password: ")?;
            (PasswordUse::SshKeyboardInteractive, account)
        }
    };
    let (user, host) = account.split_once('@')?;
    (is_account(user) && is_host(host)).then_some(Wanted::Ssh { by, user, host })
}

fn is_account(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(allowed)
}

fn is_host(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    !name.is_empty() && name.chars().all(allowed)
}

const MARK: &str = "[pimento ";

/// What prompts for an account end with.
pub(super) const ENDS: &str = ": ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompts_of_both_sudos_and_of_ssh_are_known() {
        let root = Some(Wanted::Sudo { user: "root" });
        assert_eq!(Wanted::by("[sudo] password for root: "), root);
        let wrapped = "[sudo: [sudo] password for root: ] Password: ";
        assert_eq!(Wanted::by(wrapped), root);
        let own = "[sudo: authenticate] Password: ";
        assert_eq!(Wanted::by(own), Some(Wanted::SudoRs));
        let ssh = |by| {
            Some(Wanted::Ssh {
                by,
                user: "root",
                host: "db01.contoso.com",
            })
        };
        assert_eq!(
            Wanted::by("root@db01.contoso.com's password: "),
            ssh(PasswordUse::Ssh)
        );
        assert_eq!(
            Wanted::by("(root@db01.contoso.com) Password: "),
            ssh(PasswordUse::SshKeyboardInteractive)
        );
    }

    #[test]
    fn an_announced_prompt_is_known_from_both_sudos() {
        let prompt = announced("0123abcd").replace("%p", "root");
        let known = Some(Wanted::Announced {
            nonce: "0123abcd",
            user: "root",
        });
        assert_eq!(Wanted::by(&prompt), known);
        assert_eq!(Wanted::by(&format!("[sudo: {prompt}] Password: ")), known);
        assert!(prompt.starts_with(&begins("0123abcd")) && prompt.ends_with(ENDS));
    }

    #[test]
    fn everything_else_is_not() {
        for prompt in [
            "",
            "Password: ",
            "Verification code: ",
            "Enter root@db01's old password: ",
            "Enter root@db01's new password: ",
            "Retype root@db01's new password: ",
            "root@db01's password:",
            "root@db01's password: x",
            "x root@db01's password: ",
            "The authenticity of host 'db01' can't be established.",
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
            "Please type 'yes', 'no' or the fingerprint: ",
            "Enter passphrase for key '/root/.ssh/id_rsa': ",
            "(root@db01) Verification code: ",
            "(root@db01) password: ",
            "(root@db01) Password:",
            "(root@db01) (root@db02) Password: ",
            "(root@db01) New Password: ",
            "[sudo] password for root:",
            "[sudo] password for : ",
            "[sudo] password for root: x: ",
            "[sudo] Passwort f\u{fc}r root: ",
            "[sudo: [sudo: authenticate] Password: ] Password: ",
            "[sudo: anything] Password: ",
            "[pimento ] password for root: ",
            "[pimento xyz] password for root: ",
            "[pimento 01] password for root:",
            "[sudo] password for root: \n",
        ] {
            assert_eq!(Wanted::by(prompt), None, "{prompt:?}");
        }
    }
}
