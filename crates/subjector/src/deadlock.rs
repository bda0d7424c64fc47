//! Finds calls that wait, through others, for themselves.
//!
//! The graph of the process records which call holds which object, and which call waits for which object. A call that
//! starts to wait searches for a path from the holder of its object, over everything that the calls made inside that
//! holder wait for, back to a call that awaits it. Whichever call closes a cycle finds it, because each call records
//! what it holds before it waits for more. This runs in debug builds only, because it costs a process-wide lock per
//! call.
//!
//! A wait with a timeout around it counts like any other, even if the timeout would have ended it.

use crate::call::{Call, Frame};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

/// A cycle of calls, none of which can continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    objects: Vec<String>,
    waits: Vec<String>,
}

impl Deadlock {
    /// Returns the names of the objects in the cycle; the first is also the last.
    pub fn objects(&self) -> &[String] {
        &self.objects
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "deadlock: {}", self.objects.join(" → "))?;
        self.waits.iter().try_for_each(|wait| write!(formatter, "\n  {wait}"))
    }
}

impl std::error::Error for Deadlock {}

#[derive(Default)]
struct Graph {
    /// The call that excludes others, by object.
    holders: HashMap<u64, Arc<Frame>>,
    /// The calls that wait for their objects, by call.
    waits: HashMap<u64, Arc<Frame>>,
}

fn graph() -> MutexGuard<'static, Graph> {
    static GRAPH: LazyLock<Mutex<Graph>> = LazyLock::new(Mutex::default);
    GRAPH.lock().expect("nothing panics under the graph's lock")
}

impl Graph {
    /// Returns the waits from `waiting` back to one of the calls that await `start`.
    fn cycle(&self, waiting: &Arc<Frame>, start: &Arc<Frame>, seen: &mut HashSet<u64>) -> Option<Vec<Arc<Frame>>> {
        if !seen.insert(waiting.id) {
            return None;
        }
        let holder = self.holders.get(&waiting.object)?;
        if start.chain().any(|call| call.id == holder.id) {
            return Some(vec![Arc::clone(waiting)]);
        }
        let inside = self.waits.values().filter(|wait| wait.chain().any(|call| call.id == holder.id));
        let mut rest = inside.filter_map(|wait| self.cycle(wait, start, &mut *seen));
        let mut cycle = rest.next()?;
        cycle.insert(0, Arc::clone(waiting));
        Some(cycle)
    }
}

fn describe(cycle: &[Arc<Frame>]) -> Deadlock {
    let names = cycle.iter().map(|wait| wait.name.clone());
    let objects = cycle.last().map(|wait| wait.name.clone()).into_iter().chain(names).collect();
    let waits = cycle.iter().map(|wait| {
        let mut chain: Vec<String> =
            wait.chain().map(|call| format!("{} (called at {})", call.name, call.at)).collect();
        chain.reverse();
        format!("waiting: {}", chain.join(" → "))
    });
    Deadlock { objects, waits: waits.collect() }
}

/// A call that waits for its object, until this is dropped or the call holds the object.
pub(crate) struct Waiting(Option<u64>);

/// A call that excludes others from its object, until this is dropped.
pub(crate) struct Holding(Option<u64>);

impl Call {
    /// Records that this call waits for its object.
    ///
    /// # Errors
    /// The call would wait for ever.
    pub(crate) fn wait(&self) -> Result<Waiting, Deadlock> {
        let Some(frame) = &self.0 else { return Ok(Waiting(None)) };
        let mut graph = graph();
        if let Some(cycle) = graph.cycle(frame, frame, &mut HashSet::new()) {
            return Err(describe(&cycle));
        }
        graph.waits.insert(frame.id, Arc::clone(frame));
        Ok(Waiting(Some(frame.id)))
    }

    /// Records that this call holds its object, and no longer waits.
    pub(crate) fn hold(&self) -> Holding {
        let Some(frame) = &self.0 else { return Holding(None) };
        let mut graph = graph();
        graph.waits.remove(&frame.id);
        graph.holders.insert(frame.object, Arc::clone(frame));
        Holding(Some(frame.object))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(call) = self.0 {
            graph().waits.remove(&call);
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(object) = self.0 {
            graph().holders.remove(&object);
        }
    }
}
