//! The CPU that each shard is pinned to.

use std::fmt;
use std::io;
use std::str::FromStr;

use rustix::thread::CpuSet;

/// The most shards of one process: one for every CPU that an affinity mask can name.
pub const MAX_SHARDS: usize = CpuSet::MAX_CPU;

/// One item of a CPU list: `2` or `2-5`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuRange {
    first: usize,
    last: usize,
}

impl FromStr for CpuRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("invalid CPU list '{text}'; write CPUs and ranges such as 0,2-3");
        let number =
            |text: &str| text.trim().parse::<usize>().ok().filter(|cpu| *cpu < CpuSet::MAX_CPU).ok_or_else(bad);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(bad());
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for CpuRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(formatter, "{}", self.first)
        } else {
            write!(formatter, "{}-{}", self.first, self.last)
        }
    }
}

/// Returns the CPUs that this process may run on, ascending.
///
/// # Errors
/// The kernel does not report them. The text says that the affinity cannot be read.
pub fn allowed() -> io::Result<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None).map_err(|error| {
        let error = io::Error::from(error);
        io::Error::new(error.kind(), format!("cannot read this process's CPU affinity: {error}"))
    })?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// Returns one CPU per shard.
///
/// `requested` is `--cpus`, in its order; when empty, all of `allowed` are used. If there are more `shards` than CPUs,
/// they share the CPUs in turn; fewer shards use the first CPUs.
///
/// # Errors
/// A requested CPU is not in `allowed`. The error is text for the user.
pub fn place(requested: &[CpuRange], shards: Option<usize>, allowed: &[usize]) -> Result<Vec<usize>, String> {
    let requested = flatten(requested);
    if let Some(cpu) = requested.iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(format!("--cpus: CPU {cpu} is not allowed for this process; allowed: {}", compact(allowed)));
    }
    let cpus = if requested.is_empty() { allowed } else { &requested };
    let shards = shards.unwrap_or(cpus.len());
    if shards > MAX_SHARDS {
        return Err(format!("--cpus names {shards} CPUs; a server has at most {MAX_SHARDS} shards"));
    }
    Ok(cpus.iter().copied().cycle().take(shards).collect())
}

/// Returns the CPUs of a list, in its order.
pub fn flatten(ranges: &[CpuRange]) -> Vec<usize> {
    ranges.iter().flat_map(|range| range.first..=range.last).collect()
}

/// Formats CPUs as a list of ranges: `0,2-3`.
pub fn compact(cpus: &[usize]) -> String {
    let mut ranges: Vec<CpuRange> = Vec::new();
    for &cpu in cpus {
        match ranges.last_mut() {
            Some(range) if range.last + 1 == cpu => range.last = cpu,
            _ => ranges.push(CpuRange { first: cpu, last: cpu }),
        }
    }
    ranges.iter().map(CpuRange::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str) -> Vec<CpuRange> {
        text.split(',').map(|item| item.parse().expect("a CPU list")).collect()
    }

    #[test]
    fn without_flags_there_is_one_shard_per_allowed_cpu() {
        assert_eq!(place(&[], None, &[1, 3]), Ok(vec![1, 3]));
    }

    #[test]
    fn shards_take_the_first_cpus_or_go_round_them() {
        assert_eq!(place(&[], Some(1), &[0, 1]), Ok(vec![0]));
        assert_eq!(place(&[], Some(5), &[0, 1]), Ok(vec![0, 1, 0, 1, 0]));
        assert_eq!(place(&ranges("3,0"), Some(3), &[0, 1, 2, 3]), Ok(vec![3, 0, 3]));
    }

    #[test]
    fn requested_cpus_keep_their_order_and_repeat() {
        assert_eq!(place(&ranges("2-3,0,0"), None, &[0, 1, 2, 3]), Ok(vec![2, 3, 0, 0]));
    }

    #[test]
    fn a_cpu_out_of_reach_is_named() {
        let error = place(&ranges("0,5-6"), None, &[0, 1, 2, 6]).unwrap_err();
        assert!(error.contains("CPU 5 ") && error.ends_with("allowed: 0-2,6"), "{error}");
    }

    #[test]
    fn what_is_no_cpu_list_is_named() {
        for text in ["", "a", "-", "1-", "3-1", "1-2-3", "1024", "-1"] {
            assert!(text.parse::<CpuRange>().is_err_and(|error| error.contains(&format!("'{text}'"))), "{text}");
        }
    }

    #[test]
    fn this_process_may_run_somewhere() {
        assert!(!allowed().unwrap().is_empty());
    }
}
