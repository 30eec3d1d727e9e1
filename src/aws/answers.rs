//! Answers that all resources of a run share: the first one that needs an answer asks, and the others wait for it.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// For how long an answer is not asked for again: the resources of a run read at the same time, and others may change what is there.
pub(super) const FRESH: Duration = Duration::from_secs(5);

/// The answers of one account.
#[derive(Debug, Default)]
pub struct Answers(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Kept>>>>>);

#[derive(Clone, Debug)]
struct Kept {
    /// When it was asked for.
    at: Instant,
    value: Arc<dyn Any + Send + Sync>,
}

impl Answers {
    /// The answer to a question, as this process heard it a moment ago, or as `ask` gets it. `None` and an error are never kept.
    pub async fn once<T, E, Fut>(&self, question: &str, ask: impl FnOnce() -> Fut) -> Result<Option<T>, E>
    where
        T: Any + Clone + Send + Sync,
        Fut: Future<Output = Result<Option<T>, E>>,
    {
        self.once_where(question, |at| at.elapsed() < FRESH, ask).await
    }

    /// The same, but never an answer that was asked for before now: of those who need one after something of theirs, most share one.
    pub async fn once_from_now<T, E, Fut>(&self, question: &str, ask: impl FnOnce() -> Fut) -> Result<Option<T>, E>
    where
        T: Any + Clone + Send + Sync,
        Fut: Future<Output = Result<Option<T>, E>>,
    {
        let now = Instant::now();
        self.once_where(question, |at| at >= now, ask).await
    }

    async fn once_where<T, E, Fut>(
        &self,
        question: &str,
        counts: impl Fn(Instant) -> bool,
        ask: impl FnOnce() -> Fut,
    ) -> Result<Option<T>, E>
    where
        T: Any + Clone + Send + Sync,
        Fut: Future<Output = Result<Option<T>, E>>,
    {
        let slot = self.0.lock().entry(question.to_owned()).or_default().clone();
        let mut kept = slot.lock().await;
        if let Some(value) = kept.as_ref().filter(|kept| counts(kept.at)).and_then(|kept| kept.value.downcast_ref::<T>()) {
            return Ok(Some(value.clone()));
        }
        let at = Instant::now();
        let answer = ask().await?;
        *kept = answer.clone().map(|value| Kept { at, value: Arc::new(value) });
        Ok(answer)
    }

    /// Drops the answers to all questions that begin so.
    pub fn forget_all(&self, beginning: &str) {
        self.0.lock().retain(|question, _| !question.starts_with(beginning));
    }

    /// Drops an answer that a write of this process changes.
    pub fn forget(&self, question: &str) {
        self.0.lock().remove(question);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn ask(answers: &Answers, asked: &AtomicUsize, answer: Option<u8>) -> Option<u8> {
        let counted = || async {
            tokio::task::yield_now().await;
            asked.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        };
        answers.once("what", counted).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn many_ask_once_and_again_after_a_while_or_a_write() {
        let (answers, asked) = (Answers::default(), AtomicUsize::new(0));
        let all = futures::future::join_all((0..50).map(|_| ask(&answers, &asked, Some(1)))).await;
        assert_eq!((all, asked.load(Ordering::Relaxed)), (vec![Some(1); 50], 1));
        answers.forget("what");
        assert_eq!((ask(&answers, &asked, Some(2)).await, asked.load(Ordering::Relaxed)), (Some(2), 2));
        tokio::time::advance(FRESH).await;
        assert_eq!((ask(&answers, &asked, Some(3)).await, asked.load(Ordering::Relaxed)), (Some(3), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_before_does_not_count_from_now_on() {
        let (answers, asked) = (Answers::default(), AtomicUsize::new(0));
        let slowly = || async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, Infallible>(Some(asked.fetch_add(1, Ordering::Relaxed)))
        };
        let after = async |milliseconds| {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            answers.once_from_now("what", slowly).await.unwrap()
        };
        let all = futures::future::join_all([after(0), after(10), after(20), after(30), after(110)]).await;
        assert_eq!(all, [Some(0), Some(1), Some(1), Some(1), Some(2)]);
    }

    #[tokio::test]
    async fn what_is_not_there_is_asked_for_again() {
        let (answers, asked) = (Answers::default(), AtomicUsize::new(0));
        assert_eq!(ask(&answers, &asked, None).await, None);
        assert_eq!((ask(&answers, &asked, Some(1)).await, asked.load(Ordering::Relaxed)), (Some(1), 2));
    }
}
