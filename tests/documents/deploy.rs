//! What lies in `deploy/` fits the program: every metric that a dashboard or an alert names is one that
//! `/metrics` has, and the files can be read.

use std::collections::BTreeSet;

use ownergate::telemetry::Metrics;
use saphyr::{LoadableYamlNode as _, YamlOwned};
use serde_json::Value;

use super::read;

fn yaml(name: &str) -> YamlOwned {
    let mut documents = YamlOwned::load_from_str(&read(name)).unwrap();
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// Every name that begins with `ownergate_` in an expression.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let part = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    text.match_indices("ownergate_")
        .map(|(at, _)| {
            let rest = &text[at..];
            rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())].to_owned()
        })
        .collect()
}

/// The names under which Prometheus knows what the bot counts.
fn known() -> BTreeSet<String> {
    let text = Metrics::default().render();
    let mut known = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{other}"),
        };
        known.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    assert!(known.len() > 15, "{known:?}");
    known
}

#[test]
fn every_metric_of_an_alert_is_there() {
    let alerts = yaml("deploy/alerts.yml");
    let rules = alerts["groups"][0]["rules"].as_sequence().unwrap();
    let mut named = BTreeSet::new();
    for rule in rules {
        let alert = rule["alert"].as_str().unwrap();
        for part in ["summary", "description"] {
            let text = rule["annotations"][part].as_str();
            assert!(text.is_some_and(|text| text.len() > 10), "{alert}: {part}");
        }
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["page", "ticket", "info"].contains(&severity), "{alert}");
        named.extend(metrics_in(rule["expr"].as_str().unwrap()));
    }
    assert!(rules.len() > 10);
    let known = known();
    let unknown: Vec<&String> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "no such metrics: {unknown:?}");
}

#[test]
fn every_metric_of_the_dashboard_is_there_and_every_one_is_shown() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana.json")).unwrap();
    let mut named = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            named.extend(metrics_in(target["expr"].as_str().unwrap()));
        }
    }
    let known = known();
    let unknown: Vec<&String> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "no such metrics: {unknown:?}");
    // What nobody looks at is not worth counting; of a histogram any part will do.
    let stem = |name: &String| {
        let name = name.trim_end_matches("_bucket").trim_end_matches("_sum");
        name.trim_end_matches("_count").to_owned()
    };
    let shown: BTreeSet<String> = named.iter().map(stem).collect();
    let hidden: BTreeSet<String> = known
        .iter()
        .map(stem)
        .filter(|it| !shown.contains(it))
        .collect();
    assert_eq!(hidden, BTreeSet::new());
}

#[test]
fn the_compose_file_names_what_the_container_needs() {
    let compose = yaml("deploy/compose.yml");
    let services = &compose["services"];
    assert_eq!(
        services["forgejo"]["image"].as_str(),
        Some("codeberg.org/forgejo/forgejo:15")
    );
    let ownergate = &services["ownergate"];
    assert_eq!(ownergate["read_only"].as_bool(), Some(true));
    assert_eq!(ownergate["cap_drop"][0].as_str(), Some("ALL"));
    let file = ownergate["build"]["dockerfile"].as_str().unwrap();
    let container = read(file);
    assert!(container.contains("\nFROM scratch\n") && container.contains("\nUSER 65532:65532\n"));
    for volume in ownergate["volumes"].as_sequence().unwrap() {
        let named = volume.as_str().unwrap().split(':').next().unwrap();
        let host = named.starts_with('.');
        assert!(
            host || compose["volumes"].contains_mapping_key(named),
            "{named}"
        );
    }
}
