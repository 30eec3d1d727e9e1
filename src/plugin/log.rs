//! Log lines for the host: hclog's JSON, one object a line on stderr, which TF_LOG_PROVIDER filters and shows.
//!
//! Owns the format, and who is heard. It must not know what is logged; no module logs a model or a credential, and `secrets` removes what
//! AWS or a proxy puts into an error all the same.

use std::fmt::Debug;
use std::io::Write;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::secrets;
use crate::terminal;

/// Hosts read lines into a buffer of 64 KiB and tear longer ones apart.
const LONGEST_LINE: usize = 60_000;

/// Starts logging, for the whole process. Second calls do nothing.
pub fn start() {
    let lines = Lines.with_filter(levels(|name| std::env::var(name).ok()));
    // Fails only if logging was started before.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// The level is the host's, from the most specific variable. Log lines of other crates are dropped: the SDK's warnings print whole
/// answers of AWS, a profile's external ID and lines of the shared files, and lower levels print requests with their headers. What is
/// wrong is reported by xeks's own errors.
pub(super) fn levels(variable: impl Fn(&str) -> Option<String>) -> Targets {
    let wanted = ["TF_LOG_PROVIDER_XEKS", "TF_LOG_PROVIDER", "TF_LOG"].iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    let ours = match wanted.map(|level| level.to_ascii_lowercase()).as_deref() {
        None | Some("warn") => LevelFilter::WARN,
        Some("off") => LevelFilter::OFF,
        Some("error") => LevelFilter::ERROR,
        Some("info") => LevelFilter::INFO,
        Some("debug") => LevelFilter::DEBUG,
        // "trace", "json", and whatever a host takes for its most detailed level.
        Some(_) => LevelFilter::TRACE,
    };
    Targets::new().with_default(LevelFilter::OFF).with_target(env!("CARGO_CRATE_NAME"), ours)
}

struct Lines;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.0.extend(outer.0.clone());
            }
        }
        event.record(&mut fields);
        let line = line(event.metadata().level(), event.metadata().target(), OffsetDateTime::now_utc(), fields.0);
        // Nothing is left to do about a closed stderr.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// One line with its end. A host dies of an `@level` or `@message` that is no string, so that these are set last.
fn line(level: &Level, target: &str, now: OffsetDateTime, mut fields: Map<String, Value>) -> String {
    // Every date of the years 0 to 9999 can be formatted.
    let stamp = now.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z")).unwrap_or_default();
    let message = match fields.remove("message") {
        Some(Value::String(text)) => text,
        other => other.map(|value| value.to_string()).unwrap_or_default(),
    };
    let frame = |message: String| {
        [
            ("@level", level.as_str().to_ascii_lowercase()),
            ("@message", message),
            ("@module", target.replace("::", ".")),
            ("@timestamp", stamp.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), Value::String(value)))
    };
    fields.extend(frame(message.clone()));
    let mut text = Value::Object(fields).to_string();
    if text.len() > LONGEST_LINE {
        // A character may take six bytes in JSON. What is cut is said to be.
        let cut: String = message.chars().take(LONGEST_LINE / 7).collect();
        text = Value::Object(frame(format!("{cut} [a log line of {} bytes, cut]", text.len())).into_iter().collect()).to_string();
    }
    text.push('\n');
    text
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), terminal::visible(&secrets::hidden(value)).into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    fn parsed(fields: Value) -> Value {
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        let text = line(&Level::INFO, "xeks::engine", datetime!(2026-02-03 4:05:06.000_007 UTC), fields);
        assert!(text.ends_with('\n') && text.matches('\n').count() == 1 && text.len() < 65_536);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_is_what_hclog_writes() {
        assert_eq!(
            parsed(json!({ "message": "read\n\"it\"", "object": "cluster/role/a", "attempt": 2 })),
            json!({
                "@level": "info", "@message": "read\n\"it\"", "@module": "xeks.engine",
                "@timestamp": "2026-02-03T04:05:06.000007Z", "object": "cluster/role/a", "attempt": 2,
            })
        );
    }

    #[test]
    fn fields_can_not_take_the_place_of_the_level() {
        assert_eq!(parsed(json!({ "@level": 3, "@message": true }))["@level"], "info");
        assert_eq!(parsed(json!({ "@level": 3, "@message": true }))["@message"], "");
    }

    #[test]
    fn a_line_that_a_host_would_tear_apart_is_cut() {
        for long in ["a".repeat(100_000), "\u{1}".repeat(50_000), "漢".repeat(60_000)] {
            let cut = parsed(json!({ "message": long, "more": "b".repeat(100_000) }));
            assert!(cut["@message"].as_str().unwrap().ends_with("bytes, cut]"));
        }
    }

    #[test]
    fn the_most_specific_variable_sets_the_level_of_our_lines_only() {
        let levels = levels(|name| match name {
            "TF_LOG" => Some("error".into()),
            "TF_LOG_PROVIDER" => Some("DEBUG".into()),
            _ => None,
        });
        assert!(levels.would_enable("xeks::engine", &Level::DEBUG));
        assert!(!levels.would_enable("xeks::engine", &Level::TRACE));
    }

    #[test]
    fn other_crates_are_not_logged_at_any_level() {
        let levels = levels(|name| (name == "TF_LOG").then(|| "TRACE".into()));
        assert!(levels.would_enable("xeks::aws", &Level::TRACE));
        for other in [
            "aws_config::profile::credentials",
            "aws_sigv4::http_request",
            "aws_smithy_runtime::client",
            "hyper_util::client",
            "h2",
            "rustls",
            "tonic",
        ] {
            assert!(!levels.would_enable(other, &Level::ERROR), "{other}");
        }
    }

    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            self.0.lock().unwrap().push(Value::Object(fields.0).to_string());
        }
    }

    fn logged(log: impl FnOnce()) -> String {
        let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Kept(lines.clone())), log);
        lines.lock().unwrap().concat()
    }

    #[test]
    fn a_secret_in_a_field_or_message_is_hidden() {
        secrets::remember("a-key-that-was-logged");
        let line = logged(|| {
            let key = "a-key-that-was-logged";
            tracing::info!(key, shown = %key, printed = ?key, "it is {key}");
        });
        assert!(!line.contains("a-key") && line.matches(secrets::HIDDEN).count() == 4, "{line}");
    }

    #[test]
    fn an_escape_sequence_in_a_field_or_message_is_shown_not_obeyed() {
        let line = logged(|| {
            let status = "\u{1b}]52;c;cm0=\u{7}";
            tracing::warn!(status, shown = %"\u{9b}2J", "the cluster is \u{202e}{status}");
        });
        let fields: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(fields["status"], r"\u001b]52;c;cm0=\u0007");
        assert_eq!(fields["shown"], r"\u009b2J");
        assert_eq!(fields["message"], r"the cluster is \u202e\u001b]52;c;cm0=\u0007");
    }
}
