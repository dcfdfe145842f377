use super::*;
use crate::catalog::testing::{certificate, key, password};
use crate::catalog::{ClientCertificateSpec, Part};
use crate::known_hosts::Nameless;

fn ask(credential: Credential, end: End) -> Ask {
    Ask {
        credential: Arc::new(credential),
        end,
        program: "ssh".to_owned(),
        said: Said::default(),
    }
}

fn login(route: Route) -> End {
    End::Sign {
        what: Signed::Login {
            user: "root".to_owned(),
        },
        route,
    }
}

fn sshsig(namespace: &str) -> End {
    let what = Signed::SshSig {
        namespace: namespace.to_owned(),
    };
    End::Sign {
        what,
        route: Route::Unbound,
    }
}

fn bound(names: &[&str]) -> Route {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Route::Bound {
        fingerprint: "SHA256:abc".to_owned(),
        names: if names.is_empty() {
            Err(Nameless::Unknown)
        } else {
            Ok(names)
        },
        forwarded: false,
    }
}

fn forwarded() -> Route {
    let names = vec!["web01".to_owned()];
    Route::Bound {
        fingerprint: "SHA256:abc".to_owned(),
        names: Ok(names),
        forwarded: true,
    }
}

fn with_key(change: impl FnOnce(&mut SigningRules)) -> Credential {
    let mut credential = key("web");
    if let Kind::Key(key) = &mut credential.kind {
        change(&mut key.rules);
    }
    credential
}

fn for_hosts(hosts: &[&str]) -> Credential {
    let mut credential = key("web");
    credential.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    credential
}

fn code(credential: Credential, end: End) -> Result<(), &'static str> {
    judge(ask(credential, end))
        .map(|_| ())
        .map_err(|refusal| refusal.code())
}

#[test]
fn a_certificate_goes_into_files_and_is_never_shown() {
    for part in [Part::Both, Part::Certificate, Part::Key] {
        assert_eq!(code(certificate("web"), End::File(part)), Ok(()));
        assert_eq!(code(password("db"), End::File(part)), Err("unsupported"));
        assert_eq!(code(key("web"), End::File(part)), Err("unsupported"));
    }
    assert_eq!(code(certificate("web"), End::Reveal), Err("policy"));
    let mut asked = certificate("web");
    asked.kind = Kind::ClientCertificate(ClientCertificateSpec { confirm: true });
    let grant = judge(ask(asked, End::File(Part::Key))).unwrap();
    assert!(grant.to_be_confirmed());
}

#[test]
fn a_login_over_a_proven_connection_is_granted() {
    assert_eq!(code(key("web"), login(bound(&["web01"]))), Ok(()));
    assert_eq!(code(key("web"), login(bound(&[]))), Ok(()));
}

#[test]
fn a_login_without_a_proof_of_the_host_is_refused() {
    assert_eq!(code(key("web"), login(Route::Unbound)), Err("binding"));
    let broken = Route::Broken {
        why: "wrong signature".to_owned(),
    };
    assert_eq!(code(key("web"), login(broken)), Err("binding"));
}

#[test]
fn a_broken_proof_is_refused_even_where_none_is_needed() {
    let credential = with_key(|key| key.unbound = Permission::Allow);
    assert_eq!(code(credential, login(Route::Unbound)), Ok(()));
    let credential = with_key(|key| key.unbound = Permission::Allow);
    let broken = Route::Broken {
        why: "wrong signature".to_owned(),
    };
    assert_eq!(code(credential, login(broken)), Err("binding"));
    let what = Signed::SshSig {
        namespace: "git".to_owned(),
    };
    let credential = with_key(|key| key.uses = vec![Use::Any]);
    let route = Route::Broken {
        why: "wrong signature".to_owned(),
    };
    assert_eq!(code(credential, End::Sign { what, route }), Err("binding"));
}

