//! One look at AWS: from its beginning to its end each question is asked once, however many objects need the answer.
//!
//! A look is for reads that belong together, such as those of a refresh. Writes end it: what is read after a write must come after it.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

type Answer = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// The answers of the present look; none outside of one.
#[derive(Debug, Default)]
pub struct Look {
    answers: Mutex<Option<HashMap<(TypeId, String), Answer>>>,
    is_fresh: AtomicBool,
    has_shared: AtomicBool,
}

impl Look {
    /// Begins a look; what an earlier one was answered no longer counts.
    pub fn begin(&self) {
        self.is_fresh.store(false, Ordering::Relaxed);
        self.has_shared.store(false, Ordering::Relaxed);
        *self.answers.lock() = Some(HashMap::new());
    }

    /// Begins a look for which no answer counts that another resource got: a write rests on it, or it follows all writes.
    pub fn begin_fresh(&self) {
        self.begin();
        self.is_fresh.store(true, Ordering::Relaxed);
    }

    /// Whether the answers that other resources of the process got a moment ago count: reads that no write rests on.
    pub fn may_share(&self) -> bool {
        self.answers.lock().is_some() && !self.is_fresh()
    }

    /// Notes that such an answer was used: it may be older than AWS's own.
    pub fn share(&self) {
        self.has_shared.store(true, Ordering::Relaxed);
    }

    pub fn has_shared(&self) -> bool {
        self.has_shared.load(Ordering::Relaxed)
    }

    pub fn is_fresh(&self) -> bool {
        self.is_fresh.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        *self.answers.lock() = None;
    }

    /// The answer to a question, asked at most once within a look: who needs it at the same time waits for the one who asks. An error answers
    /// nothing, and the next one asks again.
    pub async fn once<T, E, Fut>(&self, question: String, ask: impl FnOnce() -> Fut) -> Result<T, E>
    where
        T: Any + Clone + Send + Sync,
        Fut: Future<Output = Result<T, E>>,
    {
        let answers = self.answers.lock().as_mut().map(|answers| answers.entry((TypeId::of::<T>(), question)).or_default().clone());
        let Some(answer) = answers else { return ask().await };
        let value = answer.get_or_try_init(|| async { Ok(Arc::new(ask().await?) as Arc<dyn Any + Send + Sync>) }).await?;
        Ok(value.downcast_ref::<T>().unwrap_or_else(|| unreachable!("an answer of type {}", type_name::<T>())).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicU8;

    use futures::future::join_all;

    use super::*;

    async fn ask(look: &Look, asked: &AtomicU8, question: &str) -> u8 {
        let counted = || async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(asked.fetch_add(1, Ordering::Relaxed))
        };
        look.once(question.to_owned(), counted).await.unwrap()
    }

    #[tokio::test]
    async fn within_a_look_a_question_is_asked_once() {
        let (look, asked) = (Look::default(), AtomicU8::new(0));
        look.begin();
        assert_eq!(join_all((0..3).map(|_| ask(&look, &asked, "a"))).await, [0, 0, 0]);
        assert_eq!(ask(&look, &asked, "b").await, 1);
        look.begin();
        assert_eq!(ask(&look, &asked, "a").await, 2, "another look asks again");
        look.end();
        assert_eq!((ask(&look, &asked, "a").await, ask(&look, &asked, "a").await), (3, 4), "and so does each one outside of a look");
    }

    #[tokio::test]
    async fn an_error_is_no_answer() {
        let look = Look::default();
        look.begin();
        assert_eq!(look.once("a".into(), || async { Err::<u8, _>("no") }).await, Err("no"));
        assert_eq!(look.once("a".into(), || async { Ok::<u8, &str>(1) }).await, Ok(1));
    }
}
