//! Bounded waits: try again with backoff and jitter until AWS has caught up, the deadline passes, or Terraform says stop.
//!
//! Runs on tokio's clock, which tests pause and move.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::duration;
use super::error::{Error, Kind};

/// The first pause, and the longest one. Pauses double; each is drawn from its upper half, so that many waits do not march in step.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// After how long a wait is logged a second time; each further time after twice as long.
const SECOND_LOG: Duration = Duration::from_secs(15);

/// How long to go on, and what ends it early.
#[derive(Clone, Debug)]
pub struct Limits {
    pub deadline: Instant,
    pub stop: CancellationToken,
}

impl Limits {
    /// From now on for so long.
    pub fn within(timeout: Duration, stop: &CancellationToken) -> Self {
        Limits { deadline: Instant::now() + timeout, stop: stop.clone() }
    }

    /// The same, but at most for so long from now on.
    pub fn at_most(&self, timeout: Duration) -> Self {
        Limits { deadline: self.deadline.min(Instant::now() + timeout), stop: self.stop.clone() }
    }
}

/// Repeats `call` while its error is transient: not visible yet, a conflict, or throttled. `what` completes "waiting for …".
/// When the limits end the wait, the last error is returned, and says so.
pub async fn retry<T, F, Fut>(limits: &Limits, what: &str, call: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    retry_while(limits, what, Error::is_transient, call).await
}

/// Repeats `call` while `again` says that its error may pass.
pub async fn retry_while<T, F, Fut>(limits: &Limits, what: &str, again: impl Fn(&Error) -> bool, mut call: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    let mut pauses = Pauses::new(limits, what);
    loop {
        match call().await {
            Err(error) if again(&error) => {
                if let Err(end) = pauses.next(&error).await {
                    return Err(Error { message: format!("{} ({end})", error.message), ..error });
                }
            }
            result => return result,
        }
    }
}

/// Repeats `poll` until it has a value. Its errors end the wait, save throttling. `call` and `account` name the wait where it fails.
pub async fn until<T, F, Fut>(limits: &Limits, what: &str, call: &str, account: &str, mut poll: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>, Error>>,
{
    let mut pauses = Pauses::new(limits, what);
    loop {
        let reason = match poll().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => Error::of_kind(Kind::NotYet, call, account, format!("still waiting for {what}")),
            Err(error) if error.is(Kind::Throttled) => error,
            Err(error) => return Err(error),
        };
        if let Err(end) = pauses.next(&reason).await {
            return Err(Error { message: format!("{} ({end})", reason.message), ..reason });
        }
    }
}

/// The pauses of one wait, for a loop that neither `retry_while` nor `until` is.
pub struct Pauses<'a> {
    limits: &'a Limits,
    what: &'a str,
    began: Instant,
    pause: Duration,
    /// After how long the wait is logged next.
    next_log: Duration,
}

impl<'a> Pauses<'a> {
    /// `what` completes "waiting for …".
    pub fn new(limits: &'a Limits, what: &'a str) -> Self {
        Pauses { limits, what, began: Instant::now(), pause: FIRST_PAUSE, next_log: Duration::ZERO }
    }

