//! A panic is a bug of ours; it costs the call it happens in, never the process and the other calls under way.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

/// Awaits a call. If it panics, returns what the panic said.
///
/// # Errors
/// The panic's message.
pub async fn caught<T>(call: impl Future<Output = T>) -> Result<T, String> {
    // What the call touched is dropped with it, or guarded by locks that say that they are poisoned.
    AssertUnwindSafe(call).catch_unwind().await.map_err(|payload| message(&*payload).to_owned())
}

/// Sends panics to the host's log: a host takes raw lines on stderr for noise.
pub fn report() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, %backtrace, "panic: {}", message(panic.payload()));
    }));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
