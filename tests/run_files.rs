//! Which programs take a file of `pimento run`: the table of docs/recipes/run.md, row by row.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use support::etc::{self, Etc};
use support::home::{Home, text};
use support::ready::{AWKWARD, Ready};

const FILE: &str = "F=pimento://linux/app-db";

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// Serves one connection on loopback.
fn served<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let serving = std::thread::spawn(move || serve(listener.accept().unwrap().0));
    (port, serving)
}

/// A server of PostgreSQL's protocol that asks for the password, and lets everybody in.
fn postgres(mut client: TcpStream) -> String {
    let message = |client: &mut TcpStream| {
        let mut length = [0; 4];
        client.read_exact(&mut length).unwrap();
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        client.read_exact(&mut body).unwrap();
        body
    };
    let kind = |client: &mut TcpStream| {
        let mut kind = [0];
        client.read_exact(&mut kind).unwrap();
        kind[0]
    };
    message(&mut client);
    client.write_all(b"R\0\0\0\x08\0\0\0\x03").unwrap();
    assert_eq!(kind(&mut client), b'p');
    let password = text(message(&mut client).strip_suffix(b"\0").unwrap());
    client
        .write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
        .unwrap();
    assert_eq!(kind(&mut client), b'Q');
    message(&mut client);
    client
        .write_all(b"C\0\0\0\x0bLISTEN\0Z\0\0\0\x05I")
        .unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    password
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_takes_its_line_if_colons_are_escaped() {
    let ready = Ready::new().await;
    let psql = |template: &str| {
        let (port, serving) = served(postgres);
        let file = format!("PGPASSFILE=127.0.0.1:*:*:app:{template}");
        let options = [
            "--file",
            &file,
            "--",
            "psql",
            "-X",
            "-w",
            "-c",
            "listen x",
            "-h",
            "127.0.0.1",
        ];
        let server = format!("port={port} user=app dbname=db sslmode=disable gssencmode=disable");
        let ran = ready.run(&[&options[..], &["-d", &server]].concat());
        assert!(!text(&ran.stderr).contains("password file"), "{ran:?}");
        assert!(ran.status.success(), "{ran:?}");
        serving.join().unwrap()
    };
    assert_eq!(psql("{pimento://linux/app-db|pgpass}"), AWKWARD);
    assert_eq!(psql("{pimento://linux/app-db}"), "p");
}

/// Answers one request, and gives what it was authorised by.
fn http(mut client: TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    client
        .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        .unwrap();
    let request = text(&request);
    let basic = request
        .lines()
        .find_map(|line| line.strip_prefix("Authorization: Basic "));
    text(&STANDARD.decode(basic.unwrap_or_default()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_takes_netrc_and_options_between_quotes() {
    let ready = Ready::new().await;
    let curl = |file: &str, option: &str| {
        let (port, serving) = served(http);
        let url = format!("http://127.0.0.1:{port}/");
        let arguments = ["--file", file, "--", "curl", "-sS", option, "{F}", &url];
        succeeded(&ready.run(&arguments));
        serving.join().unwrap()
    };
    let netrc = "F=machine 127.0.0.1 login app password \"{pimento://linux/app-db|quoted}\"";
    assert_eq!(curl(netrc, "--netrc-file"), format!("app:{AWKWARD}"));
    let options = "F=user = \"app:{pimento://linux/app-db|quoted}\"";
    assert_eq!(curl(options, "-K"), format!("app:{AWKWARD}"));
    let bare = "F=machine 127.0.0.1 login app password {pimento://linux/app-db}";
    assert_ne!(curl(bare, "--netrc-file"), format!("app:{AWKWARD}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sshpass_types_what_is_in_it() {
    let ready = Ready::new().await;
    let script = "printf 'Password: ' >/dev/tty; read -r typed </dev/tty; printf '%s' \"$typed\"";
    let arguments = [
        "--no-masking",
        "--file",
        FILE,
        "--",
        "sshpass",
        "-f",
        "{F}",
        "sh",
        "-c",
        script,
    ];
    assert_eq!(succeeded(&ready.run(&arguments)), AWKWARD);
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_reads_it_as_a_password() {
    let ready = Ready::new().await;
    let script = "echo secret text | openssl enc -aes-256-cbc -pbkdf2 -a -pass file:$F | \
                  openssl enc -d -aes-256-cbc -pbkdf2 -a -pass env:PW";
    let run =
        |password: &str| ready.run(&["--file", FILE, "--env", password, "--", "sh", "-c", script]);
    assert_eq!(succeeded(&run("PW=app-db")), "secret text\n");
    assert!(!run("PW=db01-root").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_reads_it_as_a_password() {
    let ready = Ready::new().await;
    let folder = ready.home.path("backup");
    let repository = folder.to_str().unwrap();
    let restic = |file: &str, verb: &[&str]| {
        let start = [
            "--file",
            file,
            "--",
            "restic",
            "--no-cache",
            "-r",
            repository,
        ];
        ready.run(&[&start[..], &["--password-file", "{F}"], verb].concat())
    };
    let file = "RESTIC_PASSWORD_FILE=app-db";
    succeeded(&ready.run(&[
        "--file",
        file,
        "--",
        "restic",
        "--no-cache",
        "-r",
        repository,
        "init",
    ]));
    succeeded(&restic(FILE, &["cat", "config"]));
    let wrong = restic("F=db01-root", &["cat", "config"]);
    assert!(text(&wrong.stderr).contains("wrong password"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gpg_reads_it_as_a_passphrase() {
    let ready = Ready::new().await;
    let home = ready.home.path("gnupg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let gpg = "gpg --batch --quiet --no-symkey-cache --pinentry-mode loopback";
    let script = format!(
        "echo text | {gpg} --passphrase-file $F -c -o $GNUPGHOME/x && \
         printf '%s' \"$PW\" | {gpg} --passphrase-fd 0 -d $GNUPGHOME/x"
    );
    let run = |password: &str| {
        let _new = fs::remove_file(home.join("x"));
        let options = ["--file", FILE, "--env", password, "--", "sh", "-c", &script];
        ready
            .command(&options)
            .env("GNUPGHOME", &home)
            .output()
            .unwrap()
    };
    let (right, wrong) = (run("PW=app-db"), run("PW=db01-root"));
    let agent = ["--homedir", home.to_str().unwrap(), "--kill", "all"];
    assert!(
        Command::new("gpgconf")
            .args(agent)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(succeeded(&right), "text\n");
    assert!(!wrong.status.success(), "{wrong:?}");
}

/// ssh closes what it has inherited before it reads anything.
#[tokio::test(flavor = "multi_thread")]
async fn ssh_reads_it_although_it_inherits_nothing() {
    let ready = Ready::new().await;
    let file = "F=# {pimento://linux/app-db}\nHostName reached.test";
    let options = ["--file", file, "--", "ssh", "-G", "-F", "{F}", "anywhere"];
    let settings = succeeded(&ready.run(&options));
    assert!(settings.contains("hostname reached.test\n"), "{settings}");
    let script = "exec 7<$F; ssh -G -F /proc/self/fd/7 anywhere";
    let inherited = ready.run(&["--file", file, "--", "sh", "-c", script]);
    assert!(!inherited.status.success(), "{inherited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ansible_takes_it_for_a_vault_and_for_no_login() {
    let ready = Ready::new().await;
    let vault = ready.home.path("vault.yml");
    fs::write(&vault, "a: b\n").unwrap();
    let ansible = |arguments: &[&str]| {
        let mut command = ready.command(&[&["--file", FILE, "--"], arguments].concat());
        // Without it, Ansible would refuse for another reason.
        command.env("LC_ALL", "C.UTF-8").output().unwrap()
    };
    for (verb, option, file) in [
        ("encrypt", "--vault-password-file", "{F}"),
        ("decrypt", "--vault-id", "x@{F}"),
    ] {
        succeeded(&ansible(&[
            "ansible-vault",
            verb,
            option,
            file,
            vault.to_str().unwrap(),
        ]));
        let encrypted = fs::read_to_string(&vault)
            .unwrap()
            .starts_with("$ANSIBLE_VAULT;");
        assert_eq!(encrypted, verb == "encrypt");
    }
    for option in ["--become-password-file", "--connection-password-file"] {
        let host = [
            "ansible",
            "-i",
            "localhost,",
            "-c",
            "local",
            "-m",
            "ping",
            "all",
        ];
        let refused = ansible(&[&host[..], &[option, "{F}"]].concat());
        assert!(!refused.status.success(), "{refused:?}");
        assert!(
            text(&refused.stderr).contains("/memfd:pimento (deleted) was not found"),
            "{refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_exact_and_a_text_is_a_line() {
    let ready = Ready::new().await;
    let cat = |value: &str| {
        let file = format!("F={value}");
        let options = [
            "--no-masking",
            "--file",
            &file,
            "--",
            "sh",
            "-c",
            "cat {F}; cat $F",
        ];
        succeeded(&ready.run(&options))
    };
    assert_eq!(cat("app-db"), AWKWARD.repeat(2));
    assert_eq!(
        cat("{pimento://linux/app-db}"),
        format!("{AWKWARD}\n").repeat(2)
    );
    assert_eq!(
        cat("{pimento://linux/app-db}\n"),
        format!("{AWKWARD}\n").repeat(2)
    );
    // Braces of anything else are the command's own.
    let other = ready.run(&["--file", FILE, "--", "echo", "{}", "{G}", "{F", "F}"]);
    assert_eq!(text(&other.stdout), "{} {G} {F F}\n");
}

/// Root reads any file, so this is about two users who are not.
#[tokio::test(flavor = "multi_thread")]
async fn the_users_own_programs_can_read_a_file_and_other_users_cannot() {
    let Some(etc) = Etc::new("root's own", "") else {
        return;
    };
    let home = Home::new().await.in_etc(etc);
    let _agent = home.agent();
    home.sign_in();
    let script = "import subprocess; print(F, flush=True); input(); subprocess.run(['cat', F])";
    let script = format!("F = '{{F}}'; {script}");
    let options = [
        "run",
        "--no-masking",
        "--file",
        "F=db01-root",
        "--",
        "python3",
        "-c",
        &script,
    ];
    let mut run = home.pimento(&options);
    let mut run = run
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(run.stdout.take().unwrap());
    let mut path = String::new();
    stdout.read_line(&mut path).unwrap();
    let cat = |user: u32| {
        let mut cat = Command::new("setpriv");
        cat.args([format!("--reuid={user}"), format!("--regid={user}")]);
        cat.args(["--clear-groups", "cat", path.trim()]);
        cat.output().unwrap()
    };
    let canary = home
        .emulator
        .change(|cloud| cloud.secret("kv-linux", "db01-root").unwrap().to_owned());
    assert_eq!(text(&cat(etc::ID).stdout), canary);
    let refused = cat(etc::OTHER_ID);
    assert!(
        text(&refused.stderr).contains("Permission denied"),
        "{refused:?}"
    );
    assert!(refused.stdout.is_empty());
    run.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut read = String::new();
    stdout.read_to_string(&mut read).unwrap();
    assert_eq!(read, canary);
    assert!(run.wait().unwrap().success());
    assert!(!cat(etc::ID).status.success());
}
