//! A latency distribution: percentiles to read, a histogram to merge.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A distribution of latencies in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct LatencyDistribution {
    /// Samples taken.
    pub count: u64,
    /// One event in this many was sampled.
    pub sample_period: u64,
    /// Median, in nanoseconds.
    pub p50: u64,
    /// 99th percentile, in nanoseconds.
    pub p99: u64,
    /// 99.9th percentile, in nanoseconds.
    pub p999: u64,
    /// Largest sample, in nanoseconds; the largest event may not have been sampled.
    pub max_sampled: u64,
    /// All samples: HdrHistogram V2 with DEFLATE, in base64, as its log format has it.
    pub histogram: String,
}

impl LatencyDistribution {
    /// Returns the distribution of a histogram of nanoseconds; `None` if it is empty.
    pub fn of(samples: &Histogram<u64>, sample_period: u64) -> Option<LatencyDistribution> {
        if samples.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(samples, &mut bytes)
            .expect("writing to memory fails only for a histogram larger than memory");
        Some(LatencyDistribution {
            count: samples.len(),
            sample_period,
            p50: samples.value_at_quantile(0.5),
            p99: samples.value_at_quantile(0.99),
            p999: samples.value_at_quantile(0.999),
            max_sampled: samples.max(),
            histogram: BASE64_STANDARD.encode(bytes),
        })
    }

    /// Returns all samples.
    ///
    /// # Errors
    /// A text about the histogram if it cannot be decoded.
    pub fn samples(&self) -> Result<Histogram<u64>, String> {
        let bytes = BASE64_STANDARD
            .decode(&self.histogram)
            .map_err(|error| format!("histogram is not base64: {error}"))?;
        Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| format!("histogram is not HdrHistogram V2 with DEFLATE: {error:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram<u64> {
        let mut samples = Histogram::new(3).unwrap();
        for ns in 1..=1000 {
            samples.record(ns).unwrap();
        }
        samples
    }

    #[test]
    fn percentiles_and_histogram_agree() {
        let latency = LatencyDistribution::of(&histogram(), 64).unwrap();
        assert_eq!((latency.count, latency.sample_period), (1000, 64));
        assert_eq!((latency.p50, latency.p99, latency.p999), (500, 990, 999));
        assert_eq!(latency.max_sampled, 1000);
        assert_eq!(latency.samples().unwrap(), histogram());
        // The standard header of the log format, so that its plotter opens it.
        assert!(latency.histogram.starts_with("HIST"));
    }

    #[test]
    fn no_samples_are_no_distribution() {
        assert_eq!(LatencyDistribution::of(&Histogram::new(3).unwrap(), 64), None);
    }

    #[test]
    fn a_broken_histogram_is_an_error() {
        let good = LatencyDistribution::of(&histogram(), 64).unwrap();
        let not_base64 = LatencyDistribution { histogram: "#".to_owned(), ..good.clone() };
        assert!(not_base64.samples().unwrap_err().contains("not base64"));
        let cut = LatencyDistribution { histogram: good.histogram[..16].to_owned(), ..good };
        assert!(cut.samples().unwrap_err().contains("not HdrHistogram"));
    }
}
