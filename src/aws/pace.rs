//! How fast calls may follow each other, learnt from AWS's throttling.
//!
//! AWS limits the calls of an account, in each region and service, with a token bucket, whose size and rate it does not tell. Once it
//! refuses a call, all calls of the process to that bucket wait for their turn, at the rate that AWS is seen to accept and a little more, to
//! notice when it accepts more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// Calls per second after the first refusal, until more is known. AWS accepts at least about as many in every service called here.
const FIRST_RATE: f64 = 10.0;
const LEAST_RATE: f64 = 0.5;
/// How long, and for how many calls, AWS's acceptance is watched before the rate is set again.
const WINDOW: Duration = Duration::from_secs(1);
const CALLS: u32 = 10;
/// The rate grows by this factor in a window without a refusal, at first and while refusals are long ago, and just after a refusal.
const FAST: f64 = 1.5;
const SLOW: f64 = 1.05;

/// The paces of one account, by region and service.
#[derive(Clone, Debug, Default)]
pub struct Paces(Arc<Mutex<HashMap<String, Arc<Pace>>>>);

impl Paces {
    /// The same client, with calls in their turn.
    pub fn of(&self, client: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Paced { client, paces: self.clone() })
    }

    fn get(&self, scope: &str) -> Arc<Pace> {
        self.0.lock().entry(scope.to_owned()).or_insert_with(|| Arc::new(Pace::new())).clone()
    }
}

/// The pace of one bucket.
#[derive(Debug)]
struct Pace {
    /// When the next call may be sent. Calls wait for it in the order in which they came.
    next: tokio::sync::Mutex<Instant>,
    /// What is known of the bucket: nothing before AWS first refuses a call.
    learnt: Mutex<Option<Learnt>>,
}

#[derive(Debug)]
struct Learnt {
    /// Calls per second.
    rate: f64,
    growth: f64,
    /// When AWS first refused a call: answers to what was sent before say nothing about the rate.
    since: Instant,
    window: Instant,
    /// Of the window: calls that were accepted and refused, and whether each had to wait for its turn.
    accepted: u32,
    refused: u32,
    is_full: bool,
}

impl Pace {
    fn new() -> Self {
        Pace { next: tokio::sync::Mutex::new(Instant::now()), learnt: Mutex::default() }
    }

    /// Waits until the next call may be sent. When that was.
    async fn turn(&self) -> Instant {
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let rate = self.learnt.lock().as_mut().map(|learnt| {
            // AWS's bucket is empty when it first refuses a call.
            *next = (*next).max(learnt.since + Duration::from_secs_f64(1.0 / learnt.rate));
            learnt.is_full &= *next > now;
            learnt.rate
        });
        let Some(rate) = rate else { return now };
        sleep_until(*next).await;
        // What was not used within a window may be used at once: AWS's own bucket has filled up meanwhile.
        let unused = now.checked_sub(WINDOW).unwrap_or(now);
        *next = (*next).max(unused) + Duration::from_secs_f64(1.0 / rate);
        Instant::now()
    }

    fn answered(&self, sent: Instant, is_refused: bool) {
        let now = Instant::now();
        let mut state = self.learnt.lock();
        match state.as_mut() {
            Some(learnt) if sent >= learnt.since => learnt.count(now, is_refused),
            None if is_refused => *state = Some(Learnt::new(now)),
            _ => {}
        }
    }
}

impl Learnt {
    fn new(now: Instant) -> Self {
        Learnt { rate: FIRST_RATE, growth: FAST, since: now, window: now, accepted: 0, refused: 0, is_full: true }
    }

    fn count(&mut self, now: Instant, is_refused: bool) {
        if is_refused {
            self.refused += 1;
        } else {
            self.accepted += 1;
        }
        let watched = now.duration_since(self.window);
        if watched < WINDOW || self.accepted + self.refused < CALLS {
            return;
        }
        let seen = f64::from(self.accepted) / watched.as_secs_f64();
        match (self.refused > 0, self.is_full) {
            // All had to wait: AWS accepted what it could.
            (true, true) => (self.rate, self.growth) = (seen.max(LEAST_RATE), SLOW),
            (true, false) => (self.rate, self.growth) = ((self.rate * 0.9).max(LEAST_RATE), SLOW),
            (false, true) => {
                self.rate *= self.growth;
                self.growth = (self.growth * self.growth).min(FAST);
            }
            // Fewer calls than the rate allows say nothing of a higher one.
            (false, false) => {}
        }
        tracing::debug!(rate = self.rate, accepted = self.accepted, refused = self.refused, "calls wait for their turn");
        (self.window, self.accepted, self.refused, self.is_full) = (now, 0, 0, true);
    }
}

#[derive(Debug)]
struct Paced {
    client: SharedHttpClient,
    paces: Paces,
}

impl HttpClient for Paced {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(PacedConnector { connector: self.client.http_connector(settings, components), paces: self.paces.clone() })
    }
}

#[derive(Debug)]
struct PacedConnector {
    connector: SharedHttpConnector,
    paces: Paces,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Some(scope) = scope(&request) else { return self.connector.call(request) };
        let (connector, pace) = (self.connector.clone(), self.paces.get(scope));
        HttpConnectorFuture::new(async move {
            let sent = pace.turn().await;
            let (response, is_refused) = refusal(connector.call(request).await?).await?;
            pace.answered(sent, is_refused);
            Ok(response)
        })
    }
}

/// Region and service of a request, such as `ap-south-1/iam`, from its signature:
/// `AWS4-HMAC-SHA256 Credential=AKID/20260101/ap-south-1/iam/aws4_request, …`.
fn scope(request: &HttpRequest) -> Option<&str> {
    let (_, credential) = request.headers().get("authorization")?.split_once("Credential=")?;
    let (_, scope) = credential.split_once("/aws4_request")?.0.split_once('/')?;
    Some(scope.split_once('/')?.1)
}

