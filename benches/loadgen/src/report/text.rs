//! A report as text.

use crate::report::figures::distribution;
use crate::{Checks, Fairness, Load, Reconnections, Report, ServerCost, ShardLoad, Stalled};
use corecast_command::figures::{bytes_a_second, counted, scaled, three_digits, time};
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        writeln!(
            out,
            "{} at {}: {}, {}, {}, {}-byte payloads",
            settings.protocol,
            settings.address,
            counted(settings.subscribers as u64, "subscriber"),
            counted(settings.publishers as u64, "publisher"),
            counted(settings.channels as u64, "channel"),
            settings.payload_bytes,
        )?;
        let (warmup, window) = (settings.warmup.as_secs_f64(), settings.duration.as_secs_f64());
        writeln!(out, "load        {}; {warmup} s of warm-up, {window} s measured", settings.load)?;
        let messages = &self.messages;
        writeln!(
            out,
            "messages    {} offered, {} sent: {} a second, {} of payload",
            messages.offered,
            messages.achieved,
            scaled(messages.achieved_per_second),
            bytes_a_second(messages.achieved_bytes_per_second)
        )?;
        let deliveries = &self.deliveries;
        writeln!(
            out,
            "deliveries  {} a second, {} of payload; {} of {} in the whole run",
            scaled(deliveries.measured_per_second),
            bytes_a_second(deliveries.payload_bytes_per_second),
            deliveries.arrived,
            deliveries.expected
        )?;
        if deliveries.measured_to_publishers > 0 {
            writeln!(out, "            and {} to publishers in the window", deliveries.measured_to_publishers)?;
        }
        writeln!(out, "latency     {}", distribution(&self.latency_us))?;
        if let Some(fairness) = &self.fairness {
            write_fairness(fairness, out)?;
        }
        writeln!(out, "completion  {}", distribution(&self.completion_us))?;
        writeln!(out, "skew        {}", distribution(&self.skew_us))?;
        for phase in &self.phases {
            let name = format!("  {}", phase.name);
            writeln!(out, "{name:<12}{} deliveries, {}", phase.latency_us.count, distribution(&phase.latency_us))?;
        }
        if let Some(server) = &self.server {
            write_server(server, out)?;
        }
        write_shards(&self.shards, out)?;
        let generator = &self.generator;
        writeln!(
            out,
            "generator   {:.0} % of its CPU, {} ns a delivery, {} deliveries a receive, {} blocked sends",
            generator.cpu_share * 100.0,
            three_digits(generator.cpu_ns_per_delivery),
            three_digits(generator.deliveries_per_receive),
            generator.blocked_sends
        )?;
        if let Load::Paced { .. } = settings.load {
            writeln!(out, "lateness    {}", distribution(&generator.lateness_us))?;
        }
        if let Some(reconnections) = &self.reconnections {
            write_reconnections(reconnections, out)?;
        }
        if let Some(stalled) = &self.stalled {
            write_stalled(stalled, out)?;
        }
        writeln!(out, "checks      {}", self.checks)?;
        for reason in &self.validity.reasons {
            writeln!(out, "INVALID     {reason}")?;
        }
        for note in &self.validity.notes {
            writeln!(out, "note        {note}")?;
        }
        Ok(())
    }
}

fn write_fairness(fairness: &Fairness, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Fairness { subscribers, least_mean_us, median_mean_us, greatest_mean_us, greatest_to_median } = *fairness;
    writeln!(
        out,
        "fairness    {greatest_to_median:.2}; means of {}: least {}, median {}, greatest {}",
        counted(subscribers, "subscriber"),
        time(least_mean_us),
        time(median_mean_us),
        time(greatest_mean_us)
    )
}

fn write_reconnections(reconnections: &Reconnections, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Reconnections { begun, completed, skipped, refused, .. } = reconnections;
    let all = reconnections.all_subscribed_seconds;
    let all = all.map_or(String::new(), |seconds| format!(", all after {}", time(seconds * 1e6)));
    writeln!(
        out,
        "returned    {completed} of {begun}{all}, {refused} refused, {skipped} passed over; subscribed again: {}",
        distribution(&reconnections.subscribe_us)
    )
}

fn write_stalled(stalled: &Stalled, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Stalled { subscribers, delivered, disconnected, cut_off, checks } = stalled;
    write!(
        out,
        "stalled     {} received {delivered}; {} reported {} missed; {disconnected} disconnected without \
         {cut_off}; checks ",
        counted(*subscribers, "subscriber"),
        counted(checks.gaps, "gap"),
        checks.reported_lost
    )?;
    if stalled.was_told() { writeln!(out, "all held") } else { writeln!(out, "{checks}") }
}

fn write_server(server: &ServerCost, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        out,
        "server CPU  {} µs a delivery: user {}, system {}; {:.2} CPUs used: user {:.2} s, system {:.2} s",
        three_digits(server.cpu_us_per_delivery),
        three_digits(server.user_us_per_delivery),
        three_digits(server.system_us_per_delivery),
        server.cpus_used,
        server.user_seconds,
        server.system_seconds
    )?;
    let mebibytes = |bytes: u64| bytes / 1024 / 1024;
    writeln!(
        out,
        "memory      {} a connection; {} MiB before, {} MiB connected, {} MiB under load",
        server
            .memory_per_connection_bytes
            .map_or("-".to_owned(), |bytes| format!("{} KiB", three_digits(bytes / 1024.0))),
        mebibytes(server.memory_before_bytes),
        mebibytes(server.memory_connected_bytes),
        mebibytes(server.memory_loaded_bytes)
    )
}

#[expect(clippy::cast_precision_loss, reason = "a percentage")]
fn write_shards(shards: &[ShardLoad], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let all = shards.iter().map(|shard| shard.deliveries).sum::<u64>().max(1);
    for (index, ShardLoad { shard, connections, deliveries }) in shards.iter().enumerate() {
        let label = if index == 0 { "shards" } else { "" };
        let share = *deliveries as f64 / all as f64 * 100.0;
        let connections = counted(*connections, "connection");
        writeln!(out, "{label:<12}{shard}: {connections}, {deliveries} deliveries ({share:.0} %)")?;
    }
    Ok(())
}

impl fmt::Display for Checks {
    /// Writes `all held`, or the checks that did not hold.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all_held() {
            return out.write_str("all held");
        }
        let counts = [
            (self.lost, "lost"),
            (self.reported_lost, "reported lost"),
            (self.duplicated, "duplicated"),
            (self.reordered, "reordered"),
            (self.altered, "altered"),
            (self.misrouted, "misrouted"),
            (self.refusals, "refusals"),
            (self.disconnected, "disconnected"),
        ];
        let wrong = counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
        write!(out, "FAILED: {}", wrong.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_stands_apart() {
        assert_eq!([bytes_a_second(6400.0), bytes_a_second(32_000.0)], ["6400 B/s", "32.0 kB/s"]);
    }
}
