//! What `SUDO_ASKPASS` and `SSH_ASKPASS` point at.

/// Wipes every block of memory that is freed, the password's included.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    pimento::cli::askpass()
}
