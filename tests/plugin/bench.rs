//! What the executable costs: start, size, memory, time of a call. Meant for the release profile; `make bench` runs it.

use std::process::Command;
use std::time::{Duration, Instant};

use xeks::protocol::wire::provider_client::ProviderClient;
use xeks::protocol::wire::{get_metadata, get_provider_schema};

use crate::host::Host;

const STARTS: usize = 50;
const CALLS: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the release binary: make bench"]
async fn the_release_binary_stays_within_its_limits() {
    let binary = env!("CARGO_BIN_EXE_terraform-provider-xeks");
    let host = Host::new();
    let starts = (0..STARTS).map(|_| {
        let begin = Instant::now();
        let plugin = host.start();
        let time = begin.elapsed();
        drop(plugin);
        time
    });
    let start = milliseconds(median(starts.collect()));

    let plugin = host.start();
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    let mut client = ProviderClient::new(channel).max_decoding_message_size(usize::MAX);
    let begin = Instant::now();
    let schema = client.get_provider_schema(get_provider_schema::Request {}).await.unwrap().into_inner();
    let first = milliseconds(begin.elapsed());
    let memory = resident_mib(plugin.id());
    let mut calls = Vec::new();
    for _ in 0..CALLS {
        let begin = Instant::now();
        client.get_metadata(get_metadata::Request {}).await.unwrap();
        calls.push(begin.elapsed());
    }

    let measured = [
        ("start to handshake, median of 50", start, 15.0, "ms"),
        ("size, stripped", std::fs::metadata(binary).unwrap().len() as f64 / 1e6, 20.0, "MB"),
        ("memory after GetProviderSchema", memory, 25.0, "MiB"),
        ("first call, GetProviderSchema", first, 20.0, "ms"),
        ("warm call, GetMetadata, median of 1000", milliseconds(median(calls)), 2.0, "ms"),
    ];
    println!("{binary}: {} resources", schema.resource_schemas.len());
    for (what, value, limit, unit) in measured {
        println!("  {what:40} {value:8.2} {unit:3}  (limit {limit} {unit})");
    }
    for (what, value, limit, unit) in measured {
        assert!(value <= limit, "{what}: {value:.2} {unit} is over the limit of {limit} {unit}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn resident_mib(process: u32) -> f64 {
    let output = Command::new("ps").args(["-o", "rss=", "-p", &process.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap() / 1024.0
}
