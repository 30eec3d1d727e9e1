//! When the process ends: at the host's request, or when the host is gone.
//!
//! Owns the count of open connections and the signals. It closes nothing itself: others wait for it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a host may be without a connection before it is taken for dead.
pub struct Patience {
    pub for_the_first: Duration,
    pub after_the_last: Duration,
}

/// A host connects right after the handshake, and keeps its connection as long as it lives.
pub const PATIENCE: Patience = Patience { for_the_first: Duration::from_secs(60), after_the_last: Duration::from_secs(2) };

pub struct Lifetime {
    end: CancellationToken,
    connections: watch::Sender<Connections>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Connections {
    open: usize,
    /// All there ever were: one that came and went at once is seen by this alone.
    ever: usize,
}

impl Default for Lifetime {
    fn default() -> Self {
        Lifetime { end: CancellationToken::new(), connections: watch::Sender::new(Connections::default()) }
    }
}

impl Lifetime {
    /// Asks for the end: no new connections, and calls under way finish.
    pub fn end(&self) {
        self.end.cancel();
    }

    /// Resolves once the end was asked for.
    pub async fn ended(self: Arc<Self>) {
        self.end.cancelled().await;
    }

    /// Counts one connection for as long as the guard lives.
    pub fn connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.send_modify(|connections| {
            connections.open += 1;
            connections.ever += 1;
        });
        OpenConnection(self.clone())
    }

    /// Resolves once the host is taken for dead: by its connections, which the operating system closes for it. This holds on
    /// every system, and for a host that runs the provider through a wrapper, where watching the parent process fails.
    pub async fn abandoned(&self, patience: &Patience) {
        let mut connections = self.connections.subscribe();
        let (mut limit, mut seen) = (patience.for_the_first, 0);
        while tokio::time::timeout(limit, connections.wait_for(|now| now.ever > seen)).await.is_ok() {
            // The sender lives in `self`, so that waiting can't fail.
            seen = connections.wait_for(|now| now.open == 0).await.map_or(seen, |now| now.ever);
            limit = patience.after_the_last;
        }
    }
}

pub struct OpenConnection(Arc<Lifetime>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.send_modify(|connections| connections.open -= 1);
    }
}

/// Ctrl-C in a terminal reaches the whole process group. The host then says by StopProvider what is to stop, so that the
/// signal itself is ignored, unless there is no host (`interruptible`). Other requests to end remove the socket first.
///
/// # Errors
/// The operating system refuses the handlers.
#[cfg(unix)]
pub fn follow_signals(lifetime: &Arc<Lifetime>, interruptible: bool) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let lifetime = lifetime.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {
                    if interruptible {
                        break;
                    }
                    tracing::trace!("interrupt ignored: the host decides when to stop");
                }
                _ = terminate.recv() => break,
                _ = hang_up.recv() => break,
            }
        }
        lifetime.end();
    });
    Ok(())
}

#[cfg(not(unix))]
pub fn follow_signals(lifetime: &Arc<Lifetime>, interruptible: bool) -> io::Result<()> {
    let lifetime = lifetime.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if interruptible {
                return lifetime.end();
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Patience = Patience { for_the_first: Duration::from_millis(400), after_the_last: Duration::from_millis(200) };

    #[tokio::test]
    async fn a_host_that_never_connects_is_dead() {
        let begin = std::time::Instant::now();
        Lifetime::default().abandoned(&SHORT).await;
        assert!(begin.elapsed() >= SHORT.for_the_first);
    }

    #[tokio::test]
    async fn a_host_that_comes_and_goes_at_once_is_dead_soon() {
        const PATIENT: Patience = Patience { for_the_first: Duration::from_secs(60), ..SHORT };
        let lifetime = Arc::new(Lifetime::default());
        let begin = std::time::Instant::now();
        // Both before the one who waits for it has its turn: it never sees an open connection.
        let host = async { drop(lifetime.connection()) };
        tokio::join!(lifetime.abandoned(&PATIENT), host);
        assert!(begin.elapsed() >= SHORT.after_the_last && begin.elapsed() < PATIENT.for_the_first / 2);
    }

    #[tokio::test]
    async fn a_host_that_reconnects_lives_on() {
        let lifetime = Arc::new(Lifetime::default());
        let host = async {
            let first = lifetime.connection();
            tokio::time::sleep(SHORT.for_the_first * 2).await;
            drop(first);
            tokio::time::sleep(SHORT.after_the_last / 4).await;
            let second = lifetime.connection();
            tokio::time::sleep(SHORT.for_the_first).await;
            drop(second);
            std::time::Instant::now()
        };
        let (gone, ()) = tokio::join!(host, lifetime.abandoned(&SHORT));
        assert!(gone.elapsed() >= SHORT.after_the_last);
    }
}
