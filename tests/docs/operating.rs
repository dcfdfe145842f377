//! docs/operating.md: services, the agent, ssh, the clipboard.

use std::fs;

use crate::reader::Reader;
use crate::walk::Walk;

#[tokio::test(flavor = "multi_thread")]
async fn operating_is_as_its_page_says() {
    let page = Walk::of("docs/operating");
    service(&page, &Reader::new().await);
    own_agent(&page, &Reader::new().await);
    let reader = Reader::new().await;
    let lines = page.lines("start");
    let _agent = reader.starts(&lines[0]);
    let listed = reader.ok(&format!("{}\nssh-add -l", lines[1..].join("\n")));
    assert!(listed.out.contains("web (ED25519)"), "{listed:?}");
    only_some_hosts(&page, &reader);
    before_ssh_connects(&page, &reader);
    on_the_clipboard(&page, &reader);
}

/// Units and a variable come and go, and the socket starts an agent that serves.
fn service(page: &Walk, reader: &Reader) {
    let lines = page.lines("service");
    let script = format!(
        "{}\n{}\ncat .config/environment.d/60-pimento.conf\n\
         SSH_AUTH_SOCK=\"$XDG_RUNTIME_DIR/pimento/agent.sock\" ssh-add -l\n{}\n\
         ls .config/systemd/user\n{}\nls .config/systemd/user .config/environment.d",
        lines[0], lines[1], lines[2], lines[3]
    );
    let Some(ran) = reader.managed(&script) else {
        return;
    };
    for said in [
        "enabled and started pimento.socket",
        "SSH_AUTH_SOCK=${XDG_RUNTIME_DIR}/pimento/agent.sock",
        "web (ED25519)",
        "socket    active, enabled",
        "stopped and disabled pimento.socket",
    ] {
        assert!(ran.out.contains(said), "{said}: {ran:?}");
    }
    assert!(
        ran.out
            .ends_with(".config/environment.d:\n\n.config/systemd/user:\n"),
        "{ran:?}"
    );
}

/// In the place of `ssh-agent`.
fn own_agent(page: &Walk, reader: &Reader) {
    let script = format!(
        "{}ssh-keygen -q -t ed25519 -N '' -f own\nssh-add -q own\nssh-add -l\npimento ssh-agent -k",
        page.block("ssh-agent")
    );
    let ran = reader.ok(&script);
    assert!(ran.out.contains("(ED25519)"), "{ran:?}");
}

/// ssh by its own configuration, without the variable.
fn only_some_hosts(page: &Walk, reader: &Reader) {
    let config = fs::read_to_string(reader.home.path(".ssh/config")).unwrap();
    let more = page.block("ssh-config");
    reader.writes(".ssh/config", &format!("{more}{config}"), 0o600);
    reader.ok("ssh root@web1.contoso.com true");
    assert_eq!(reader.recorded("released"), 1);
    reader.writes(".ssh/config", &config, 0o600);
    reader.ok("pimento close --all || true");
}

/// ssh opens what it needs by `pimento preflight`.
fn before_ssh_connects(page: &Walk, reader: &Reader) {
    reader.ok(&page.block("write-keys"));
    let config = fs::read_to_string(reader.home.path(".ssh/config")).unwrap();
    // ssh looks for it beside the configuration of the home that the machine knows.
    let included = reader.home.path(".ssh/pimento.conf");
    let config = format!("Include {}\n{config}", included.display());
    reader.writes(".ssh/config", &config, 0o600);
    let login = reader.ok("ssh root@web1.contoso.com true");
    assert!(login.err.contains("PIM: active"), "{login:?}");
    let site = "- hosts: localhost\n  gather_facts: false\n  tasks: [{ ping: {} }]\n";
    reader.writes("site.yml", site, 0o600);
    let played = reader.ok(&page.block("preflight"));
    assert!(played.out.contains("ok=1"), "{played:?}");
}

/// Pasted once, and then no longer there.
fn on_the_clipboard(page: &Walk, reader: &Reader) {
    let display = "coproc X { exec Xvfb -noreset -displayfd 1 -nolisten tcp -screen 0 64x64x24 2> /dev/null; }\n\
                   read -r number <&${X[0]}; export DISPLAY=:$number";
    let paste = "xclip -o -selection clipboard 2> /dev/null";
    for line in page.lines("clipboard") {
        let (command, _) = line.split_once('#').unwrap_or((&line, ""));
        let script = format!(
            "{display}\n{command} & copied=$!\n\
             until {paste} | grep -q pw-; do kill -0 $copied; done\nwait $copied\n! {paste}"
        );
        reader.ok(&script);
    }
}
