//! The table in which a program prints its figures: each path against the static handler and against
//! itself with batches of one.

use std::time::Duration;

use crate::load::Sample;

/// Figures of one path over several rounds, beside those that it is compared with.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    samples: Vec<Sample>,
}

impl Rounds {
    /// Adds a round.
    pub(crate) fn push(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// All rounds as one.
    pub(crate) fn all(&self) -> Sample {
        let mut all = Sample::default();
        for sample in &self.samples {
            all.add(sample);
        }
        all
    }

    /// The median over the rounds of this path's rate as a part of the other's in the same round.
    pub(crate) fn rate_against(&self, other: &Self) -> f64 {
        let mut ratios: Vec<f64> = self
            .samples
            .iter()
            .zip(&other.samples)
            .map(|(own, other)| own.rate() / other.rate())
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// One line of a table.
pub(crate) struct Row {
    /// What is measured.
    pub(crate) path: String,
    /// How often.
    pub(crate) count: usize,
    /// Answers per second, where many run at once.
    pub(crate) rate: Option<f64>,
    /// Half of them took at most so long.
    pub(crate) half: Duration,
    /// 99 of 100 took at most so long.
    pub(crate) most: Duration,
    /// Against the static handler.
    pub(crate) to_static: Option<f64>,
    /// Against the same with batches of one.
    pub(crate) to_one: Option<f64>,
}

impl Row {
    /// A path under load, with its rates as parts of others.
    pub(crate) fn load(
        path: &str,
        own: &Rounds,
        fixed: Option<&Rounds>,
        one: Option<&Rounds>,
    ) -> Self {
        let all = own.all();
        Self {
            path: path.to_owned(),
            count: all.waits.len(),
            rate: Some(all.rate()),
            half: all.within(0.5),
            most: all.within(0.99),
            to_static: fixed.map(|fixed| own.rate_against(fixed)),
            to_one: one.map(|one| own.rate_against(one)),
        }
    }

    /// Times of something done one at a time; the ratios are of the medians.
    pub(crate) fn times(
        path: &str,
        own: &Sample,
        fixed: Option<&Sample>,
        one: Option<&Sample>,
    ) -> Self {
        let half = own.within(0.5);
        let against = |other: &Sample| half.as_secs_f64() / other.within(0.5).as_secs_f64();
        Self {
            path: path.to_owned(),
            count: own.waits.len(),
            rate: None,
            half,
            most: own.within(0.99),
            to_static: fixed.map(against),
            to_one: one.map(against),
        }
    }
}

/// Prints a table; `what` says what its ratios are of.
pub(crate) fn print(title: &str, what: &str, rows: &[Row]) {
    println!("\n{title}");
    println!(
        "{:<58} {:>7} {:>9} {:>10} {:>10} {:>10} {:>11}",
        "path", "count", "per s", "median", "99 %", "to static", "to batch 1"
    );
    for row in rows {
        println!(
            "{:<58} {:>7} {:>9} {:>10} {:>10} {:>10} {:>11}",
            row.path,
            row.count,
            row.rate
                .map_or_else(String::new, |rate| format!("{rate:.0}")),
            milliseconds(row.half),
            milliseconds(row.most),
            ratio(row.to_static),
            ratio(row.to_one),
        );
    }
    println!("Ratios are of {what}.");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}

/// Prints whether a target is met.
pub(crate) fn target(what: &str, met: bool) {
    println!("{}: {what}", if met { "met" } else { "MISSED" });
}
