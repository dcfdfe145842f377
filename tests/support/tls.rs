//! A server that lets nobody in without a certificate.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Serves what it knows of its client, by `server.crt`, `server.key` and `trusted.pem` of this folder;
/// with its port.
pub fn serve(folder: &Path) -> (Child, String) {
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-Verify", "3"])
        .args(["-verify_return_error", "-CAfile", "trusted.pem"])
        .args(["-cert", "server.crt", "-key", "server.key"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let port = lines.find_map(|line| Some(line.strip_prefix("ACCEPT 127.0.0.1:")?.to_owned()));
    std::thread::spawn(move || lines.for_each(drop));
    (server, port.unwrap())
}
