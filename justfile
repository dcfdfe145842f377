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
    cargo deny --all-features check bans licenses sources

# Known vulnerabilities; fetches the advisory database from the network.
advisories:
    cargo deny check advisories

# Unit, property, end-to-end and contract tests.
test:
    cargo test --locked

# Only the contracts: descriptions, recordings, errors, Microsoft's own clients.
contracts:
    cargo test --locked --test contracts --test microsoft_clients

# The documentation, with broken links as errors.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# For packages: nothing has to be loaded and bound when sudo or ssh starts it, which is a third of its
# time. It resolves no names, so that glibc can be linked in.
# The askpass helper without shared libraries, in target/static.
askpass:
    #!/usr/bin/env bash
    set -euo pipefail
    host=$(rustc -vV | sed -n 's/^host: //p')
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --no-default-features \
        --bin pimento-askpass --target "$host" --target-dir target/static

# Needs cargo-deb (`./check tools` builds it into target/tools) and `cargo install cargo-generate-rpm`.
# The Debian package and the RPM, without the emulator, in target/debian and target/generate-rpm.
packages: askpass
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --locked --release --no-default-features --features clipboard --bin pimento
    host=$(rustc -vV | sed -n 's/^host: //p')
    programs=target/package-programs
    mkdir -p "$programs"
    cp target/release/pimento "target/static/$host/release/pimento-askpass" "$programs"
    packaging/stage "$programs"
    PATH="$PWD/target/tools/bin:$PATH" cargo deb --no-build --no-strip
    cargo generate-rpm --payload-compress zstd

# The package's tests, on the package that `just packages` has made.
test-packages:
    PIMENTO_DEB="$(ls -t target/debian/pimento_*.deb | head -1)" cargo test --locked --test package

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
