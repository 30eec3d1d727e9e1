//! A panic is a bug in xeks; it fails the call it happens in, never the process or other calls in progress.
//!
//! What a panic says may hold what it was working on, an external id or a key: only texts that are literals in the source are repeated, and
//! the place in the source, which is what a report needs.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};

use futures::FutureExt;

thread_local! {
    /// Where the last panic of this thread was. A call is polled by one thread at a time, and caught by the one in which it panics.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Awaits a call. If it panics, returns the location, and the panic message if it contains no values.
///
/// # Errors
/// The panic, for people.
pub async fn caught<T>(call: impl Future<Output = T>) -> Result<T, String> {
    // What the call touched is dropped with it, or guarded by a lock under which nothing is left half done (parking_lot, in Cargo.toml).
    AssertUnwindSafe(call).catch_unwind().await.map_err(|payload| {
        let place = PLACE.take().unwrap_or_else(|| "an unknown location".to_owned());
        match message(&*payload) {
            Some(text) => format!("{text} (at {place})"),
            None => format!("message omitted because it may contain values (at {place})"),
        }
    })
}

/// Sends panics to the host's log: a host takes raw lines on stderr for noise.
pub fn report() {
    std::panic::set_hook(Box::new(|panic| {
        note(panic);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, %backtrace, "panic: {}", message(panic.payload()).unwrap_or("message omitted because it may contain values"));
    }));
}

fn note(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    // A thread that is at its end has no such place any more.
    let _ = PLACE.try_with(|last| *last.borrow_mut() = place);
}

/// A text of the source. What is put together when it panics is of another type.
fn message(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(call: impl FnOnce()) -> String {
        caught(async move { call() }).await.unwrap_err()
    }

    fn fails(secret: &str) -> Result<(), String> {
        Err(secret.to_owned())
    }

    #[tokio::test]
    async fn a_literal_of_the_source_is_repeated() {
        assert!(said(|| panic!("a bug of the test")).await.starts_with("a bug of the test (at "));
    }

    #[tokio::test]
    async fn a_text_that_contains_values_is_omitted() {
        let secret = String::from("s\u{e9}cret");
        for text in
            [said(|| drop(secret[..2].to_owned())).await, said(|| panic!("no key {secret}")).await, said(|| fails(&secret).unwrap()).await]
        {
            assert!(!text.contains("cret") && text.contains("omitted"), "{text}");
        }
    }
}
