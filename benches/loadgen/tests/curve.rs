//! A curve: one run at each of a list of rates.

mod support;

use corecast_loadgen::{Curve, Error, Load, Progress, Rates, Scenario, Settings};
use std::time::Duration;
use support::{Broadcaster, Fault};

fn scenario(text: &str) -> Result<Scenario, Error> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("own.toml");
    std::fs::write(&path, text).expect("a writable file");
    Scenario::find(path.to_str().expect("UTF-8"))
}

fn rates(text: &str) -> Rates {
    scenario(text).expect("a scenario").rates().expect("a curve").clone()
}

#[test]
fn every_rate_has_its_run_and_its_line() {
    let server = Broadcaster::start(Fault::None);
    let rates = rates("[curve]\nrates = [100, 200, 500]\n");
    let mut begun = Vec::new();
    let quick = Settings { duration: Duration::from_millis(100), ..server.settings() };
    let on_step = |step, load| begun.push((step, load));
    let curve = Curve::run(&quick, rates.clone(), on_step, None::<fn(Progress)>).unwrap();
    let loads: Vec<Load> = rates.loads().collect();
    assert_eq!(begun, (1..).zip(loads.clone()).collect::<Vec<_>>());
    assert_eq!(curve.steps.iter().map(|step| step.settings.load).collect::<Vec<_>>(), loads);
    assert_eq!(curve.steps.iter().map(|step| step.messages.offered).collect::<Vec<_>>(), [10, 20, 50]);
    let lines: Vec<String> = curve.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{curve}");
    assert!(lines[3].trim_start().starts_with("500 "), "{curve}");
    let json = serde_json::to_value(&curve).unwrap();
    assert_eq!(json["curve"]["rates"], serde_json::json!([100, 200, 500]));
    assert_eq!(serde_json::from_value::<Curve>(json).unwrap(), curve);
}

#[test]
fn a_check_that_failed_at_one_rate_fails_the_curve_and_names_itself() {
    let server = Broadcaster::start(Fault::Lose(5));
    let settings = Settings { duration: Duration::from_millis(100), ..server.settings() };
    let settings = Settings { drain_timeout: Duration::from_millis(200), ..settings };
    let rates = rates("[curve]\nrates = [100, 200]\n");
    let curve = Curve::run(&settings, rates, |_, _| (), None::<fn(Progress)>).unwrap();
    assert!(!curve.passed() && curve.to_string().contains("FAILED: 1 lost"), "{curve}");
    assert!(curve.steps[1].passed(), "{curve}");
}

#[test]
fn the_built_in_curve_doubles_from_250_to_8000() {
    let scenario = Scenario::find("curve").unwrap();
    let loads: Vec<Load> = scenario.rates().expect("a curve").loads().collect();
    assert_eq!(loads, [250, 500, 1000, 2000, 4000, 8000].map(|rate| Load::Paced { rate }));
    assert!(scenario.ramp().is_none());
}

#[test]
fn rates_that_make_no_curve_are_named() {
    for (text, reason) in [
        ("[curve]\nrates = []\n", "1 to 64 rates are possible"),
        ("[curve]\nrates = [0, 100]\n", "rates from 1 to 1000000 are possible"),
        ("[curve]\nrates = [200, 100]\n", "each rate must be above the one before"),
        ("rate = 5\n[curve]\nrates = [100]\n", "rate, in_flight, ramp and curve exclude each other"),
    ] {
        let error = scenario(text).unwrap_err().to_string();
        assert!(error.contains("own.toml: ") && error.contains(reason), "{error}");
    }
}