#[test]
fn a_forwarded_connection_is_a_privilege_of_its_own() {
    assert_eq!(code(key("web"), login(forwarded())), Err("binding"));
    let credential = with_key(|key| key.forwarded = Permission::Allow);
    assert_eq!(code(credential, login(forwarded())), Ok(()));
}

#[test]
fn a_key_for_certain_hosts_is_refused_elsewhere() {
    let allowed = ["web*.contoso.com"];
    assert_eq!(
        code(for_hosts(&allowed), login(bound(&["web1.contoso.com"]))),
        Ok(())
    );
    assert_eq!(
        code(for_hosts(&allowed), login(bound(&["db1.contoso.com"]))),
        Err("binding")
    );
    assert_eq!(code(for_hosts(&allowed), login(bound(&[]))), Err("binding"));
}

#[test]
fn a_key_for_certain_hosts_needs_a_proof_even_if_unbound_clients_are_allowed() {
    let mut credential = with_key(|key| key.unbound = Permission::Allow);
    credential.hosts = vec!["*".to_owned()];
    assert_eq!(code(credential, login(Route::Unbound)), Err("binding"));
}

#[test]
fn a_key_signs_only_what_its_uses_say() {
    let unknown = || End::Sign {
        what: Signed::Unknown,
        route: Route::Unbound,
    };
    let certificate = || End::Sign {
        what: Signed::Certificate,
        route: Route::Unbound,
    };
    assert_eq!(code(key("web"), sshsig("git")), Err("policy"));
    assert_eq!(code(key("web"), unknown()), Err("policy"));
    assert_eq!(code(key("web"), certificate()), Err("policy"));
    let git = || with_key(|key| key.uses = vec![Use::Git]);
    assert_eq!(code(git(), sshsig("git")), Ok(()));
    assert_eq!(code(git(), sshsig("file")), Err("policy"));
    assert_eq!(code(git(), login(bound(&["web01"]))), Err("policy"));
    let any = || with_key(|key| key.uses = vec![Use::Any]);
    assert_eq!(code(any(), unknown()), Ok(()));
    assert_eq!(code(any(), certificate()), Ok(()));
}

#[test]
fn a_key_is_never_shown_and_a_password_never_signs() {
    assert_eq!(code(key("web"), End::Reveal), Err("unsupported"));
    assert_eq!(
        code(password("db"), login(bound(&["db"]))),
        Err("unsupported")
    );
    assert_eq!(code(password("db"), End::Reveal), Ok(()));
}

#[test]
fn the_justification_names_program_user_and_host() {
    let grant = judge(ask(key("web"), login(bound(&["web01"])))).unwrap();
    assert_eq!(grant.reason().unwrap(), "ssh to root@web01 with web");
}

#[test]
fn a_reason_given_by_the_person_wins_and_a_missing_one_is_not_invented() {
    let mut credential = key("web");
    let mut given = ask(key("web"), login(bound(&["web01"])));
    given.said.reason = Some("INC-1".to_owned());
    assert_eq!(judge(given).unwrap().reason().unwrap(), "INC-1");
    let vault = Arc::get_mut(&mut credential.vault).unwrap();
    Arc::get_mut(&mut vault.window).unwrap().reason = Reason::Ask;
    let grant = judge(ask(credential, login(bound(&["web01"])))).unwrap();
    assert_eq!(grant.reason(), None);
}

#[test]
fn a_grant_says_whether_a_person_has_to_confirm() {
    let confirmed = with_key(|key| {
        key.confirm = true;
        key.uses = vec![Use::Any];
        key.unbound = Permission::Allow;
    });
    let grant = judge(ask(confirmed, login(Route::Unbound))).unwrap();
    assert!(grant.to_be_confirmed());
    let plain = judge(ask(key("web"), login(bound(&["web01"])))).unwrap();
    assert!(!plain.to_be_confirmed());
    let shown = judge(ask(password("db"), End::Reveal)).unwrap();
    assert!(!shown.to_be_confirmed());
}

