//! What was decided before a package comes, and what is there when it goes.

use crate::setup::{Installed, same};
use crate::support::home::text;

/// Waits until the agent that was started by hand listens.
const BY_HAND: &str = "pimento agent >~/agent.log 2>&1 & \
                       timeout 30 sh -c 'until pimento keys >/dev/null; do sleep 0.05; done'";
const LISTS: &str = "SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock ssh-add -l";

#[tokio::test(flavor = "multi_thread")]
async fn a_package_opens_no_socket_that_is_turned_off_and_takes_none_from_an_agent_started_by_hand()
{
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    let dpkg = |file: &str| machine.ok(&format!("dpkg -i {}", installed.home.path(file).display()));
    machine.start_manager();
    installed.install();
    assert_eq!(installed.systemctl("is-active pimento.socket"), "active");
    machine.ok("systemctl --global disable pimento.socket");
    machine.user_ok("systemctl --user stop pimento.socket pimento.service");
    dpkg("later.deb");
    assert_eq!(installed.systemctl("is-active pimento.socket"), "inactive");

    machine.ok("systemctl --global enable pimento.socket");
    machine.user_ok(BY_HAND);
    let listed = machine.user_ok(LISTS);
    dpkg("pimento.deb");
    assert_eq!(installed.systemctl("is-active pimento.socket"), "inactive");
    assert_eq!(machine.user_ok(LISTS), listed);
    machine.user_ok("pkill -x pimento");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_follows_no_link_that_a_user_has_put_in_the_sockets_place() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    machine.ok("mkdir -p /run/other && touch /run/other/other.sock.lock");
    machine.user_ok(
        "systemctl --user stop pimento.socket; rm -rf $XDG_RUNTIME_DIR/pimento; \
         ln -s /run/other $XDG_RUNTIME_DIR/pimento",
    );
    machine.ok("dpkg --purge pimento");
    machine.ok("test -e /run/other/other.sock.lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_between_the_package_and_units_of_their_own_has_the_ones_they_asked_for() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    machine.user_ok("install -D /usr/bin/pimento ~/own/pimento");
    let path = || installed.systemctl("show --value -p FragmentPath pimento.socket");
    let variable = "readlink -f ~/.config/environment.d/60-pimento.conf";
    let packaged = "/usr/share/pimento/60-pimento.conf\n";
    let program = || {
        let pid = installed.systemctl("show --value -p MainPID pimento.service");
        machine.ok(&format!("readlink /proc/{pid}/exe"))
    };
    let own = installed.home.path(".config/systemd/user/pimento.socket");

    // To units of one's own, over the link that the package leaves behind.
    machine.user_ok("pimento service install --ssh-auth-sock");
    assert_eq!(machine.user_ok(variable), packaged);
    machine.ok("dpkg --purge pimento");
    machine.user_ok("~/own/pimento service install --ssh-auth-sock");
    assert_eq!(path(), own.display().to_string());
    assert_ne!(machine.user_ok(variable), packaged);
    machine.user_ok(LISTS);
    assert!(program().contains("/own/pimento"), "{}", program());

    // To the package's, which one's own would hide from systemd.
    installed.install();
    let told = machine.user_ok("pimento service status");
    assert!(told.contains(&own.display().to_string()), "{told}");
    let told = machine.user_ok("pimento service install --ssh-auth-sock");
    assert!(
        told.contains(&format!("removed {}", own.display())),
        "{told}"
    );
    assert!(
        path().ends_with("/lib/systemd/user/pimento.socket"),
        "{}",
        path()
    );
    assert_eq!(machine.user_ok(variable), packaged);
    assert_eq!(program(), "/usr/bin/pimento\n");

    // Turned off while the package was there, and on again when it is gone.
    machine.user_ok("pimento service uninstall");
    machine.ok("dpkg --purge pimento");
    machine.user_ok("~/own/pimento service install");
    assert_eq!(path(), own.display().to_string());
    machine.user_ok(LISTS);

    // Turned off with both there.
    installed.install();
    machine.user_ok("pimento service uninstall");
    let status = machine.user("pimento service status").output().unwrap();
    assert!(
        text(&status.stdout).contains("masked"),
        "{}",
        text(&status.stdout)
    );
}