    /// Sleeps once. `Err` says why there is no more time.
    pub async fn next(&mut self, reason: &Error) -> Result<(), String> {
        self.log(reason);
        let waited = |began: Instant| duration::format(began.elapsed());
        if self.limits.stop.is_cancelled() {
            return Err(format!("stopped after waiting {} for {}", waited(self.began), self.what));
        }
        let now = Instant::now();
        if now >= self.limits.deadline {
            return Err(format!("timed out after waiting {} for {}", waited(self.began), self.what));
        }
        // The last try comes at the deadline itself.
        let wake = (now + jittered(self.pause)).min(self.limits.deadline);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = sleep_until(wake) => Ok(()),
            () = self.limits.stop.cancelled() => Err(format!("stopped after waiting {} for {}", waited(self.began), self.what)),
        }
    }

    /// At INFO, once for each wait, and then ever more rarely how long it has lasted.
    fn log(&mut self, reason: &Error) {
        let waited = self.began.elapsed();
        if waited < self.next_log {
            return;
        }
        let (call, account, code) = (&reason.call, &reason.account, reason.code.as_deref());
        if self.next_log.is_zero() {
            tracing::info!(%call, %account, code, "waiting for {}", self.what);
        } else {
            tracing::info!(%call, %account, code, "still waiting for {} after {}", self.what, duration::format(waited));
        }
        self.next_log = (self.next_log * 2).max(SECOND_LOG);
    }
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn error(kind: Kind) -> Error {
        Error::of_kind(kind, "iam:CreateRole", "185863138492 (workload)", "Invalid principal in policy")
    }

    fn limits(seconds: u64) -> Limits {
        Limits::within(Duration::from_secs(seconds), &CancellationToken::new())
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_error_is_tried_again_until_it_passes() {
        let tries = Cell::new(0);
        let result = retry(&limits(120), "the role to be visible", || async {
            tries.set(tries.get() + 1);
            if tries.get() < 5 { Err(error(Kind::NotYet)) } else { Ok(tries.get()) }
        })
        .await;
        assert_eq!(result, Ok(5));
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_error_ends_at_once() {
        let tries = Cell::new(0);
        let result: Result<(), _> = retry(&limits(120), "x", || async {
            tries.set(tries.get() + 1);
            Err(error(Kind::Denied))
        })
        .await;
        assert_eq!((result, tries.get()), (Err(error(Kind::Denied)), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_the_wait_with_the_last_error_and_its_reason() {
        let began = Instant::now();
        let result: Result<(), _> = retry(&limits(90), "the role to be visible", || async { Err(error(Kind::NotYet)) }).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind, Kind::NotYet);
        assert_eq!(error.message, "Invalid principal in policy (timed out after waiting 1m30s for the role to be visible)");
        assert_eq!(began.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_bound() {
        let tries = Cell::new(0);
        let _: Result<(), _> = retry(&limits(600), "x", || async {
            tries.set(tries.get() + 1);
            Err(error(Kind::Throttled))
        })
        .await;
        assert!((60..=130).contains(&tries.get()), "{} tries in ten minutes", tries.get());
    }

    #[tokio::test(start_paused = true)]
    async fn each_pause_is_drawn_from_the_upper_half_of_one_that_doubles_to_a_bound() {
        let mut first_pauses = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let times = std::cell::RefCell::new(vec![Instant::now()]);
            let _: Result<(), _> = retry(&limits(120), "x", || async {
                times.borrow_mut().push(Instant::now());
                Err(error(Kind::Throttled))
            })
            .await;
            let times = times.into_inner();
            // The first try comes at once, the last at the deadline itself.
            assert_eq!((times[1] - times[0], times[times.len() - 1] - times[0]), (Duration::ZERO, Duration::from_secs(120)));
            let pauses: Vec<Duration> = times[1..times.len() - 1].windows(2).map(|two| two[1] - two[0]).collect();
            for (at, pause) in pauses.iter().enumerate() {
                let whole = (FIRST_PAUSE * 2u32.pow(at.min(10) as u32)).min(LONGEST_PAUSE);
                // The clock counts whole milliseconds, and wakes a little late rather than early.
                assert!(*pause >= whole / 2 && *pause <= whole + Duration::from_millis(2), "pause {at}: {pause:?} of {whole:?}");
            }
            first_pauses.insert(pauses[0]);
        }
        assert!(first_pauses.len() > 10, "many waits must not march in step: {first_pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_told_at_once_and_then_ever_more_rarely() {
        let log = Log::default();
        let _told = tracing::subscriber::set_default(log.clone());
        let _: Result<(), _> = retry(&limits(300), "the role to be visible", || async { Err(error(Kind::NotYet)) }).await;
        let lines = log.0.lock().unwrap().clone();
        let seconds: Vec<u64> = lines.iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!(lines[0].1, "waiting for the role to be visible");
        assert_eq!(seconds[0], 0);
        for (waited, least) in seconds[1..].iter().zip([15, 30, 60, 120, 240]) {
            assert!((least..=least + 10).contains(waited), "{seconds:?}");
        }
        assert_eq!(lines.len(), 6, "{lines:?}");
        assert!(lines[1].1.starts_with("still waiting for the role to be visible after "), "{lines:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_answered_at_once_is_not_told_of() {
        let log = Log::default();
        let _told = tracing::subscriber::set_default(log.clone());
        assert_eq!(retry(&limits(300), "x", || async { Ok(1) }).await, Ok(1));
        assert!(log.0.lock().unwrap().is_empty());
    }

    /// What is logged at INFO, and when.
    #[derive(Clone)]
    struct Log(std::sync::Arc<std::sync::Mutex<Vec<(Duration, String)>>>, Instant);

    impl Default for Log {
        fn default() -> Self {
            Log(Default::default(), Instant::now())
        }
    }

    impl tracing::field::Visit for Log {
        fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0.lock().unwrap().push((self.1.elapsed(), format!("{value:?}")));
            }
        }
    }

    impl tracing::Subscriber for Log {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() == tracing::Level::INFO
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn event(&self, event: &tracing::Event<'_>) {
            event.record(&mut self.clone());
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[tokio::test(start_paused = true)]
    async fn stop_ends_a_pause_at_once() {
        let limits = limits(600);
        let stop = limits.stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(30)).await;
            stop.cancel();
        });
        let began = Instant::now();
        let result: Result<(), _> = retry(&limits, "the role", || async { Err(error(Kind::Conflict)) }).await;
        assert!(result.unwrap_err().message.contains("stopped after waiting 30s"));
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn polling_goes_on_until_there_is_a_value() {
        let polls = Cell::new(0);
        let value = until(&limits(60), "the update", "eks:DescribeUpdate", "1 (cluster)", || async {
            polls.set(polls.get() + 1);
            Ok((polls.get() == 3).then_some("done"))
        })
        .await;
        assert_eq!(value, Ok("done"));
        let never: Result<(), _> = until(&limits(5), "the update", "eks:DescribeUpdate", "1 (cluster)", || async { Ok(None) }).await;
        let error = never.unwrap_err();
        assert_eq!((error.kind, error.call.as_str()), (Kind::NotYet, "eks:DescribeUpdate"));
    }
}
