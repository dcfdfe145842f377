//! Through a proxy, and by an authority that the environment names: no word of it is configured.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::home::{Home, text};
use crate::{REVEAL, device_login};

/// A proxy that takes every host for the emulator, and notes what it was asked for.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that answers with `status` before it lets anybody through.
    async fn start(emulator: SocketAddr, status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let notes = Arc::clone(&notes);
                tokio::spawn(async move { tunnel(client, emulator, status, &notes).await });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

async fn tunnel(
    client: TcpStream,
    emulator: SocketAddr,
    status: &str,
    notes: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut client = BufReader::new(client);
    let mut line = String::new();
    client.read_line(&mut line).await.ok()?;
    let host = line.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    notes.lock().unwrap().push(host);
    while line.trim() != "" {
        line.clear();
        client.read_line(&mut line).await.ok()?;
    }
    let answer = format!("HTTP/1.1 {status}\r\n\r\n");
    client.write_all(answer.as_bytes()).await.ok()?;
    if status.starts_with("200") {
        let mut cloud = TcpStream::connect(emulator).await.ok()?;
        copy_bidirectional(&mut client, &mut cloud).await.ok()?;
    }
    Some(())
}

/// The configuration of somebody who has Microsoft's cloud and nothing special.
fn plain(text: String) -> String {
    text.split("[danger]").next().unwrap().to_owned()
}

const ESTABLISHED: &str = "200 Connection established";

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_the_proxy_and_trusts_the_authority_that_the_environment_names() {
    let home = Home::new().await.configured(plain);
    let proxy = Proxy::start(home.emulator.address(), ESTABLISHED).await;
    let authority = home.path("ca.pem");
    let _agent = home.agent_with(&[
        ("HTTPS_PROXY", &proxy.address),
        ("SSL_CERT_FILE", authority.to_str().unwrap()),
    ]);
    assert_eq!(device_login(&home).0, Some(0));
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    let hosts = [
        "graph.microsoft.com:443",
        "kv-linux.vault.azure.net:443",
        "login.microsoftonline.com:443",
    ];
    assert_eq!(proxy.asked(), hosts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_the_environment_excepts_is_reached_without_the_proxy() {
    let home = Home::new().await.configured(|text| {
        let others = |line: &&str| !line.starts_with("\"kv-") && !line.starts_with("\"graph.");
        let kept: Vec<&str> = text.lines().filter(others).collect();
        kept.join("\n")
    });
    let proxy = Proxy::start(home.emulator.address(), ESTABLISHED).await;
    let _agent = home.agent_with(&[
        ("HTTPS_PROXY", &proxy.address),
        ("NO_PROXY", "login.microsoftonline.com"),
    ]);
    assert_eq!(device_login(&home).0, Some(0));
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    let hosts = ["graph.microsoft.com:443", "kv-linux.vault.azure.net:443"];
    assert_eq!(proxy.asked(), hosts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_told_and_not_gone_around() {
    let home = Home::new().await;
    let refuses = "407 Proxy Authentication Required";
    let proxy = Proxy::start(home.emulator.address(), refuses).await;
    let _agent = home.agent_with(&[("HTTPS_PROXY", &proxy.address)]);
    let refused = home.run(&["login", "--device-code"]);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("proxy"), "{told}");
    assert_eq!(proxy.asked(), ["login.microsoftonline.com:443"]);
    assert_eq!(home.emulator.count("entra.devicecode"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_nobody_named_is_not_trusted() {
    let home = Home::new().await.configured(plain);
    let proxy = Proxy::start(home.emulator.address(), ESTABLISHED).await;
    let _agent = home.agent_with(&[("HTTPS_PROXY", &proxy.address)]);
    let refused = home.run(&["login", "--device-code"]);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("certificate"), "{told}");
    assert_eq!(home.emulator.count("entra.devicecode"), 0);
}