/// The response, and whether it says that the account has made too many calls.
async fn refusal(mut response: HttpResponse) -> Result<(HttpResponse, bool), ConnectorError> {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return Ok((response, false));
    }
    let body = ByteStream::new(std::mem::replace(response.body_mut(), SdkBody::taken()));
    let body = body.collect().await.map_err(|e| ConnectorError::io(e.into()))?.into_bytes();
    let header = response.headers().get("x-amzn-errortype").unwrap_or_default().split(':').next().unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let is_refused = THROTTLING_ERRORS.iter().any(|code| header == *code || text.contains(&format!("<Code>{code}</Code>")));
    *response.body_mut() = SdkBody::from(body);
    if is_refused {
        // The SDK tries again after so many milliseconds: the call waits here.
        response.headers_mut().insert("x-amz-retry-after", "1");
    }
    Ok((response, is_refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Duration = Duration::from_millis(100);

    /// AWS's side: a token bucket.
    struct Bucket {
        rate: f64,
        burst: f64,
        state: Mutex<(f64, Instant)>,
        calls: Mutex<(u32, u32)>,
    }

    impl Bucket {
        fn new(rate: f64, burst: f64) -> Arc<Self> {
            Arc::new(Bucket { rate, burst, state: Mutex::new((burst, Instant::now())), calls: Mutex::default() })
        }

        fn accepts(&self) -> bool {
            let (mut state, now) = (self.state.lock(), Instant::now());
            let tokens = (state.0 + now.duration_since(state.1).as_secs_f64() * self.rate).min(self.burst);
            let accepted = tokens >= 1.0;
            *state = (if accepted { tokens - 1.0 } else { tokens }, now);
            let mut calls = self.calls.lock();
            if accepted {
                calls.0 += 1;
            } else {
                calls.1 += 1;
            }
            accepted
        }
    }

    /// So many resources at a time, each of which makes some calls one after another. Seconds, and how many calls were refused.
    async fn run(bucket: &Arc<Bucket>, resources: u32, parallelism: u32, calls: u32) -> (f64, u32) {
        let (pace, began) = (Arc::new(Pace::new()), Instant::now());
        let places = Arc::new(tokio::sync::Semaphore::new(parallelism as usize));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..resources {
            let (bucket, pace, places) = (bucket.clone(), pace.clone(), places.clone());
            all.spawn(async move {
                let _place = places.acquire_owned().await;
                for _ in 0..calls {
                    while {
                        let sent = pace.turn().await;
                        tokio::time::sleep(LATENCY / 2).await;
                        let accepted = bucket.accepts();
                        tokio::time::sleep(LATENCY / 2).await;
                        pace.answered(sent, !accepted);
                        !accepted
                    } {}
                }
            });
        }
        while all.join_next().await.is_some() {}
        (began.elapsed().as_secs_f64(), bucket.calls.lock().1)
    }

    #[tokio::test(start_paused = true)]
    async fn calls_take_as_long_as_the_bucket_needs_and_few_are_refused() {
        for (rate, burst, resources, parallelism) in [
            (15.0, 30.0, 50, 10),
            (15.0, 30.0, 500, 50),
            (5.0, 10.0, 100, 10),
            (100.0, 100.0, 500, 50),
            (2.0, 5.0, 50, 50),
            (20.0, 200.0, 200, 50),
        ] {
            let bucket = Bucket::new(rate, burst);
            let (seconds, refused) = run(&bucket, resources, parallelism, 6).await;
            let calls = f64::from(6 * resources);
            let floor = (calls - burst) / rate;
            let case =
                format!("{rate}/s, {burst} at once, {resources} resources: {seconds:.1} s of {floor:.1}, {refused} of {calls} refused");
            assert!(seconds <= 1.2 * floor, "{case}");
            // Besides those that were under way when AWS first refused one.
            assert!(f64::from(refused) <= calls / 5.0 + f64::from(parallelism), "{case}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_where_nothing_is_refused() {
        let bucket = Bucket::new(1000.0, 3000.0);
        assert_eq!(run(&bucket, 500, 50, 6).await, (6.0, 0));
    }

    #[test]
    fn a_bucket_is_of_one_region_and_service() {
        let mut request = HttpRequest::empty();
        assert_eq!(scope(&request), None);
        let signature = "AWS4-HMAC-SHA256 Credential=AKID/20260101/ap-south-1/iam/aws4_request, SignedHeaders=host, Signature=0";
        request.headers_mut().insert("authorization", signature);
        assert_eq!(scope(&request), Some("ap-south-1/iam"));
    }

    fn response(status: u16, code: &str, body: &'static str) -> HttpResponse {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        response.headers_mut().insert("x-amzn-errortype", code.to_owned());
        response
    }

    #[tokio::test]
    async fn a_refusal_is_told_from_other_errors_and_the_sdk_comes_back_at_once() {
        let throttled = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>";
        for (answer, expected) in [
            (response(400, "", throttled), true),
            (response(503, "", "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>"), true),
            (response(429, "TooManyRequestsException:http://x", "{}"), true),
            (response(200, "", throttled), false),
            (response(400, "ThrottlingOfAnotherKind", "<Code>LimitExceeded</Code>"), false),
        ] {
            let before = String::from_utf8(answer.body().bytes().unwrap().to_vec()).unwrap();
            let (answer, is_refused) = refusal(answer).await.unwrap();
            assert_eq!((is_refused, answer.headers().contains_key("x-amz-retry-after")), (expected, expected), "{before}");
            assert_eq!(answer.body().bytes().unwrap(), before.as_bytes());
        }
    }
}
