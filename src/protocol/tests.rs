//! The protocol against a resource that is made up: what a host sends and gets back.

use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;
use tonic::Request;

use super::convert::{decode, encode};
use super::wire::provider_server::Provider;
use super::wire::*;
use super::*;
use crate::diagnostics::Diagnostics;
use crate::provider::{ApplyRequest, Function, Outcome, Parameter, Plan, PlanRequest, Private};
use crate::schema::{Attribute, Schema, Type, Value, validators};

const NAME: &str = "xeks_fake";

/// Plans as configured with an unknown id; applies as `name` says; keeps the last plan it was asked for.
struct Fake {
    schema: Schema,
    planned: Mutex<Option<PlanRequest>>,
}

impl Fake {
    fn new() -> Arc<Self> {
        let attributes = vec![
            Attribute::string("name", "").required().replaces().check(validators::length(1, 8)),
            Attribute::string("secret", "").optional().write_only(),
            Attribute::string("id", "").computed(),
        ];
        Arc::new(Fake {
            schema: Schema::new("", attributes).upgraded_by(&[|_| Err("nothing of it is known any more".into()), Ok]),
            planned: Mutex::default(),
        })
    }
}

#[async_trait]
impl Resource for Fake {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value, _: Partitions) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        if config.get("name").as_str() == Some("odd") {
            diagnostics.warning(Path::of("name"), "odd", "An odd name.");
        }
        diagnostics
    }

    async fn plan(&self, _: &RequestContext, request: PlanRequest) -> Outcome<Plan> {
        *self.planned.lock().unwrap() = Some(request.clone());
        let mut planned = request.config.clone();
        planned.insert("id", Value::Unknown);
        let mut diagnostics = Diagnostics::new();
        if request.config.is_null() {
            diagnostics.warning(Path::root(), "stays behind", "What was adopted stays.");
        }
        Outcome::new(Plan { replaces: self.schema.replaced(&request.prior, &planned), planned }, diagnostics)
    }

    async fn apply(&self, context: &RequestContext, request: ApplyRequest) -> Outcome<Value> {
        let mut diagnostics = Diagnostics::new();
        match request.planned.get("name").as_str() {
            Some("panics") => panic!("a bug in the fake"),
            Some("half") => diagnostics.error(Path::root(), "half way", "The rest is missing."),
            Some("waits") => context.stop.cancelled().await,
            _ => {}
        }
        Outcome::new(request.planned, diagnostics)
    }

    async fn read(&self, _: &RequestContext, _: Value) -> Outcome<Value> {
        panic!("a bug in the fake")
    }

    fn private(&self, context: &RequestContext, state: &Value) -> Option<Private> {
        let moved = context.private.cluster_account_id.as_ref().map(|id| format!("{id}0"));
        (state.get("name").as_str() != Some("new")).then_some(Private { cluster_account_id: moved })
    }

    async fn import(&self, _: &RequestContext, id: &str) -> Outcome<Value> {
        let mut diagnostics = Diagnostics::new();
        if id == "nothing" {
            diagnostics.error(Path::root(), "nothing to import", "There is no such object.");
            return Outcome::new(Value::Null, diagnostics);
        }
        Outcome::new(object(id, Value::string(id), Value::string("read back")), diagnostics)
    }
}

/// Doubles a text.
struct Double;

impl Function for Double {
    fn name(&self) -> &'static str {
        "double"
    }

    fn summary(&self) -> &'static str {
        "Doubles."
    }

    fn doc(&self) -> &'static str {
        "Doubles a text."
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter { name: "text", ty: Type::String, doc: "The text.", allow_null: false }]
    }

    fn returns(&self) -> Type {
        Type::String
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, (Option<i64>, String)> {
        match arguments[0].as_str() {
            Some("") => Err((Some(0), "is empty".into())),
            text => Ok(Value::string(text.unwrap_or_default().repeat(2))),
        }
    }
}

struct Bench {
    protocol: Protocol,
    fake: Arc<Fake>,
    ty: Type,
}

fn unconfigured() -> Bench {
    let fake = Fake::new();
    let offer = Offer {
        resources: BTreeMap::from([(NAME, fake.clone() as Arc<dyn Resource>)]),
        data_sources: BTreeMap::new(),
        ephemerals: BTreeMap::new(),
        functions: BTreeMap::from([("double", Arc::new(Double) as Arc<dyn Function>)]),
    };
    Bench { protocol: Protocol::new(offer), ty: fake.schema.value_type(), fake }
}

