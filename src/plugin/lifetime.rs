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
    connections: watch::Sender<usize>,
}

impl Default for Lifetime {
    fn default() -> Self {
        Lifetime { end: CancellationToken::new(), connections: watch::Sender::new(0) }
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
        self.connections.send_modify(|open| *open += 1);
        OpenConnection(self.clone())
    }

    /// Resolves once the host is taken for dead: by its connections, which the operating system closes for it. This holds on
    /// every system, and for a host that runs the provider through a wrapper, where watching the parent process fails.
    pub async fn abandoned(&self, patience: &Patience) {
        let mut open = self.connections.subscribe();
        let mut limit = patience.for_the_first;
        while tokio::time::timeout(limit, open.wait_for(|open| *open > 0)).await.is_ok() {
            // The sender lives in `self`, so that waiting can't fail.
            let _ = open.wait_for(|open| *open == 0).await;
            limit = patience.after_the_last;
        }
    }
}

pub struct OpenConnection(Arc<Lifetime>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.send_modify(|open| *open -= 1);
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
                    tracing::trace!("interrupt ignored: the host decides");
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
