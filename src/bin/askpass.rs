//! What `SUDO_ASKPASS` and `SSH_ASKPASS` point at.

fn main() {}