fn bench() -> Bench {
    let bench = unconfigured();
    bench.protocol.configured(Configured::default());
    bench
}

fn object(name: &str, id: Value, secret: Value) -> Value {
    Value::object([("name", Value::string(name)), ("id", id), ("secret", secret)])
}

impl Bench {
    async fn plan(&self, prior: &Value, config: &Value) -> plan_resource_change::Response {
        let request = plan_resource_change::Request {
            type_name: NAME.into(),
            prior_state: encode(prior, &self.ty),
            proposed_new_state: encode(config, &self.ty),
            config: encode(config, &self.ty),
            prior_private: b"kept".to_vec(),
            ..plan_resource_change::Request::default()
        };
        self.protocol.plan_resource_change(Request::new(request)).await.unwrap().into_inner()
    }

    async fn apply(&self, prior: &Value, planned: &Value) -> apply_resource_change::Response {
        self.apply_with(b"kept", prior, planned).await
    }

    async fn apply_with(&self, private: &[u8], prior: &Value, planned: &Value) -> apply_resource_change::Response {
        let request = apply_resource_change::Request {
            type_name: NAME.into(),
            prior_state: encode(prior, &self.ty),
            planned_state: encode(planned, &self.ty),
            config: encode(planned, &self.ty),
            planned_private: private.to_vec(),
            ..apply_resource_change::Request::default()
        };
        self.protocol.apply_resource_change(Request::new(request)).await.unwrap().into_inner()
    }

    fn value(&self, sent: Option<&DynamicValue>) -> Value {
        decode("the answer", sent, &self.ty).unwrap()
    }
}

fn said(diagnostics: &[super::wire::Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|d| d.summary.as_str()).collect()
}

#[tokio::test]
async fn a_plan_carries_what_replaces_and_no_write_only_value() {
    let bench = bench();
    let prior = object("old", Value::string("1"), Value::Null);
    let answer = bench.plan(&prior, &object("new", Value::Null, Value::string("s3cret"))).await;
    assert_eq!(bench.value(answer.planned_state.as_ref()), object("new", Value::Unknown, Value::Null));
    assert_eq!(answer.requires_replace, [convert::path(&Path::of("name")).unwrap()]);
    assert_eq!((answer.planned_private.as_slice(), answer.legacy_type_system), (&b"kept"[..], false));
    let asked = bench.fake.planned.lock().unwrap().take().unwrap();
    assert_eq!(asked.config.get("secret"), &Value::string("s3cret"), "the resource itself sees it");
}

#[tokio::test]
async fn a_destroy_is_planned_with_its_warnings() {
    let bench = bench();
    let answer = bench.plan(&object("old", Value::string("1"), Value::Null), &Value::Null).await;
    assert!(bench.value(answer.planned_state.as_ref()).is_null());
    assert_eq!(said(&answer.diagnostics), ["stays behind"]);
}

#[tokio::test]
async fn what_became_known_after_validation_is_validated_before_the_plan() {
    let bench = bench();
    let answer = bench.plan(&Value::Null, &object("much too long", Value::Null, Value::Null)).await;
    assert_eq!(answer.diagnostics[0].attribute, convert::path(&Path::of("name")));
    assert!(bench.fake.planned.lock().unwrap().is_none(), "the resource is not asked");
    let warned = bench.plan(&Value::Null, &object("odd", Value::Null, Value::Null)).await;
    assert_eq!(said(&warned.diagnostics), Vec::<&str>::new(), "a warning of the validation is reported once");
}

#[tokio::test]
async fn a_panic_in_a_create_keeps_what_was_about_to_exist() {
    let bench = bench();
    let answer = bench.apply(&Value::Null, &object("panics", Value::Unknown, Value::Null)).await;
    assert_eq!(bench.value(answer.new_state.as_ref()), object("panics", Value::Null, Value::Null));
    assert!(answer.diagnostics[0].detail.contains("a bug in the fake"));
}

#[tokio::test]
async fn a_panic_in_an_update_keeps_the_prior_state() {
    let bench = bench();
    let prior = object("old", Value::string("1"), Value::Null);
    let answer = bench.apply(&prior, &object("panics", Value::string("1"), Value::Null)).await;
    assert_eq!(bench.value(answer.new_state.as_ref()), prior);
}

