//! A service that would not be the agent of the shell that asks for it.

use std::fs;

use crate::support::home::{Home, text};

/// A `systemctl` that answers what it is asked, and writes down what it is told to do.
const SYSTEMCTL: &str = "#!/bin/sh
case $* in
*show-environment*) printf 'HOME=%s\\nXDG_RUNTIME_DIR=/run/user/7\\n' \"$HOME\" ;;
*is-active*) echo inactive; exit 3 ;;
*) echo \"$*\" >> \"$HOME/told\" ;;
esac
";

#[tokio::test(flavor = "multi_thread")]
async fn units_that_would_start_another_agent_are_not_written() {
    let home = Home::new().await;
    let folder = home.folder.path();
    let program = folder.join("tools/systemctl");
    fs::create_dir(folder.join("tools")).unwrap();
    fs::write(&program, SYSTEMCTL).unwrap();
    fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.join("tools").display());
    let mut install = home.pimento(&["service", "install", "--ssh-auth-sock"]);
    // Not the one of a login that the tests may have.
    install.env("HOME", folder).env("PATH", path);
    install.env_remove("XDG_CONFIG_HOME");
    let refused = tokio::task::spawn_blocking(move || install.output().unwrap())
        .await
        .unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for what in ["the configuration ", "the sockets ", "environment.d"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert!(said.contains(", there /run/user/7/pimento"), "{said}");
    assert!(!folder.join("told").exists() && !folder.join(".config/systemd").exists());
}
