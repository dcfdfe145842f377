//! The `pimento` command.

/// Wipes every block of memory that is freed: what TLS, serde and the runtime copied included.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    pimento::cli::main()
}
