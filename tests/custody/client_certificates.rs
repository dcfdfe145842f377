//! Certificates of a vault, used by curl against a server of TLS that asks for one.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pimento::emulator::Scenario;

use crate::support::home::{Home, Running, text};
use crate::support::memory;
use crate::support::tls::serve;

/// The certificates of the configuration.
const NAMES: [&str; 6] = ["web-client", "sealed", "bad-0", "bad-1", "bad-2", "bad-3"];
const BOTH: &str = "BOTH=pimento://linux/web-client";
const CERT: &str = "CERT=pimento://linux/web-client?part=certificate";
const KEY: &str = "KEY=pimento://linux/web%2Dclient?part=key";

/// An agent that is signed in, with a certificate in its vault, and a server that asks for one.
struct Site {
    home: Home,
    agent: Running,
    server: Child,
    url: String,
}

impl Site {
    async fn new() -> Self {
        let mut scenario = Scenario::example().unwrap();
        let vault = scenario
            .vaults
            .iter_mut()
            .find(|it| it.name == "kv-linux")
            .unwrap();
        for (name, exportable) in [("web-client", true), ("sealed", false)] {
            let made = vault.certificates.entry(name.to_owned());
            made.or_default().exportable = exportable;
        }
        let home = Home::in_scenario(scenario).await.configured(|config| {
            let entry = |name: &str| {
                format!("[certificate.{name}]\nvault = \"linux\"\nsecret = \"{name}\"\n")
            };
            NAMES
                .iter()
                .fold(config, |config, name| config + &entry(name))
        });
        let agent = home.agent();
        home.sign_in();
        for (name, by) in [
            ("root", None),
            ("middle", Some("root")),
            ("server", Some("root")),
        ] {
            issue(&home, name, "ec", by);
        }
        issue(&home, "client", "rsa", Some("middle"));
        let trusted = home.emulator.change(|cloud| cloud.client_authority());
        fs::write(home.path("trusted.pem"), trusted + &read(&home, "root.crt")).unwrap();
        let (server, port) = serve(home.folder.path());
        let url = format!("https://localhost:{port}/");
        Self {
            home,
            agent,
            server,
            url,
        }
    }

    fn run(&self, options: &[&str], curl: &[&str]) -> Output {
        let root = self.home.path("root.crt");
        let host = self.url.replace("https://", "").replace('/', "") + ":127.0.0.1";
        let start = [
            "--",
            "curl",
            "-sS",
            "--resolve",
            &host,
            "--cacert",
            root.to_str().unwrap(),
        ];
        let mut command = self.home.pimento(&["run"]);
        command.args(options).args(start).args(curl).arg(&self.url);
        command.output().unwrap()
    }

    /// Puts another version into the secret of the certificate, in a window of its own.
    fn put(&self, value: &str) {
        let _was_open = self.home.run(&["close", "linux-root"]);
        self.home
            .emulator
            .change(|cloud| cloud.put_certificate("kv-linux", "web-client", value));
    }

    fn audit(&self) -> String {
        fs::read_to_string(self.home.path("state/audit/audit.jsonl")).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _reaped = self.server.wait();
    }
}

fn read(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path(name)).unwrap()
}

fn openssl(home: &Home, arguments: &[&str]) {
    let mut command = Command::new("openssl");
    let done = command
        .args(arguments)
        .current_dir(home.folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?} {done:?}");
}

fn issue(home: &Home, name: &str, key: &str, by: Option<&str>) {
    let (subject, out, private) = (
        format!("/CN={name}"),
        format!("{name}.crt"),
        format!("{name}.key"),
    );
    let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30", "-subj", &subject];
    arguments.extend([
        "-out",
        &out,
        "-keyout",
        &private,
        "-addext",
        "subjectAltName=DNS:localhost",
    ]);
    arguments.extend(match key {
        "ec" => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"][..],
        _ => &["-newkey", "rsa:2048"],
    });
    let by = by.map(|by| (format!("{by}.crt"), format!("{by}.key")));
    if let Some((certificate, key)) = &by {
        arguments.extend(["-CA", certificate, "-CAkey", key]);
    }
    openssl(home, &arguments);
}