#[test]
fn a_confirmation_is_no_way_around_a_rule() {
    let confirmed = with_key(|key| key.confirm = true);
    let refusal = judge(ask(confirmed, login(forwarded()))).unwrap_err();
    assert_eq!(refusal.code(), "binding");
}

#[test]
fn a_reason_that_a_person_gave_is_the_grants() {
    let grant = judge(ask(password("db"), End::Reveal)).unwrap();
    let grant = grant.with_reason("INC-1".to_owned());
    assert_eq!(grant.reason().unwrap(), "INC-1");
}

fn given(to: PasswordUse, user: Option<&str>, host: &str) -> End {
    End::Give(Receiver {
        to,
        user: user.map(str::to_owned),
        host: host.to_owned(),
        command: vec!["backup.service".to_owned()],
    })
}

fn with_password(change: impl FnOnce(&mut Credential, &mut PasswordSpec)) -> Credential {
    let mut credential = password("db");
    let Kind::Password(mut spec) = credential.kind.clone() else {
        panic!("it is a password")
    };
    credential.hosts = vec!["db*".to_owned()];
    change(&mut credential, &mut spec);
    credential.kind = Kind::Password(spec);
    credential
}

#[test]
fn a_password_goes_to_its_account_on_its_hosts_by_its_uses() {
    let code = |end| code(with_password(|_, _| {}), end);
    assert_eq!(code(given(PasswordUse::Ssh, Some("root"), "db01")), Ok(()));
    assert_eq!(code(given(PasswordUse::Sudo, None, "db01")), Ok(()));
    let refused = Err("no_match");
    assert_eq!(code(given(PasswordUse::Ssh, Some("ann"), "db01")), refused);
    assert_eq!(
        code(given(PasswordUse::Ssh, Some("root"), "web01")),
        refused
    );
    for unlisted in [
        PasswordUse::Docker,
        PasswordUse::Git,
        PasswordUse::SshKeyboardInteractive,
        PasswordUse::SudoRs,
        PasswordUse::Systemd,
    ] {
        let end = given(unlisted, Some("root"), "db01");
        assert_eq!(code(end), Err("policy"), "{unlisted:?}");
    }
}

#[test]
fn a_password_without_hosts_is_for_no_program_and_one_without_reveal_is_never_shown() {
    let nowhere = with_password(|credential, _| credential.hosts.clear());
    let end = given(PasswordUse::Sudo, Some("root"), "localhost");
    assert_eq!(code(nowhere, end), Err("no_match"));
    let hidden = with_password(|_, password| password.uses = vec![PasswordUse::Sudo]);
    assert_eq!(code(hidden, End::Reveal), Err("policy"));
}

#[test]
fn a_service_gets_a_password_by_the_name_of_its_unit_only() {
    let for_unit = |unit: &str| {
        let unit = unit.to_owned();
        with_password(|_, password| {
            password.uses = vec![PasswordUse::Systemd];
            password.units = vec![unit];
        })
    };
    let end = || given(PasswordUse::Systemd, None, "localhost");
    assert_eq!(code(for_unit("backup.service"), end()), Ok(()));
    assert_eq!(code(for_unit("back*.service"), end()), Ok(()));
    assert_eq!(code(for_unit("other.service"), end()), Err("policy"));
}

#[test]
fn to_have_something_ready_is_no_use_of_it() {
    let prepare = || End::Prepare {
        user: None,
        host: "web01".to_owned(),
    };
    assert_eq!(code(key("web"), prepare()), Ok(()));
    let confirmed = with_password(|_, password| password.confirm = true);
    assert!(!judge(ask(confirmed, prepare())).unwrap().to_be_confirmed());
    let confirmed = with_password(|_, password| password.confirm = true);
    assert!(
        judge(ask(confirmed, End::Reveal))
            .unwrap()
            .to_be_confirmed()
    );
}
