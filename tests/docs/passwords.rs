//! docs/passwords.md: sudo here and there, and ssh, in an `/etc` of its own.

use std::fs;

use crate::inline;
use crate::reader::Reader;
use crate::support::etc::{Etc, NAME, OTHER};
use crate::support::public_key;
use crate::support::sshd::Sshd;
use crate::support::terminal::Terminal;
use crate::walk::Walk;

/// Passwords of this machine and of another, and a key that logs in there.
const MORE: &str = "[password.root-here]\nvault = \"linux\"\nsecret = \"db01-root\"\nuser = \"root\"\n\
    hosts = [\"localhost\"]\n\
    [password.root-there]\nvault = \"linux\"\nsecret = \"db01-root\"\nuser = \"root\"\n\
    hosts = [\"db02.contoso.com\", \"db02\"]\n\
    [password.deploy]\nvault = \"linux\"\nsecret = \"db01-root\"\nuser = \"deploy\"\n\
    hosts = [\"db02.contoso.com\"]\n";

/// A reader who is mia, and the host.
async fn reader() -> Option<(Reader, Sshd)> {
    let reader = Reader::new().await;
    let cloud = &reader.home.emulator;
    let root = cloud.change(|cloud| cloud.secret("kv-linux", "db01-root").unwrap().to_owned());
    let etc = Etc::new(
        &root,
        "Defaults rootpw\nDefaults env_keep += \"EDITOR\"\nDefaults secure_path=/usr/sbin:/usr/bin:/sbin:/bin",
    )?;
    etc.set_password(OTHER, &root);
    let key = public_key(cloud, "web-root-ssh").to_openssh().unwrap();
    let keys = etc.path("keys-");
    fs::write(etc.path(&format!("keys-{NAME}")), key).unwrap();
    let settings = format!(
        "PasswordAuthentication yes\nAuthorizedKeysFile {}%u\nSetEnv EDITOR=true SHLVL=1",
        keys.display()
    );
    let sshd = Sshd::start_in(&etc, &settings);
    let known = "hosts = [\"web*.contoso.com\"]";
    let example = reader.example();
    let hosts = "hosts = [\"db02.contoso.com\", \"db02\"]";
    reader.configures(&format!("{}{MORE}", example.replace(known, hosts)));
    reader.reaches(sshd.port, &sshd.host_key());
    Some((reader.in_etc(etc), sshd))
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_go_where_their_page_says() {
    let page = Walk::of("docs/passwords");
    let Some((reader, _sshd)) = reader().await else {
        page.stops("sudo is tried by root only");
        return;
    };
    let _agent = reader.agent();
    reader.types(&page.block("sudo"), 0, "0\n");
    if let Some(sudo) = reader.home.etc.as_ref().unwrap().sudo_rs() {
        let askpass = "export SUDO_ASKPASS=/usr/bin/pimento-askpass";
        let prompt = page.block("sudo-rs");
        let script = format!("{askpass}\n{prompt}{} -A id -u", sudo.display());
        reader.types(
            &script,
            0,
            "password root-here goes to sudo for root@localhost",
        );
    } else {
        let _not_built = page.block("sudo-rs");
    }
    reader.types(
        &page.block("ssh"),
        0,
        "password deploy goes to ssh for deploy@db02.contoso.com",
    );
    pimento_sudo(&page, &reader);
    inline::as_user_with_sudo(&reader);
}

fn pimento_sudo(page: &Walk, reader: &Reader) {
    let lines = page.lines("pimento-sudo");
    let [here, there, terminal, stdin, bridge] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    let agent = "export SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock\n";
    let [here, there, terminal, stdin, bridge] =
        [here, there, terminal, stdin, bridge].map(|line| format!("{agent}{line}"));
    reader.types(
        &here,
        0,
        "password root-here goes to sudo for root@localhost",
    );
    reader.types(
        &there,
        0,
        "password root-there goes to sudo for root@db02.contoso.com",
    );
    let (well, shown) = Terminal::run(&reader.shell(&terminal)).ends();
    assert!(well, "{shown}");
    reader.writes("motd", "hello\n", 0o600);
    reader.types(&stdin, 0, "hello\n");
    let motd = reader.home.etc.as_ref().unwrap().path("etc/motd");
    assert_eq!(fs::read_to_string(motd).unwrap(), "hello\n");
    let mut shell = Terminal::run(&reader.shell(&bridge));
    shell.types("sudo -A id -u; exit\n");
    let (well, shown) = shell.ends();
    assert!(well && shown.contains("\r\u{1b}[K0\r\n"), "{shown:?}");
}
