//! What an agent's process holds: descriptors, threads, memory that is its own.

use super::{TestAgent, eventually, skipped};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    pub descriptors: usize,
    pub threads: usize,
    /// KiB. None for whoever may not look: an agent shows its memory to root alone.
    pub private: Option<usize>,
}

impl Footprint {
    pub fn of(agent: &TestAgent) -> Option<Self> {
        let process = format!("/proc/{}", agent.pid());
        let Ok(descriptors) = std::fs::read_dir(format!("{process}/fd")) else {
            skipped("only root can count what an agent has open and how much memory it takes");
            return None;
        };
        let memory = std::fs::read_to_string(format!("{process}/smaps_rollup")).ok();
        Some(Self {
            descriptors: descriptors.count(),
            threads: std::fs::read_dir(format!("{process}/task"))
                .unwrap()
                .count(),
            // Not `Private_Clean`: the program's own pages, which are shared for as long as another
            // test's agent runs, and private from then on.
            private: memory.map(|text| sum(&text, "Private_Dirty:")),
        })
    }

    /// The same once the agent has noticed that all clients but `clients` have gone.
    pub fn settled(agent: &TestAgent, clients: usize, idle: Self) -> Self {
        // And the timer of a key with a lifetime.
        let wanted = idle.descriptors + clients + 1;
        eventually("the agent has let go of its clients", || {
            Self::of(agent).unwrap().descriptors <= wanted
        });
        Self::of(agent).unwrap()
    }

    /// How many KiB more than before.
    pub fn grown_since(self, before: Self) -> usize {
        let now = self.private.unwrap_or_default();
        now.saturating_sub(before.private.unwrap_or_default())
    }
}

fn sum(smaps: &str, prefix: &str) -> usize {
    let lines = smaps.lines().filter(|line| line.starts_with(prefix));
    let sizes = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    sizes.sum()
}

/// Lets this process, and the agents it starts, open as many descriptors as the system allows.
pub fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let most = limit.maximum.unwrap_or(u64::MAX);
    usize::try_from(most).unwrap_or(usize::MAX)
}