fn let_in(answer: &Output, name: &str) {
    assert!(answer.status.success(), "{answer:?}");
    let page = text(&answer.stdout);
    assert!(page.contains("Client certificate"), "{page}");
    assert!(page.contains(&format!("Subject: CN={name}")), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_logs_in_with_a_certificate_of_the_vault() {
    let site = Site::new().await;
    let nobody = site.run(&[], &[]);
    assert!(!nobody.status.success(), "{nobody:?}");
    let two = ["--cert", "{CERT}", "--key", "{KEY}"];
    let_in(
        &site.run(&["--file", CERT, "--file", KEY], &two),
        "web-client",
    );
    let_in(
        &site.run(&["--file", BOTH], &["--cert", "{BOTH}"]),
        "web-client",
    );
    let by_name = site.run(&["--file", "BOTH=web-client"], &["--cert", "{BOTH}"]);
    let_in(&by_name, "web-client");
    let without_key = site.run(&["--file", CERT], &["--cert", "{CERT}"]);
    assert!(!without_key.status.success(), "{without_key:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_with_pem_and_with_every_kind_of_pkcs12() {
    let site = Site::new().await;
    let home = &site.home;
    let start = ["pkcs12", "-export", "-passout", "pass:", "-out", "file"];
    let chain = [
        "-in",
        "client.crt",
        "-inkey",
        "client.key",
        "-certfile",
        "middle.crt",
    ];
    let windows = [
        "-keypbe",
        "PBE-SHA1-3DES",
        "-certpbe",
        "PBE-SHA1-3DES",
        "-macalg",
        "sha1",
    ];
    let mut values =
        vec![read(home, "middle.crt") + &read(home, "client.key") + &read(home, "client.crt")];
    for options in [&[][..], &["-legacy"], &windows] {
        openssl(home, &[&start[..], &chain, options].concat());
        values.push(STANDARD.encode(fs::read(home.path("file")).unwrap()));
    }
    for value in values {
        site.put(&value);
        let two = ["--cert", "{CERT}", "--key", "{KEY}"];
        let_in(&site.run(&["--file", CERT, "--file", KEY], &two), "client");
        let_in(
            &site.run(&["--file", BOTH], &["--cert", "{BOTH}"]),
            "client",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_has_the_part_before_it_leaves_and_a_key_counts_as_revealed() {
    let site = Site::new().await;
    let_in(
        &site.run(
            &["--file", CERT, "--file", KEY],
            &["--cert", "{CERT}", "--key", "{KEY}"],
        ),
        "web-client",
    );
    let audit = site.audit();
    for part in ["certificate", "key"] {
        let is = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.pointer("/event").unwrap() == "released"
                && line.pointer("/end").unwrap() == "reveal"
                && line.pointer("/part").is_some_and(|it| it == part)
                && line.pointer("/secret").unwrap() == "web-client"
        };
        assert_eq!(audit.lines().filter(|line| is(line)).count(), 1, "{audit}");
    }
    let status = text(&site.home.run(&["status", "--json"]).stdout);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        status.pointer("/revealed/0/credential").unwrap(),
        "web-client"
    );
    assert_eq!(status.pointer("/revealed/0/times").unwrap(), 1);
    assert!(!audit.contains("BEGIN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_window_takes_the_files_away() {
    let site = Site::new().await;
    let script = "openssl x509 -in $CERT -noout && openssl pkey -in $KEY -noout && echo ready; \
                  read -r _; cat $KEY || cat $CERT || echo gone";
    let mut run = site
        .home
        .pimento(&["run", "--signal", "none", "--no-masking"]);
    run.args(["--file", CERT, "--file", KEY, "--", "sh", "-c", script]);
    let mut run = run
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(run.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    // That PIM does not end it yet takes nothing from this.
    let _closed_here = site.home.run(&["close", "linux-root"]);
    let hints = BufReader::new(run.stderr.take().unwrap()).lines();
    let mut hints = hints.map_while(Result::ok);
    assert!(hints.any(|hint| hint.contains("its files are gone")));
    run.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "gone\n");
    assert!(run.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_goes_nowhere_but_into_files() {
    let site = Site::new().await;
    let started = site.home.path("started");
    let touch = ["--", "touch", started.to_str().unwrap()];
    let refused = |options: &[&str]| {
        let mut run = site.home.pimento(&["run"]);
        run.args(options).args(touch).output().unwrap()
    };
    for options in [
        &["--env", "A=web-client"][..],
        &["--env", "A=pimento://linux/web-client?part=key"],
        &["--env", "A={pimento://linux/web-client?part=certificate}"],
        &["--env", KEY, "--file", KEY],
    ] {
        let no = refused(options);
        assert_eq!(no.status.code(), Some(6), "{options:?} {no:?}");
        assert!(text(&no.stderr).contains("is never shown"), "{no:?}");
        assert!(text(&no.stderr).contains("pimento run --file"), "{no:?}");
    }
    for name in ["web-client", "pimento://linux/web-client?part=key"] {
        let shown = site.home.run(&["password", name]);
        assert_eq!(shown.status.code(), Some(6), "{shown:?}");
        assert!(shown.stdout.is_empty());
    }
    let no_part = refused(&["--file", "A=pimento://linux/db01-root?part=key"]);
    assert_eq!(no_part.status.code(), Some(4), "{no_part:?}");
    let leaf = refused(&["--file", "A=pimento://linux/web-client?part=leaf"]);
    assert_eq!(leaf.status.code(), Some(2), "{leaf:?}");
    assert!(text(&leaf.stderr).contains("part=certificate"), "{leaf:?}");
    assert!(!started.exists());
    assert!(!site.audit().contains("\"released\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vault_has_and_curl_could_not_use_is_refused_with_a_remedy() {
    let site = Site::new().await;
    let home = &site.home;
    issue(home, "other", "ec", None);
    let [client, key, other, other_key] =
        ["client.crt", "client.key", "other.crt", "other.key"].map(|it| read(home, it));
    let export = "pkcs12 -export -passout pass:x -out file -in client.crt -inkey client.key";
    openssl(home, &export.split(' ').collect::<Vec<_>>());
    let locked = STANDARD.encode(fs::read(home.path("file")).unwrap());
    let cases = [
        (
            format!("{key}{other}"),
            "belongs to none of its certificates",
        ),
        (
            format!("{key}{other_key}{client}"),
            "more than one private key",
        ),
        (locked, "encrypted with a password"),
        ("hunter2!".to_owned(), "neither PEM nor PKCS#12"),
    ];
    for (number, (value, why)) in cases.into_iter().enumerate() {
        let name = format!("bad-{number}");
        home.emulator
            .change(|cloud| cloud.put_certificate("kv-linux", &name, &value));
        let no = site.run(&["--file", &format!("BOTH={name}")], &["--cert", "{BOTH}"]);
        assert!(text(&no.stderr).contains(why), "{no:?}");
        assert!(
            text(&no.stderr).contains("az keyvault certificate"),
            "{no:?}"
        );
        assert!(no.stdout.is_empty(), "{no:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_key_that_cannot_be_exported_the_certificate_alone_is_given() {
    let site = Site::new().await;
    let home = &site.home;
    let sealed = ["--file", "CERT=pimento://linux/sealed?part=certificate"];
    let took = home.run(
        &[
            &["run"],
            &sealed[..],
            &["--", "sh", "-c", "openssl x509 -in $CERT -noout"],
        ]
        .concat(),
    );
    assert!(took.status.success(), "{took:?}");
    let no = home.run(&[
        "run",
        "--file",
        "KEY=pimento://linux/sealed?part=key",
        "--",
        "true",
    ]);
    assert!(text(&no.stderr).contains("not exportable"), "{no:?}");
    let audit = site.audit();
    let released = audit.lines().filter(|line| line.contains("\"released\""));
    assert_eq!(released.count(), 1, "{audit}");
    assert!(text(&no.stderr).contains("?part=certificate"), "{no:?}");
}

/// Where the kernel has no `memfd_secret`, root can read locked memory; pimento says so itself.
#[tokio::test(flavor = "multi_thread")]
async fn no_copy_of_the_key_is_in_readable_memory_of_the_agent() {
    let site = Site::new().await;
    let_in(
        &site.run(&["--file", BOTH], &["--cert", "{BOTH}"]),
        "web-client",
    );
    let status = text(&site.home.run(&["status"]).stdout);
    if status.contains("root can read") || !rustix::process::getuid().is_root() {
        return;
    }
    let value = site
        .home
        .emulator
        .change(|cloud| cloud.secret("kv-linux", "web-client").unwrap().to_owned());
    let line = value.lines().nth(1).unwrap().as_bytes();
    let der = STANDARD.decode(line).unwrap();
    let (_, end) = der.split_at(der.len() - 16);
    let found = || {
        let maps = memory::readable(site.agent.0.id());
        let has = |part: &[u8]| {
            maps.iter()
                .any(|map| map.windows(part.len()).any(|it| it == part))
        };
        assert!(has(b"kv-linux"));
        has(line) || has(end)
    };
    // The connection that it went over may not be closed yet.
    let closed = (0..50).any(|_| !found());
    assert!(closed);
}
