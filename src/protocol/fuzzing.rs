//! Configurations and prior states, with anything unknown in them, through validation and plan (`crate::fuzzing`). Without AWS: the
//! accounts are open already, and what would call them fails.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use futures::FutureExt;

use super::wire::{DynamicValue, plan_resource_change, validate_resource_config};
use super::{Offer, Protocol, convert};
use crate::aws::{Account, Accounts, NoCalls, Side};
use crate::provider::{Configured, Resource};
use crate::schema::{Attribute, Nesting, Shape, Value};

static ACCOUNTS: LazyLock<[Arc<Account>; 2]> = LazyLock::new(|| {
    [(Side::Cluster, "183295435445"), (Side::Workload, "185863138492")]
        .map(|(side, id)| Arc::new(Account::fixture(side, id, "ap-south-1", NoCalls)))
});

/// What picks the parts of an input.
const HEAD: usize = 3;

thread_local! {
    /// With how many plans it has made: it remembers what states name, for as long as a run of Terraform lasts.
    static PROTOCOL: RefCell<(Option<Protocol>, usize)> = const { RefCell::new((None, 0)) };
}

/// The first byte picks the resource, the next two say how long the configuration is; what follows that is the prior state. Without
/// one, a create.
pub fn plans(data: &[u8]) {
    if data.len() < HEAD {
        return;
    }
    PROTOCOL.with_borrow_mut(|(protocol, plans)| {
        if plans.is_multiple_of(1000) {
            *protocol = None;
        }
        *plans += 1;
        let protocol = protocol.get_or_insert_with(|| Protocol::new(Offer::of_registry()));
        let (resource, config, prior) = parts(&protocol.offer, data);
        planned(protocol, resource, config, prior);
    });
}

/// Resource, configuration and prior state of an input that has a head.
pub(super) fn parts<'a, 'b>(offer: &'a Offer, data: &'b [u8]) -> (&'a Arc<dyn Resource>, &'b [u8], &'b [u8]) {
    let (head, rest) = data.split_at(HEAD);
    let (config, prior) = rest.split_at(usize::from(u16::from_be_bytes([head[1], head[2]])).min(rest.len()));
    let resource = offer.resources.values().nth(usize::from(head[0]) % offer.resources.len());
    (resource.expect("a resource"), config, if prior.is_empty() { &[0xc0] } else { prior })
}

pub(super) fn sent(bytes: &[u8]) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: bytes.to_vec(), json: Vec::new() })
}

fn planned(protocol: &Protocol, resource: &Arc<dyn Resource>, config: &[u8], prior: &[u8]) {
    let validation = validate_resource_config::Request { type_name: resource.name().into(), config: sent(config), ..Default::default() };
    let Ok(validated) = protocol.resource_validate(&validation) else { return };
    let request = plan_resource_change::Request {
        type_name: resource.name().into(),
        config: sent(config),
        proposed_new_state: sent(config),
        prior_state: sent(prior),
        ..Default::default()
    };
    let (Some(first), Some(second)) = (plan(protocol, &request), plan(protocol, &request)) else { return };
    assert_eq!(first.planned_state, second.planned_state, "a plan follows from configuration and prior state alone");
    assert_eq!(first.requires_replace, second.requires_replace);
    let ty = resource.schema().value_type();
    let value = |what: &str, bytes: Option<&DynamicValue>| convert::decode(what, bytes, &ty).unwrap_or_else(|why| panic!("{}", why.detail));
    let (config, prior) = (value("the configuration", request.config.as_ref()), value("the state", request.prior_state.as_ref()));
    let planned = value("the plan", first.planned_state.as_ref());
    if config.is_null() {
        assert!(planned.is_null(), "what is destroyed is planned");
        return;
    }
    let failed = |diagnostics: &[super::wire::Diagnostic]| diagnostics.iter().any(|d| d.severity == 1);
    assert!(failed(&first.diagnostics) || !failed(&validated.diagnostics), "what was refused is planned");
    if !failed(&first.diagnostics) {
        assert!(!planned.is_null(), "nothing is planned");
        as_core_demands(&resource.schema().attributes, &config, &prior, &planned, resource.name());
    }
}

/// Each plan is a run of its own: of two equal resources in one, the second is refused. It does not call AWS, and so waits for nothing.
pub(super) fn plan(protocol: &Protocol, request: &plan_resource_change::Request) -> Option<plan_resource_change::Response> {
    let [cluster, workload] = &*ACCOUNTS;
    protocol.configured(Configured::fixture(Accounts::open(cluster.clone(), workload.clone())));
    protocol.resource_plan(request).now_or_never().unwrap_or_else(|| panic!("a plan that looks at nothing waits")).ok()
}

