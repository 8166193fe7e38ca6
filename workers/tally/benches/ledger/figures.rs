//! What authorities did between two moments.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::events::{Committed, Events, Own, now};
use crate::net::Net;

/// How long a load is there before it is measured.
const WARM: Duration = Duration::from_secs(1);

/// So many blocks are not measured: until all have met, leaders are waited for.
const FIRST: u64 = 20;

/// Under a load that saturates.
#[derive(Clone, Copy, Default)]
pub struct Rate {
    pub blocks: f64,
    pub entries: f64,
}

/// From when envelopes were handed over, in µs, sorted.
#[derive(Default)]
pub struct Finality {
    /// Until the own store had committed their block.
    pub committed: Vec<u64>,
    /// Until a checkpoint over it with a quorum's signatures was kept.
    pub kept: Vec<u64>,
}

/// In ms; `None` of nothing.
pub fn percentile(sorted: &[u64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = (last as f64 * part).ceil() as usize;
    sorted.get(place).map(|time| *time as f64 / 1e3)
}

/// Of the one that has the most: they commit the same.
fn rate(of: &[Events], from: u64, until: u64) -> Rate {
    let seconds = (until - from) as f64 / 1e6;
    let mut most = Rate::default();
    for events in of {
        let within = events
            .blocks
            .iter()
            .filter(|b| (from..until).contains(&b.at));
        let full = within.filter(|block| block.entries > 0);
        let (mut blocks, mut entries) = (0, 0);
        for block in full {
            blocks += 1;
            entries += block.entries;
        }
        if entries as f64 / seconds > most.entries {
            most = Rate {
                blocks: blocks as f64 / seconds,
                entries: entries as f64 / seconds,
            };
        }
    }
    most
}

fn events(net: &Net<'_>, of: &[usize]) -> Result<Vec<Events>> {
    of.iter().map(|who| net.events(*who)).collect()
}

/// What they do without a pause.
pub fn saturated(net: &mut Net<'_>, of: &[usize], time: Duration) -> Result<Rate> {
    net.saturate(of)?;
    net.advance(of, FIRST)?;
    std::thread::sleep(WARM);
    measured(net, of, time)
}

/// What they do from now on.
pub fn measured(net: &Net<'_>, of: &[usize], time: Duration) -> Result<Rate> {
    let from = now();
    std::thread::sleep(time);
    Ok(rate(&events(net, of)?, from, now()))
}

/// How long entries take that come at a pace.
pub fn paced(net: &mut Net<'_>, of: &[usize], entries: f64, time: Duration) -> Result<Finality> {
    net.pace(of, entries)?;
    std::thread::sleep(WARM);
    let from = now();
    std::thread::sleep(time);
    let until = now();
    net.settle(of)?;
    let mut finality = Finality::default();
    for events in events(net, of)? {
        let within = |own: &&Own| (from..until).contains(&own.handed);
        for own in events.own.iter().filter(within) {
            let over = |at: u64| at.saturating_sub(own.handed);
            finality.committed.push(over(own.at));
            let kept = events.kept.iter().find(|kept| kept.size >= own.size);
            let kept = kept.context("a checkpoint over what stood was not kept")?;
            finality.kept.push(over(kept.at));
        }
    }
    finality.committed.sort_unstable();
    finality.kept.sort_unstable();
    Ok(finality)
}

/// The time that one needs which was killed and starts again, and what it does in it.
pub struct Back {
    /// Until it committed a block that was not there when it started.
    pub seconds: f64,
    /// Entries a second from its first commit until it is level with the others.
    pub rate: f64,
    /// Entries that it had to catch up with.
    pub entries: u64,
}

/// Within so many blocks of the others it is level with them.
const LEVEL: u64 = 3;

/// Starts one again.
pub fn back(net: &mut Net<'_>, who: usize, others: &[usize]) -> Result<Back> {
    let high = |net: &Net<'_>| others.iter().map(|who| net.height(*who)).max().unwrap_or(0);
    let (there, start) = (high(net), now());
    net.run(who)?;
    net.within("what is new", |net| net.height(who) > there)?;
    net.within("catching up", |net| net.height(who) + LEVEL >= high(net))?;
    let until = now();
    let events = [net.events(who)?];
    let since = |block: &&Committed| block.at >= start;
    let mut blocks = events[0].blocks.iter().filter(since);
    let first = blocks.clone().next().context("it committed something")?.at;
    let new = blocks.clone().find(|block| block.height > there);
    let missed = blocks.clone().filter(|block| block.height <= there);
    let entries = missed.map(|block| block.entries).sum();
    let last = blocks.next_back().map_or(until, |block| block.at);
    Ok(Back {
        seconds: (new.context("it committed what is new")?.at - start) as f64 / 1e6,
        rate: rate(&events, first, last + 1).entries,
        entries,
    })
}
