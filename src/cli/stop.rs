//! What ends a command that goes on until it is told to: keys, signals, a terminal that is closed.

use std::io;
use std::pin::Pin;

/// Waits to be told; listens from when it is made.
pub(super) struct Stop(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Stop {
    /// Returns once it was told to end.
    pub(super) async fn asked(self) {
        self.0.await;
    }
}

#[cfg(unix)]
mod system {
    use futures_util::future::select_all;
    use tokio::signal::unix::{SignalKind, signal};

    use super::{Stop, io};

    impl Stop {
        /// Ctrl-C, or a service manager's SIGTERM. A terminal that is closed ends it without its
        /// hearing of it, unless `nohup` has it go on.
        pub(in super::super) fn of_service() -> io::Result<Self> {
            Self::by(&[SignalKind::interrupt(), SignalKind::terminate()])
        }

        /// The same, or that its terminal is closed.
        pub(in super::super) fn of_terminal() -> io::Result<Self> {
            Self::by(&[
                SignalKind::interrupt(),
                SignalKind::terminate(),
                SignalKind::hangup(),
            ])
        }

        fn by(kinds: &[SignalKind]) -> io::Result<Self> {
            let signals = kinds.iter().copied().map(signal);
            let mut signals = signals.collect::<io::Result<Vec<_>>>()?;
            Ok(Self(Box::pin(async move {
                select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
            })))
        }
    }
}

#[cfg(windows)]
mod system {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

    use super::{Stop, io};

    impl Stop {
        /// Ctrl-C, Ctrl-Break, a console that is closed, or the end of the machine's day.
        pub(in super::super) fn of_service() -> io::Result<Self> {
            let (mut key, mut other) = (ctrl_c()?, ctrl_break()?);
            let (mut closed, mut shutdown) = (ctrl_close()?, ctrl_shutdown()?);
            Ok(Self(Box::pin(async move {
                tokio::select! {
                    _ = key.recv() => {}
                    _ = other.recv() => {}
                    _ = closed.recv() => {}
                    _ = shutdown.recv() => {}
                }
            })))
        }

        /// The same.
        pub(in super::super) fn of_terminal() -> io::Result<Self> {
            Self::of_service()
        }
    }
}