#[tokio::test]
async fn a_failed_apply_returns_what_exists_without_unknown_values() {
    let bench = bench();
    let answer = bench.apply(&Value::Null, &object("half", Value::Unknown, Value::Null)).await;
    assert_eq!(bench.value(answer.new_state.as_ref()), object("half", Value::Null, Value::Null));
    assert_eq!((said(&answer.diagnostics), answer.private.as_slice()), (vec!["half way"], &b"kept"[..]));
}

#[tokio::test]
async fn private_data_is_what_the_resource_says_unless_it_says_nothing_or_fails() {
    let bench = bench();
    let after = async |name: &str| {
        let planned = object(name, Value::Null, Value::Null);
        let answer = bench.apply_with(br#"{"cluster_account_id":"1"}"#, &Value::Null, &planned).await;
        String::from_utf8(answer.private).unwrap()
    };
    assert_eq!(after("says").await, r#"{"cluster_account_id":"10"}"#);
    assert_eq!(after("new").await, r#"{"cluster_account_id":"1"}"#);
    assert_eq!(after("half").await, r#"{"cluster_account_id":"1"}"#, "half of it failed");
}

#[tokio::test]
async fn a_panic_in_any_other_call_is_its_diagnostic() {
    let bench = bench();
    let request = read_resource::Request { type_name: NAME.into(), ..read_resource::Request::default() };
    let answer = bench.protocol.read_resource(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), ["xeks has a bug: ReadResource panicked"]);
    assert_eq!(answer.new_state, None, "the host keeps the state that it has");
}

#[tokio::test]
async fn a_stop_reaches_the_calls_under_way_and_ends_with_the_next_configuration() {
    let bench = bench();
    let waiting = object("waits", Value::Null, Value::Null);
    let (answer, stopped) = tokio::join!(bench.apply(&Value::Null, &waiting), async {
        tokio::task::yield_now().await;
        bench.protocol.stop_provider(Request::new(stop_provider::Request {})).await.unwrap().into_inner()
    });
    assert_eq!((said(&answer.diagnostics), stopped.error.as_str()), (vec![], ""));
    assert!(bench.protocol.context().unwrap().stop.is_cancelled());
    bench.protocol.configured(Configured::default());
    assert!(!bench.protocol.context().unwrap().stop.is_cancelled());
}

#[tokio::test]
async fn before_the_configuration_nothing_reaches_a_resource() {
    let bench = unconfigured();
    let answer = bench.plan(&Value::Null, &object("new", Value::Null, Value::Null)).await;
    assert_eq!(said(&answer.diagnostics), ["The provider is not configured"]);
    assert!(bench.fake.planned.lock().unwrap().is_none());
}

#[tokio::test]
async fn an_import_returns_the_object_or_says_why_there_is_none() {
    let bench = bench();
    let import = async |id: &str| {
        let request = import_resource_state::Request { type_name: NAME.into(), id: id.into(), ..Default::default() };
        bench.protocol.import_resource_state(Request::new(request)).await.unwrap().into_inner()
    };
    let found = import("a").await;
    let [imported] = found.imported_resources.as_slice() else { panic!("one object") };
    assert_eq!(bench.value(imported.state.as_ref()), object("a", Value::string("a"), Value::Null));
    let missing = import("nothing").await;
    assert_eq!((missing.imported_resources.len(), said(&missing.diagnostics)), (0, vec!["nothing to import"]));
    assert_eq!(said(&import("").await.diagnostics), ["xeks_fake is imported by ID"]);
}

#[tokio::test]
async fn a_stored_state_comes_back_in_todays_schema() {
    let bench = bench();
    let upgrade = async |version: i64, state: serde_json::Value| {
        let raw_state = Some(RawState { json: state.to_string().into_bytes(), ..RawState::default() });
        let request = upgrade_resource_state::Request { type_name: NAME.into(), version, raw_state };
        bench.protocol.upgrade_resource_state(Request::new(request)).await.unwrap().into_inner()
    };
    let same = upgrade(2, json!({ "name": "a", "id": "1", "secret": null })).await;
    assert_eq!(bench.value(same.upgraded_state.as_ref()), object("a", Value::string("1"), Value::Null));

    let refusal = async |version: i64| {
        let answer = upgrade(version, json!({ "name": "a" })).await;
        assert_eq!((said(&answer.diagnostics), answer.upgraded_state), (vec!["The state of xeks_fake can't be read"], None));
        answer.diagnostics[0].detail.clone()
    };
    let newer = refusal(3).await;
    assert!(newer.contains("schema version 3") && newer.contains("up to 2") && newer.contains("upgrade the provider"), "{newer}");
    assert!(refusal(0).await.contains("from schema version 0 to 1: nothing of it is known any more"));
}

#[tokio::test]
async fn what_is_not_on_offer_is_an_error_that_says_what_is() {
    let bench = bench();
    let request = validate_resource_config::Request { type_name: "xeks_other".into(), ..Default::default() };
    let answer = bench.protocol.validate_resource_config(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), ["Unknown resource type xeks_other"]);
    assert!(answer.diagnostics[0].detail.contains("has: xeks_fake."));
}

#[tokio::test]
async fn a_function_answers_or_names_the_argument_at_fault() {
    let bench = unconfigured();
    let call = async |arguments: &[&str]| {
        let arguments = arguments.iter().filter_map(|text| encode(&Value::string(*text), &Type::String)).collect();
        let request = call_function::Request { name: "double".into(), arguments };
        bench.protocol.call_function(Request::new(request)).await.unwrap().into_inner()
    };
    let doubled = call(&["ab"]).await;
    assert_eq!(decode("the result", doubled.result.as_ref(), &Type::String), Ok(Value::string("abab")));
    assert_eq!(call(&[""]).await.error, Some(FunctionError { text: "is empty".into(), function_argument: Some(0) }));
    assert_eq!(call(&[]).await.error.unwrap().text, "double takes 1 arguments; 0 were given");
}

#[tokio::test]
async fn metadata_and_schema_name_the_same_things_and_capabilities() {
    let bench = unconfigured();
    let metadata = bench.protocol.get_metadata(Request::new(get_metadata::Request {})).await.unwrap().into_inner();
    let schema = bench.protocol.get_provider_schema(Request::new(get_provider_schema::Request {})).await.unwrap().into_inner();
    assert_eq!(metadata.server_capabilities, schema.server_capabilities);
    assert_eq!(metadata.resources[0].type_name, NAME);
    assert_eq!(schema.resource_schemas[NAME].version, 2);
    let functions = bench.protocol.get_functions(Request::new(get_functions::Request {})).await.unwrap().into_inner().functions;
    assert_eq!(functions, schema.functions);
    assert_eq!(functions["double"].parameters[0].r#type, b"\"string\"");
}

/// Through the server as hosts meet it: the process's other calls, and those after it, are answered.
#[tokio::test]
async fn a_panic_leaves_the_connection_and_every_other_call_as_they_are() {
    let bench = bench();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let service = provider_server::ProviderServer::new(bench.protocol);
    let incoming = tokio_stream::once(Ok::<_, std::io::Error>(ours));
    let serving = tokio::spawn(async move { tonic::transport::Server::builder().serve_with_incoming(service, incoming).await });
    let mut theirs = Some(hyper_util::rt::TokioIo::new(theirs));
    let connector = tower::service_fn(move |_| std::future::ready(theirs.take().ok_or_else(|| std::io::Error::other("connected twice"))));
    let channel = tonic::transport::Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
    let client = provider_client::ProviderClient::new(channel);

    let (id, secret) = (Value::Unknown, Value::Null);
    let planned = |name: &str| encode(&object(name, id.clone(), secret.clone()), &bench.ty);
    let apply = async |name: &str| {
        let request = apply_resource_change::Request {
            type_name: NAME.into(),
            planned_state: planned(name),
            config: planned(name),
            ..apply_resource_change::Request::default()
        };
        client.clone().apply_resource_change(request).await.unwrap().into_inner()
    };
    for _ in 0..20 {
        let read = read_resource::Request { type_name: NAME.into(), ..read_resource::Request::default() };
        let mut reader = client.clone();
        let (broken, fine, read) = tokio::join!(apply("panics"), apply("a"), reader.read_resource(read));
        assert_eq!(said(&broken.diagnostics), ["xeks has a bug: the apply of xeks_fake panicked"]);
        assert!(broken.new_state.is_some(), "what was about to exist is kept");
        assert_eq!(said(&fine.diagnostics), Vec::<&str>::new());
        assert_eq!(said(&read.unwrap().into_inner().diagnostics), ["xeks has a bug: ReadResource panicked"]);
    }
    drop(client);
    serving.await.unwrap().unwrap();
}
