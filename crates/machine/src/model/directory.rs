//! Holders of a line, and the cost of an access to it: a pure function of state and request.
//!
//! An agent is a core with its own cache; hyperthreads of a core are one agent. A line is exclusive
//! to one agent (clean or modified), shared by several, or in no cache.

use super::parameters::{Distance, Parameters, Ps};
use super::sharers::Sharers;

/// No agent or no socket.
pub const NOBODY: u16 = u16::MAX;

/// Access right that an access needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A copy.
    Copy,
    /// The only copy.
    Ownership,
    /// One operation at the line's home, if the machine has far atomics; otherwise the only copy.
    FetchOp,
}

/// State in which an access finds the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// In the own cache, with the right that is needed.
    Hit,
    /// Exclusive to another agent.
    Modified(Distance),
    /// Clean in other caches.
    Shared(Distance),
    /// In the own cache and in others, while ownership is needed.
    Upgrade(Distance),
    /// In no cache.
    Memory(Distance),
    /// At its home, after another agent's operation there.
    Home,
    /// The operation is done at the line's home.
    Far,
}

/// Holders of a line.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Agent that has it exclusively, or [`NOBODY`].
    pub owner: u16,
    /// Socket of its memory, or [`NOBODY`] before the first access.
    pub home: u16,
    /// Agent that had it exclusively last, or [`NOBODY`].
    pub last_owner: u16,
    /// Agents with a copy, if no agent has it exclusively.
    pub sharers: Sharers,
    /// The last operation was done at the home, and no agent has had the line since.
    pub at_home: bool,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            owner: NOBODY,
            home: NOBODY,
            last_owner: NOBODY,
            sharers: Sharers::default(),
            at_home: false,
        }
    }
}

impl Directory {
    /// True if an agent can read the line in its own cache.
    #[inline(always)]
    pub fn readable(&self, agent: u16) -> bool {
        self.owner == agent || self.sharers.contains(agent)
    }

    /// True if an agent can write the line in its own cache.
    #[inline(always)]
    pub fn writable(&self, agent: u16) -> bool {
        self.owner == agent
    }

    /// Returns the state in which an access by `agent` finds the line. `waited`: others wait for it
    /// or hold it, so a fetch operation is better done at its home.
    pub fn found(&self, parameters: &Parameters, agent: u16, need: Need, waited: bool) -> Found {
        let shape = &parameters.shape;
        let far = need == Need::FetchOp && parameters.far_atomics.is_some();
        if self.owner == agent {
            return if far && waited { Found::Far } else { Found::Hit };
        }
        if need == Need::Copy && self.sharers.contains(agent) {
            return Found::Hit;
        }
        if self.owner != NOBODY {
            return if far {
                Found::Far
            } else {
                Found::Modified(shape.distance(self.owner, agent))
            };
        }
        if far && waited {
            return Found::Far;
        }
        let own = usize::from(self.sharers.contains(agent));
        let others = self.sharers.len() - own;
        if others == 0 {
            // The only sharer has no other copy to invalidate.
            return if own == 1 { Found::Hit } else { self.in_memory(parameters, agent) };
        }
        // Near to far: most lines are shared within a socket, so far agents are rarely counted.
        let reached = |wanted: fn(usize, usize) -> bool| {
            let mut near = shape.neighbours(agent).into_iter();
            let found = near.position(|near| wanted(self.sharers.count_in(near) - own, others));
            Distance::ALL[found.unwrap_or(Distance::ALL.len() - 1)]
        };
        let any = |near: usize, _: usize| near > 0;
        let all = |near: usize, others: usize| near == others;
        match need {
            Need::Copy => Found::Shared(reached(any)),
            _ if own == 1 => Found::Upgrade(reached(all)),
            _ => Found::Shared(reached(all)),
        }
    }

    fn in_memory(&self, parameters: &Parameters, agent: u16) -> Found {
        let shape = &parameters.shape;
        match self.home {
            _ if self.at_home => Found::Home,
            NOBODY => Found::Memory(Distance::Socket),
            home => Found::Memory(shape.between_sockets(home, shape.socket(agent))),
        }
    }

    /// Returns the latency of an access that finds the line in this state, without queueing.
    pub fn latency_ps(&self, parameters: &Parameters, need: Need, found: Found) -> Ps {
        let homed = |row: &super::parameters::Latencies, distance| match distance {
            Distance::Socket if self.is_homed_away(parameters) => {
                parameters.home_remote_socket_ps.unwrap_or(row.at(distance))
            }
            _ => row.at(distance),
        };
        let write = need != Need::Copy;
        let invalidate = |sharers: usize| parameters.invalidate_each_ps * sharers as u64;
        let line_ps = |write_ps: Ps| write_ps.saturating_sub(parameters.rmw_hit_ps);
        match found {
            Found::Hit => 0,
            Found::Modified(distance) if write => {
                line_ps(homed(&parameters.write_modified, distance))
            }
            Found::Modified(distance) => {
                let owners_socket = parameters.shape.socket(self.owner);
                let away = self.home != NOBODY && self.home != owners_socket;
                let extra = if away { parameters.home_extra_ps } else { 0 };
                homed(&parameters.read_modified, distance) + extra
            }
            Found::Shared(distance) if write => {
                line_ps(homed(&parameters.write_modified, distance))
                    + invalidate(self.sharers.len())
            }
            Found::Shared(distance) => homed(&parameters.read_shared, distance),
            Found::Upgrade(distance) => {
                line_ps(homed(&parameters.upgrade, distance)) + invalidate(self.sharers.len() - 1)
            }
            Found::Memory(distance) => {
                parameters.memory[match distance {
                    Distance::Cluster | Distance::Socket => 0,
                    Distance::Hop => 1,
                    Distance::TwoHops => 2,
                }]
            }
            Found::Home => parameters.last_level_ps,
            Found::Far => parameters.far_atomics.map_or(0, |far| far.latency_ps),
        }
    }

    /// True if the holders of the line are on one socket, and its home is on another.
    fn is_homed_away(&self, parameters: &Parameters) -> bool {
        let holder = if self.owner != NOBODY { Some(self.owner) } else { self.sharers.first() };
        let socket = holder.map(|agent| parameters.shape.socket(agent));
        self.home != NOBODY && socket.is_some_and(|socket| socket != self.home)
    }

    /// Gives the line to `agent`; true if that moved it from another cache.
    pub fn grant(&mut self, agent: u16, socket: u16, need: Need, found: Found) -> bool {
        if self.home == NOBODY {
            self.home = socket;
        }
        match (need, found) {
            (_, Found::Hit) => {
                if need != Need::Copy {
                    self.make_owner(agent);
                }
            }
            (_, Found::Far) => {
                self.owner = NOBODY;
                self.sharers.clear();
                self.at_home = true;
            }
            (Need::Copy, Found::Memory(_) | Found::Home) => self.make_owner(agent),
            (Need::Copy, _) => {
                if self.owner != NOBODY {
                    self.sharers.clear();
                    self.sharers.insert(self.owner);
                    self.owner = NOBODY;
                }
                self.sharers.insert(agent);
            }
            _ => self.make_owner(agent),
        }
        matches!(found, Found::Modified(_) | Found::Shared(_) | Found::Upgrade(_) | Found::Far)
    }

    fn make_owner(&mut self, agent: u16) {
        (self.owner, self.last_owner) = (agent, agent);
        self.sharers.clear();
        self.at_home = false;
    }
}
