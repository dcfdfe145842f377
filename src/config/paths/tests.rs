use super::*;

fn paths(variables: &[(&str, &str)], overrides: Overrides) -> Result<Paths, PathsError> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    Paths::from_variables(variable, overrides)
}

#[cfg(unix)]
#[test]
fn the_xdg_variables_are_followed() {
    let variables = [
        ("HOME", "/home/ann"),
        ("XDG_CONFIG_HOME", "/c"),
        ("XDG_RUNTIME_DIR", "/run/user/7"),
        ("XDG_STATE_HOME", "/s"),
    ];
    let paths = paths(&variables, Overrides::default()).unwrap();
    assert_eq!(paths.config, Path::new("/c/pimento/config.toml"));
    assert_eq!(
        paths.agent_socket(),
        Path::new("/run/user/7/pimento/agent.sock")
    );
    assert_eq!(
        paths.control_socket(),
        Path::new("/run/user/7/pimento/control.sock")
    );
    assert_eq!(paths.audit(), Path::new("/s/pimento/audit"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_systems_folder_for_a_state_counts_where_it_is_the_users_own() {
    let states = tempfile::tempdir().unwrap();
    assert_eq!(of_system(states.path()), None);
    let uid = rustix::process::geteuid();
    let own = states.path().join(uid.as_raw().to_string());
    std::os::unix::fs::symlink("/etc", &own).unwrap();
    assert_eq!(of_system(states.path()), None, "a link");
    std::fs::remove_file(&own).unwrap();
    std::fs::create_dir(&own).unwrap();
    assert_eq!(of_system(states.path()), Some(own.clone()));
    if uid.is_root() {
        std::os::unix::fs::chown(&own, Some(1), None).unwrap();
        assert_eq!(of_system(states.path()), None, "somebody else's");
    }
}

#[cfg(unix)]
#[test]
fn a_relative_variable_is_ignored() {
    let variables = [
        ("HOME", "/home/ann"),
        ("XDG_CONFIG_HOME", "here"),
        ("XDG_RUNTIME_DIR", "/r"),
    ];
    let paths = paths(&variables, Overrides::default()).unwrap();
    assert_eq!(
        paths.config,
        Path::new("/home/ann/.config/pimento/config.toml")
    );
    assert_eq!(paths.state, Path::new("/home/ann/.local/state/pimento"));
}

#[cfg(unix)]
#[test]
fn without_a_home_the_message_says_so() {
    let error = paths(&[("XDG_RUNTIME_DIR", "/r")], Overrides::default()).unwrap_err();
    assert!(error.to_string().contains("HOME is not set"), "{error}");
}

#[cfg(unix)]
#[test]
fn an_option_wins_over_the_environment() {
    let overrides = Overrides {
        config: Some("/x/pimento.toml".into()),
        runtime: Some("/x/run".into()),
        state: Some("/x/state".into()),
    };
    let paths = paths(&[("XDG_RUNTIME_DIR", "/r")], overrides).unwrap();
    assert_eq!(paths.config, Path::new("/x/pimento.toml"));
    assert_eq!(paths.agent_socket(), Path::new("/x/run/agent.sock"));
    assert_eq!(paths.audit(), Path::new("/x/state/audit"));
    assert_eq!(paths.managed, managed());
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn a_folder_that_others_can_enter_is_not_used_for_sockets() {
    use std::os::unix::fs::PermissionsExt;
    let temporary = tempfile::tempdir().unwrap();
    let folder = fallback(temporary.path()).unwrap();
    std::fs::create_dir(&folder).unwrap();
    let mode = |mode| {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o755);
    let refused = PathsError::NotPrivate(folder.clone());
    assert_eq!(fallback(temporary.path()), Err(refused));
    mode(0o700);
    assert_eq!(fallback(temporary.path()), Ok(folder));
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn a_link_to_a_private_folder_is_not_used_for_sockets() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = fallback(temporary.path()).unwrap();
    std::os::unix::fs::symlink(temporary.path(), &folder).unwrap();
    assert!(fallback(temporary.path()).is_err());
}

#[cfg(target_os = "macos")]
#[test]
fn on_macos_the_sockets_are_in_the_users_home() {
    let paths = paths(&[("HOME", "/Users/ann")], Overrides::default()).unwrap();
    assert_eq!(
        paths.agent_socket(),
        Path::new("/Users/ann/.local/state/pimento/run/agent.sock")
    );
}

#[cfg(windows)]
#[test]
fn pipes_are_named_after_their_user_and_the_folder_that_was_chosen() {
    let variables = [("USERPROFILE", r"C:\Users\ann")];
    let usual = paths(&variables, Overrides::default()).unwrap();
    let user = crate::requester::this_user().unwrap();
    let agent = format!(r"\\.\pipe\pimento-{user}-agent");
    assert_eq!(usual.agent_socket(), Path::new(&agent));
    assert_eq!(
        usual.config,
        Path::new(r"C:\Users\ann\.config/pimento\config.toml")
    );
    let elsewhere = |folder: &str| {
        let overrides = Overrides {
            runtime: Some(folder.into()),
            ..Overrides::default()
        };
        paths(&variables, overrides).unwrap()
    };
    let (one, other) = (elsewhere(r"C:\one"), elsewhere(r"C:\other"));
    assert_ne!(one.agent_socket(), other.agent_socket());
    assert_ne!(one.agent_socket(), usual.agent_socket());
    let begins = format!(r"\\.\pipe\pimento-{user}-");
    assert!(one.agent_socket().to_string_lossy().starts_with(&begins));
    // Handed on as it is, it stays what it is.
    let again = elsewhere(&one.runtime.to_string_lossy());
    assert_eq!(again.control_socket(), one.control_socket());
}