/// What Terraform's core refuses a provider's plan for: an attribute that the configuration sets keeps that value, or the prior
/// one that means the same; one that is not computed stays null.
fn as_core_demands(attributes: &[Attribute], config: &Value, prior: &Value, planned: &Value, at: &str) {
    for attribute in attributes {
        let at = format!("{at}.{}", attribute.name);
        let [config, prior, planned] = [config, prior, planned].map(|value| value.get(attribute.name));
        if attribute.write_only {
            assert!(planned.is_null(), "{at} is in the plan");
            continue;
        }
        // Core sends no configuration of what is computed alone.
        let ours = attribute.computed && (config.is_null() || !attribute.optional);
        if ours || planned == config || (!prior.is_null() && planned == prior) {
            continue;
        }
        if let Shape::Nested(nesting, nested) = &attribute.shape {
            match (nesting, config, planned) {
                (Nesting::Single, Value::Object(_), Value::Object(_)) => as_core_demands(nested, config, prior, planned, &at),
                (Nesting::Map, Value::Map(before), Value::Map(after)) => {
                    assert!(before.keys().eq(after.keys()), "{at} has other keys");
                    before.iter().for_each(|(key, config)| as_core_demands(nested, config, prior.get(key), planned.get(key), &at));
                }
                (Nesting::List, Value::List(before), Value::List(after)) => {
                    assert_eq!(before.len(), after.len(), "{at} has other members");
                    let members = before.iter().zip(after).enumerate();
                    members.for_each(|(n, (config, planned))| {
                        as_core_demands(nested, config, prior.members().get(n).unwrap_or(&Value::Null), planned, &at);
                    });
                }
                // Members of sets are known by what they hold: with defaults in place.
                (Nesting::Set, Value::Set(before), Value::Set(after)) => assert!(after.len() <= before.len(), "{at} has more members"),
                _ => panic!("{at} is {planned:?}, where {config:?} is configured"),
            }
        } else {
            panic!("{at} is {planned:?}, where {config:?} is configured and {prior:?} was there");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Type, msgpack};
    use std::time::{Duration, Instant};

    /// Validates and plans, and says how long that took and what was said.
    fn timed(resource: &str, config: &Value, prior: &Value) -> (Duration, Vec<String>) {
        let protocol = Protocol::new(Offer::of_registry());
        let ty = protocol.offer.resources[resource].schema().value_type();
        let sent = |value: &Value| Some(DynamicValue { msgpack: msgpack::encode(value, &ty), json: Vec::new() });
        let begin = Instant::now();
        let validation = validate_resource_config::Request { type_name: resource.into(), config: sent(config), ..Default::default() };
        protocol.resource_validate(&validation).unwrap();
        let request = plan_resource_change::Request {
            type_name: resource.into(),
            config: sent(config),
            proposed_new_state: sent(config),
            prior_state: sent(prior),
            ..Default::default()
        };
        let said = plan(&protocol, &request).unwrap().diagnostics;
        (begin.elapsed(), said.into_iter().map(|said| format!("{}: {}", said.summary, said.detail)).collect())
    }

    fn soon(time: Duration) {
        // Two seconds in a release build are the promise; this one is not optimised, and the machine is busy.
        assert!(time < Duration::from_secs(10), "{time:?}");
    }

    #[test]
    fn ten_thousand_service_accounts_are_refused_at_once_and_shortly() {
        let account =
            |n: usize| Value::object([("namespace", Value::string("team")), ("name", Value::string(format!("sa-{}", n % 9_000)))]);
        let config = Value::object([
            ("cluster_name", Value::string("c")),
            ("role", Value::object([("name", Value::string("r"))])),
            // As a host might send it: unsorted, with repeats.
            ("service_accounts", Value::List((0..10_000).rev().map(account).collect())),
        ]);
        let (time, said) = timed("xeks_irsa_trust", &config, &Value::Null);
        soon(time);
        assert!(said.len() == 1 && said[0].contains("9000 service accounts") && said[0].len() < 600, "{said:?}");
    }

    #[test]
    fn ten_thousand_members_of_any_set_list_or_map_take_no_quadratic_time() {
        for resource in Offer::of_registry().resources.values() {
            for attribute in resource.schema().attributes.iter().filter(|attribute| attribute.optional || attribute.required) {
                let text = |n: usize| Value::string(format!("arn:aws:iam::185863138492:role/{n}"));
                let many = match attribute.value_type() {
                    Type::Set(of) | Type::List(of) if *of == Type::String => Value::List((0..10_000).map(text).collect()),
                    Type::Map(of) if *of == Type::String => Value::map((0..10_000).map(|n| (format!("k{n}"), text(n)))),
                    _ => continue,
                };
                let (time, said) = timed(resource.name(), &Value::object([(attribute.name, many)]), &Value::Null);
                soon(time);
                assert!(said.len() <= 31, "{} messages of {}.{}", said.len(), resource.name(), attribute.name);
            }
        }
    }

    #[test]
    fn a_thousand_routes_are_planned_in_time_that_grows_with_them() {
        let config = Value::object([("cluster_name", Value::string("c")), ("workload_vpc_id", Value::string("vpc-0123456789abcdef0"))]);
        let entry = Value::object([
            ("account_id", Value::string("183295435445")),
            ("region", Value::string("ap-south-1")),
            ("origin", Value::string("created")),
            ("pending", Value::Bool(false)),
        ]);
        let route = |n: usize| (format!("cluster/ec2_route/rtb-0123456789abcdef0/10.{}.{}.0/24", n / 250, n % 250), entry.clone());
        let mut prior = config.clone();
        prior.insert("id", Value::string("c/pcx-0123456789abcdef0"));
        prior.insert("objects", Value::map((0..1000).map(route)));
        let (time, said) = timed("xeks_cluster_peering", &config, &prior);
        soon(time);
        assert!(said.len() <= 31, "{said:?}");
    }
}
