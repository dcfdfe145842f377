//! What of the pages is not run, and why; and what a reader puts in the place of an example.

use crate::support::{CLIENT, GROUP};

/// Something that a page has and no test runs.
#[derive(Debug, PartialEq)]
pub(crate) enum What<'a> {
    /// A whole block, by its name.
    Block(&'a str),
    /// A line of a block that is run otherwise.
    Line(&'a str),
}

/// Why it is not run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    /// A drawing, an address for a browser, or a query for a page of Microsoft's: no command.
    NoCommand,
    /// Windows only: its pipes, its services, PowerShell on it, or WSL.
    Windows,
    /// macOS only.
    MacOs,
    /// It needs a live tenant.
    Live,
    /// It installs a package: `tests/package` does, and Homebrew is nowhere here.
    Package,
    /// It builds, tests or measures the project itself.
    Project,
    /// The protocol or program is tried in `tests/recipes`, where this is only named.
    Recipe,
    /// It fetches from an address: `tests/admin/include.rs` has one.
    Address,
}

/// By page, what is left out of it, and why.
pub(crate) const LEFT_OUT: [(&str, What, Why); 23] = [
    ("ARCHITECTURE", What::Block("the-path"), Why::NoCommand),
    ("README", What::Block("how-it-works"), Why::NoCommand),
    ("README", What::Line("./check"), Why::Project),
    ("docs/audit", What::Block("join"), Why::NoCommand),
    (
        "docs/azure-conformance",
        What::Block("tenant-file"),
        Why::Live,
    ),
    ("docs/azure-conformance", What::Block("live"), Why::Live),
    (
        "docs/azure-setup",
        What::Line("terraform init && terraform plan"),
        Why::Live,
    ),
    (
        "docs/azure-setup",
        What::Block("consent-link"),
        Why::NoCommand,
    ),
    ("docs/azure-setup", What::Block("eligible"), Why::Live),
    (
        "docs/configuration",
        What::Line(
            "    { url = \"https://intranet.contoso.com/pimento.toml\", sha256 = \"9f86d081884c7d65…\" },",
        ),
        Why::Address,
    ),
    (
        "docs/fleet",
        What::Line("- name: pimento is installed"),
        Why::Package,
    ),
    (
        "docs/fleet",
        What::Line("  ansible.builtin.apt:"),
        Why::Package,
    ),
    (
        "docs/fleet",
        What::Line("    deb: https://intranet.contoso.com/pimento_0.1.0-1_amd64.deb"),
        Why::Package,
    ),
    ("docs/macos", What::Block("install"), Why::MacOs),
    ("docs/macos", What::Block("ssh-config"), Why::MacOs),
    ("docs/operating", What::Block("confined"), Why::Package),
    ("docs/operating", What::Block("package"), Why::Package),
    ("docs/releasing", What::Block("make"), Why::Project),
    ("docs/releasing", What::Block("unoptimised"), Why::Project),
    ("docs/windows", What::Block("install"), Why::Windows),
    ("docs/windows", What::Block("one-pipe"), Why::Windows),
    ("docs/windows", What::Block("ssh-config"), Why::Windows),
    ("docs/wsl", What::Block("wsl-conf"), Why::Windows),
];

/// What a reader writes instead, wherever it stands, and who they are.
pub(crate) const OWN: [(&str, &str); 13] = [
    // The example's ids.
    ("11111111-2222-3333-4444-555555555555", CLIENT),
    ("66666666-2222-3333-4444-555555555555", GROUP),
    (
        "77777777-2222-3333-4444-555555555555",
        "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6c",
    ),
    (
        "--client-id GUID",
        "--client-id 7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22",
    ),
    // Built before the test, as what it runs.
    ("cargo run --release -- demo", "pimento demo"),
    ("cargo run -- emulator", "pimento emulator"),
    // Ports that others of this machine may have.
    ("--port 8443 --admin-port 8444", "--port 0 --admin-port 0"),
    // A person waits until the agent says that it listens.
    (
        "pimento agent &",
        "pimento agent 2> agent.log & until grep -q 'is listening' agent.log; do kill -0 $!; done",
    ),
    // A service of theirs.
    ("systemctl restart nginx", "id -u"),
    ("systemctl reload ssh", "true"),
    // A store of passwords of theirs.
    ("pass show db01", "cat db01.txt"),
    // Whoever runs the tests may log in on this machine.
    ("sign_in = \"browser\"", "sign_in = \"device-code\""),
    ("ssh root@", "ssh -l \"$USER\" "),
];
