//! What every plugin serves beside its own service: health, output, broker, shutdown; and which call goes where.
//!
//! The only place that names go-plugin's generated types.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use futures::future::BoxFuture;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::{Request, Response, Status, Streaming};

use self::wire::health::health_check_response::ServingStatus;
use self::wire::health::health_server::{Health, HealthServer};
use self::wire::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use self::wire::plugin::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use self::wire::plugin::grpc_controller_server::{GrpcController, GrpcControllerServer};
use self::wire::plugin::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use self::wire::plugin::{ConnInfo, Empty, StdioData};
use super::lifetime::Lifetime;
use super::panics;

mod wire {
    //! Generated from `proto/`.
    pub mod plugin {
        tonic::include_proto!("plugin");
    }
    pub mod health {
        tonic::include_proto!("grpc.health.v1");
    }
}

/// The service that the host came for, as tonic generates it.
pub trait GrpcService:
    Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send> + NamedService + Clone + Send + 'static
{
}

impl<S> GrpcService for S where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send>
        + NamedService
        + Clone
        + Send
        + 'static
{
}

/// All services, by the first part of a call's path.
#[derive(Clone)]
pub struct Services<S> {
    provider: S,
    health: HealthServer<Standing>,
    stdio: GrpcStdioServer<Standing>,
    broker: GrpcBrokerServer<Standing>,
    controller: GrpcControllerServer<Standing>,
}

impl<S: GrpcService> Services<S> {
    pub fn new(provider: S, lifetime: Arc<Lifetime>) -> Self {
        let standing = Arc::new(Standing { lifetime });
        Services {
            provider,
            health: HealthServer::from_arc(standing.clone()),
            stdio: GrpcStdioServer::from_arc(standing.clone()),
            broker: GrpcBrokerServer::from_arc(standing.clone()),
            controller: GrpcControllerServer::from_arc(standing),
        }
    }
}

impl<S: GrpcService> Service<http::Request<Body>> for Services<S> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Generated services are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        match path.split('/').nth(1).unwrap_or_default() {
            name if name == S::NAME => {
                let answer = self.provider.call(request);
                Box::pin(async move {
                    match panics::caught(answer).await {
                        Ok(answer) => answer,
                        Err(panic) => {
                            Ok(Status::internal(format!("the provider has a bug in {path}: {panic}. Please report it.")).into_http())
                        }
                    }
                })
            }
            HealthServer::<Standing>::NAME => self.health.call(request),
            GrpcStdioServer::<Standing>::NAME => self.stdio.call(request),
            GrpcBrokerServer::<Standing>::NAME => self.broker.call(request),
            GrpcControllerServer::<Standing>::NAME => self.controller.call(request),
            _ => Box::pin(async move { Ok(Status::unimplemented(format!("unknown service {path}")).into_http()) }),
        }
    }
}

/// The services that exist as long as the process does.
struct Standing {
    lifetime: Arc<Lifetime>,
}

/// The name under which go-plugin's hosts ask for health.
const HEALTH_NAME: &str = "plugin";

const SERVING: HealthCheckResponse = HealthCheckResponse { status: ServingStatus::Serving as i32 };

impl Standing {
    /// A stream that says this much and then stays open until the process ends.
    fn held_open<T: Send + 'static>(&self, first: Option<T>) -> StreamOf<T> {
        use futures::StreamExt;
        let lifetime = self.lifetime.clone();
        let quiet = futures::stream::once(lifetime.ended()).filter_map(|()| async { None });
        Box::pin(futures::stream::iter(first.map(Ok)).chain(quiet))
    }
}

type StreamOf<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Health for Standing {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match request.into_inner().service.as_str() {
            "" | HEALTH_NAME => Ok(Response::new(SERVING)),
            other => Err(Status::not_found(format!("unknown service {other:?}"))),
        }
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        let statuses = [(String::new(), SERVING), (HEALTH_NAME.to_owned(), SERVING)].into();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = StreamOf<HealthCheckResponse>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let first = match request.into_inner().service.as_str() {
            "" | HEALTH_NAME => SERVING,
            _ => HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() },
        };
        Ok(Response::new(self.held_open(Some(first))))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Standing {
    type StreamStdioStream = StreamOf<StdioData>;

    /// Nothing is printed, so nothing is sent; but a host takes the stream's end for a fault.
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(Response::new(self.held_open(None)))
    }
}

#[tonic::async_trait]
impl GrpcBroker for Standing {
    type StartStreamStream = StreamOf<ConnInfo>;

    /// Providers open no connections of their own, and Terraform's protocol asks for none.
    async fn start_stream(&self, _: Request<Streaming<ConnInfo>>) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(Response::new(self.held_open(None)))
    }
}

#[tonic::async_trait]
impl GrpcController for Standing {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        tracing::debug!("the host asks for shutdown");
        self.lifetime.end();
        Ok(Response::new(Empty {}))
    }
}

#[cfg(all(test, unix))]
pub mod testing {
    //! A service whose calls never return, and a host that calls it. Generated clients go to paths of their own, so that the
    //! service takes the name of one.
    use super::*;
    use hyper_util::rt::TokioIo;

    #[derive(Clone)]
    pub struct Hangs;

    impl NamedService for Hangs {
        const NAME: &'static str = "grpc.health.v1.Health";
    }

    impl Service<http::Request<Body>> for Hangs {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = futures::future::Pending<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            futures::future::pending()
        }
    }

    /// Whether the call was answered.
    pub async fn call_then_ask_for_shutdown(socket: &str) -> bool {
        let socket = socket.to_owned();
        let connector = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { tokio::net::UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = tonic::transport::Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
        let mut health = super::wire::health::health_client::HealthClient::new(channel.clone());
        let call = tokio::spawn(async move { health.check(HealthCheckRequest::default()).await });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let mut controller = super::wire::plugin::grpc_controller_client::GrpcControllerClient::new(channel);
        controller.shutdown(Empty {}).await.unwrap();
        tokio::time::timeout(std::time::Duration::from_millis(500), call).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A provider's service as tonic would generate it, whose calls panic.
    #[derive(Clone)]
    struct Panics;

    impl NamedService for Panics {
        const NAME: &'static str = "tfplugin6.Provider";
    }

    impl Service<http::Request<Body>> for Panics {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            Box::pin(async { panic!("a bug in the test's service") })
        }
    }

    async fn status(path: &str) -> (String, String) {
        let request = http::Request::post(path).body(Body::empty()).unwrap();
        let answer = Services::new(Panics, Arc::default()).call(request).await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().replace("%20", " ");
        (header("grpc-status"), header("grpc-message"))
    }

    #[tokio::test]
    async fn a_panic_is_the_calls_error_and_says_what_to_do() {
        let (code, message) = status("/tfplugin6.Provider/ReadResource").await;
        assert_eq!(code, "13", "internal");
        assert!(message.contains("ReadResource: a bug in the test's service"), "{message}");
    }

    #[tokio::test]
    async fn a_call_to_no_service_is_unimplemented() {
        assert_eq!(status("/tfplugin5.Provider/ReadResource").await.0, "12");
        assert_eq!(status("/").await.0, "12");
    }
}
