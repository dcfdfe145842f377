# The recipes that continuous integration and people run. `./check` runs the same commands on a bare machine.

# List the recipes.
default:
    @just --list

# Everything a change must pass, fastest first; installs what is missing.
check:
    ./check

# Format the sources.
fmt:
    cargo fmt

# Lints of everything, then of what packages are built from.
lint:
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --no-default-features -- -D warnings

# Duplicates, licences and sources of the dependency tree (no network).
deny:
    PATH="$PWD/target/tools/bin:$PATH" cargo deny --all-features check bans licenses sources

# Known vulnerabilities; fetches the advisory database from the network.
advisories:
    PATH="$PWD/target/tools/bin:$PATH" cargo deny check advisories

# Unit, property, end-to-end and contract tests.
test:
    cargo test --locked

# Only the contracts: descriptions, recordings, errors, Microsoft's own clients.
contracts:
    cargo test --locked --test contracts --test microsoft_clients

# The documentation, with broken links as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# Needs `./check release-tools`, as the two below.
# The Debian package and the RPM, without the emulator, with their bill of materials, in target/packages.
[positional-arguments]
packages *options:
    packaging/packages target/packages "$@"

# The tarball is made where there is a standard library for musl (`just musl`).
# Everything of a release, inspected, in target/release-VERSION: docs/releasing.md.
[positional-arguments]
release *options:
    #!/usr/bin/env bash
    set -euo pipefail
    if {{just_executable()}} _reaches {{arch()}}-unknown-linux-musl "as \`just musl\`"; then
        {{just_executable()}} musl {{arch()}} "$@"
        export PIMENTO_MUSL=target/static-musl
    fi
    packaging/dist "$@"

# Whether two builds of the last commit, in different places, have the same bytes.
[positional-arguments]
reproducible *options:
    packaging/reproducible "$@"

# The package's tests, on the package that `just packages` has made.
test-packages:
    PIMENTO_DEB="$(ls -t target/packages/pimento_*.deb | head -1)" cargo test --locked --test package

# The guided demonstration.
demo:
    cargo run --locked --release -- demo

# Needs a nightly compiler and `cargo install cargo-fuzz`. No sanitizer: what is fuzzed has no unsafe
# code of ours.
# Feed one target of fuzz/, or all of them in turn, for so many seconds each.
fuzz target="all" seconds="60":
    #!/usr/bin/env bash
    set -euo pipefail
    targets={{ if target == "all" { "$(cargo +nightly fuzz list)" } else { target } }}
    for name in $targets; do
        mkdir -p "fuzz/corpus/$name"
        cargo +nightly fuzz run --sanitizer none "$name" "fuzz/corpus/$name" "fuzz/seeds/$name" -- -max_total_time={{seconds}}
    done

# Needs `rustup component add --toolchain nightly miri`, and compiles all dependencies once more. The
# heap keeps its pages until the process ends, which is no leak.
# The module with unsafe code under Miri.
miri:
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" cargo +nightly miri test --locked --lib secret::locked

# For other systems: a folder with an `env.sh` that puts their compilers and standard libraries in
# reach, and Wine to run what is for Windows. Without it, rustup's targets are used.
cross := env("PIMENTO_CROSS", "")

# The whole program for Windows; its unit tests and the test of its pipes under Wine.
windows: (_reaches "x86_64-pc-windows-gnu" "gcc-mingw-w64-x86-64, and wine as CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER")
    #!/usr/bin/env bash
    set -euo pipefail
    [[ -z "{{cross}}" ]] || . "{{cross}}/env.sh"
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/cross}"
    cargo check --locked --target x86_64-pc-windows-gnu --no-default-features --features clipboard --lib --bins
    cargo test --locked --target x86_64-pc-windows-gnu --lib --test pipes

# It can neither be linked nor run without Apple's SDK.
# Everything for macOS, type-checked.
macos: (_reaches "aarch64-apple-darwin" "C compilers as CC_aarch64_apple_darwin and CXX_…, or stand-ins: nothing is linked")
    #!/usr/bin/env bash
    set -euo pipefail
    [[ -z "{{cross}}" ]] || . "{{cross}}/env.sh"
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/cross}"
    cargo check --locked --target aarch64-apple-darwin --no-default-features --features clipboard --lib --bins
    cargo check --locked --target aarch64-apple-darwin --lib --bins

# The programs of the tarball: static, so that they run on any Linux, in target/static-musl.
[positional-arguments]
musl arch=arch() *options: (_reaches arch + "-unknown-linux-musl" "musl-tools, or for another architecture than this one's cargo-zigbuild and zig (PyPI has both)")
    #!/usr/bin/env bash
    set -euo pipefail
    [[ -z "{{cross}}" ]] || . "{{cross}}/env.sh"
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/cross}"
    PIMENTO_TARGET={{arch}}-unknown-linux-musl packaging/build target/static-musl "${@:2}"
    for program in target/static-musl/*; do
        file "$program" | grep -E 'static(-pie|ally) linked'
        stat --printf='%n: %s bytes\n' "$program"
    done

# Whether there is a standard library for a target; says what is needed if not.
_reaches target more:
    #!/usr/bin/env bash
    set -euo pipefail
    [[ -z "{{cross}}" ]] || . "{{cross}}/env.sh"
    if [[ ! -d $(rustc --print target-libdir --target {{target}}) ]]; then
        echo 'needed: `rustup target add {{target}}`; '{{quote(more + "; or PIMENTO_CROSS")}} >&2
        exit 1
    fi
