//! By which names hosts are known, and which keys are listed to them: real `ssh` and `sshd`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::{Command, Output};

use support::sshd::{run, settle};
use support::{KEYS, World};

/// For the name `host.test`, from the beginning of time to its end.
const VALID: [&str; 3] = ["-h", "-n", "host.test"];

/// Where `CA` stands for the host's authority and `KEY` for its key.
const TRUSTED: &str = "@cert-authority host.test CA\n";

/// A world whose host shows a certificate, and in which the agent's `known_hosts` is `text`.
async fn certified(options: &[&'static str], text: &str) -> (World, PathBuf) {
    let world = World::plan()
        .certified(options)
        .configured(|folder, text| {
            let mine = format!("known_hosts = [{:?}]", folder.join("known_hosts"));
            let lines = text.lines().map(|line| match line {
                line if line.starts_with("known_hosts = ") => mine.as_str(),
                line => line,
            });
            lines.collect::<Vec<_>>().join("\n")
        })
        .start()
        .await;
    let file = world.folder().join("known_hosts");
    let text = text
        .replace("CA", &world.sshd.authority().to_openssh().unwrap())
        .replace("KEY", &world.sshd.host_key().to_openssh().unwrap());
    settle(&file, &text);
    (world, file)
}

/// Runs `ssh` as a person does who names no key; `options` come first, and so win.
async fn ssh(world: &World, options: &[&str]) -> Output {
    let usual = world.sshd.ssh(&world.paths.agent_socket(), "host.test");
    let mut ssh = Command::new("ssh");
    ssh.args(options).args(usual.get_args());
    ssh.env_remove("SSH_AUTH_SOCK");
    tokio::task::spawn_blocking(move || ssh.output().unwrap())
        .await
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes `ssh` take the certificate although its own `known_hosts` has the plain key only.
const SHOWN: [&str; 2] = ["-o", "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"];

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_known_by_its_certificate_to_ssh_and_to_the_agent() {
    let (world, known) = certified(&VALID, TRUSTED).await;
    let known = format!("UserKnownHostsFile={}", known.display());
    let login = ssh(&world, &["-v", "-o", &known]).await;
    assert!(login.status.success(), "{}", stderr(&login));
    assert!(
        stderr(&login).contains("Server host certificate"),
        "{}",
        stderr(&login)
    );
    let asked = world.records();
    let host = asked.iter().find_map(|event| event.get("host")).unwrap();
    assert_eq!(host, "host.test");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_certificate_does_not_count_is_refused_and_told_why() {
    let expired = ["-h", "-n", "host.test", "-V", "20200101:20200102"];
    let later = ["-h", "-n", "host.test", "-V", "20990101:20990102"];
    let elsewhere = ["-h", "-n", "elsewhere.test"];
    for (options, known, why) in [
        (&expired[..], TRUSTED, "it is not valid at this time"),
        (&later, TRUSTED, "it is not valid at this time"),
        (
            &elsewhere,
            TRUSTED,
            "its certificate is for \"elsewhere.test\"",
        ),
        (
            &elsewhere,
            "@cert-authority * CA\n",
            "the host is elsewhere.test, and none is for it",
        ),
        (
            &VALID,
            "@cert-authority * CA\n@revoked * CA\n",
            "revokes the authority that signed its certificate",
        ),
        (
            &VALID,
            "@cert-authority * CA\n@revoked * KEY\n",
            "known_hosts revokes its key",
        ),
        (
            &VALID,
            "host.test KEY\n",
            "no @cert-authority line of known_hosts",
        ),
    ] {
        let (world, _) = certified(options, known).await;
        let login = ssh(&world, &SHOWN).await;
        assert!(!login.status.success(), "{options:?} {known}");
        let told = world.why();
        assert_eq!(told.code(), "binding");
        assert!(told.to_string().contains(why), "{told}");
        assert_eq!(world.calls(), Vec::<String>::new());
    }
}

/// Eight keys more than usual, for hosts that match `hosts`, all in front of the usual ones.
async fn crowded(hosts: &'static str) -> World {
    let eight = move |folder: &std::path::Path, text: String| {
        let mut keys = String::new();
        for number in 0..8 {
            let file = folder.join(format!("other{number}"));
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&file));
            let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
            keys.push_str(&format!(
                "[key.a{number}]\nvault = \"linux\"\nsecret = \"web-root-ssh\"\n\
                 public_key = \"{}\"\nhosts = [\"{hosts}\"]\n",
                public.trim()
            ));
        }
        text.replacen("[key.", &format!("{keys}[key."), 1)
    };
    World::plan().configured(eight).start().await
}

/// How many keys `ssh -v` has put before the server.
fn offered(login: &Output) -> usize {
    stderr(login).matches("Offering public key").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_for_other_hosts_do_not_use_up_the_servers_patience() {
    let world = crowded("other*.test").await;
    let login = ssh(&world, &["-v"]).await;
    assert!(login.status.success(), "{}", stderr(&login));
    assert_eq!(offered(&login), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_keys_for_one_host_than_the_server_has_patience_for_do_use_it_up() {
    let world = crowded("host.test").await;
    let login = ssh(&world, &["-v"]).await;
    assert!(!login.status.success());
    assert_eq!(offered(&login), 6);
    assert!(
        stderr(&login).contains("Too many authentication failures"),
        "{}",
        stderr(&login)
    );
}

/// The comments of the keys that `ssh-add -l` on the far side of a login shows.
async fn listed_there(change: fn(String) -> String) -> Vec<String> {
    let world = World::plan()
        .configured(move |_, text| change(text))
        .start()
        .await;
    // The agent is lent to the host; the login itself is still a local request.
    let usual = world.sshd.ssh(&world.paths.agent_socket(), "host.test");
    let mut words: Vec<_> = usual.get_args().collect();
    words.pop();
    let mut ssh = Command::new("ssh");
    ssh.arg("-A").args(words).arg("ssh-add -l");
    ssh.env("SSH_AUTH_SOCK", world.paths.agent_socket());
    let output = tokio::task::spawn_blocking(move || ssh.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    // Whatever it lists, ssh-add says something: a login that failed is no empty list.
    assert!(
        !said.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    if said.contains("The agent has no identities.") {
        return Vec::new();
    }
    let comment = |line: &str| line.split(' ').nth(2).unwrap().to_owned();
    said.lines().map(comment).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_host_that_the_agent_is_lent_to_only_keys_that_may_be_lent_are_listed() {
    assert_eq!(listed_there(|text| text).await, Vec::<String>::new());
    // Where the keys go on from there is not known, so `hosts` takes none of them out.
    let lent = |text: String| {
        let db = text.find("[key.db]").unwrap();
        let (front, back) = text.split_at(db);
        let back = back.replacen(
            "hosts = [\"host.test\"]",
            "hosts = [\"far.test\"]\nforwarded = \"allow\"",
            1,
        );
        format!("{front}{back}")
    };
    assert_eq!(listed_there(lent).await, ["db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_binding_every_key_is_listed_and_after_a_broken_one_none() {
    use pimento::agent::message::{Request, Response};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    async fn ask(stream: &mut UnixStream, message: &[u8]) -> Vec<u8> {
        stream
            .write_u32(u32::try_from(message.len()).unwrap())
            .await
            .unwrap();
        stream.write_all(message).await.unwrap();
        let length = stream.read_u32().await.unwrap();
        let mut answer = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    }

    let world = World::start().await;
    let mut stream = UnixStream::connect(world.paths.agent_socket())
        .await
        .unwrap();
    let list = Request::Identities.encode();
    let listed = ask(&mut stream, &list).await;
    assert_eq!(Response::identities(&listed).unwrap().len(), KEYS.len());
    ask(&mut stream, &Request::SessionBind(b"no binding").encode()).await;
    let listed = ask(&mut stream, &list).await;
    assert_eq!(Response::identities(&listed).unwrap(), []);
    assert!(
        world.why().to_string().contains("binding"),
        "{}",
        world.why()
    );
}
