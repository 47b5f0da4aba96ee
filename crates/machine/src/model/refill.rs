//! Readers that wait for a copy of a line that another core of their domain fetches.
//!
//! A domain is a socket, or a cluster with a last-level cache of its own. A copy passes the
//! interconnect once for each domain; from there it is read by one core after the other. The domain
//! of the line's last owner needs no such copy: its readers queue where writers do.

use super::directory::{NOBODY, Need};
use super::engine::{Engine, Grant, LineAt, at};
use super::event::Event;
use super::line::{LineRequest, State};
use super::multicore::Multicore;
use super::parameters::{Parameters, Ps};
use std::collections::VecDeque;

/// A fetch of a copy for a domain.
#[derive(Debug)]
pub(super) struct Refill {
    domain: u16,
    /// The core that fetches.
    core: u16,
    waiting: VecDeque<LineRequest>,
}

impl State {
    /// Makes a read wait if a core of its domain fetches a copy; else the read is such a fetch.
    pub fn joins_refill(&mut self, parameters: &Parameters, request: LineRequest) -> bool {
        if request.need != Need::Copy
            || self.in_flight < 2
            || self.directory.readable(request.agent)
        {
            return false;
        }
        let last_owner = self.directory.last_owner;
        if last_owner == NOBODY || parameters.domain(last_owner) == request.domain {
            return false;
        }
        let LineRequest { domain, core, .. } = request;
        let refills = &mut self.queue().refills;
        let Some(refill) = refills.iter_mut().find(|refill| refill.domain == domain) else {
            refills.push(Refill { domain, core, waiting: VecDeque::new() });
            return false;
        };
        if refill.core == core {
            return false;
        }
        refill.waiting.push_back(request);
        self.waiting += 1;
        true
    }

    /// Returns the domain for which a read fetches a copy.
    pub fn refill_of(&mut self, request: &LineRequest) -> Option<u16> {
        let queue = self.queue.as_ref()?;
        let fetches =
            |refill: &&Refill| refill.domain == request.domain && refill.core == request.core;
        queue.refills.iter().find(fetches).map(|refill| refill.domain)
    }

    /// Takes the next reader of a domain; ends the fetch if there is none.
    fn next_reader(&mut self, domain: u16) -> Option<LineRequest> {
        let refills = &mut self.queue().refills;
        let place = refills.iter().position(|refill| refill.domain == domain);
        let place = place.expect("a fetch lasts until its copy has arrived");
        let Some(request) = refills[place].waiting.pop_front() else {
            refills.swap_remove(place);
            return None;
        };
        self.waiting -= 1;
        Some(request)
    }

    fn set_fetching(&mut self, domain: u16, core: u16) {
        let refill = self.queue().refills.iter_mut().find(|refill| refill.domain == domain);
        refill.expect("a fetch lasts until its copy has arrived").core = core;
    }

    /// Grants a copy of a line to a reader from a copy in its domain.
    fn copy_within(&mut self, parameters: &Parameters, request: LineRequest, now: Ps) -> Grant {
        let found = self.directory.found(parameters, request.agent, Need::Copy, true);
        let latency_ps = self.directory.latency_ps(parameters, Need::Copy, found);
        let socket = parameters.shape.socket(request.agent);
        let moved = self.directory.grant(request.agent, socket, Need::Copy, found);
        let rest_ps = latency_ps - parameters.request_leg(latency_ps);
        let last_word = std::mem::replace(&mut self.last_word, request.word);
        Grant { request, found, moved, last_word, done_at: now + rest_ps }
    }
}

impl Engine {
    /// Gives a domain's copy, which has arrived, to the next of its readers; if the copy is gone
    /// again, that reader fetches another.
    pub(super) fn refill(&mut self, multicore: &Multicore, line: LineAt, domain: u16, now: Ps) {
        let parameters = multicore.machine();
        let Some(request) = at(line).state(multicore, |state| state.next_reader(domain)) else {
            return;
        };
        let granted = at(line).state(multicore, |state| {
            let copies = state.directory.sharers.count_in(parameters.domain_agents(request.agent));
            let fetches = if copies > 0 { NOBODY } else { request.core };
            state.set_fetching(domain, fetches);
            (copies > 0).then(|| state.copy_within(parameters, request, now))
        });
        match granted {
            Some(grant) => {
                self.granted(multicore, line, &grant, now);
                self.push(now + parameters.read_occupancy_ps, Event::Refill(line, domain));
            }
            None => {
                let latency_ps = at(line).state(multicore, |state| {
                    let found = state.directory.found(parameters, request.agent, Need::Copy, true);
                    state.directory.latency_ps(parameters, Need::Copy, found)
                });
                let leg_ps = parameters.request_leg(latency_ps).max(self.lookahead.leg_ps);
                let arrived_at = now + leg_ps;
                self.push(arrived_at, Event::Arrive(line, LineRequest { arrived_at, ..request }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Multicore;
    use crate::model::multicore::current;
    use crate::model::tests::{MACHINE, line, places};
    use crate::{Line, Ordering};

    #[test]
    fn readers_beside_a_writer_lose_where_their_copies_come_from_other_sockets() {
        let loads_per_us = |cores: usize| {
            let world = Multicore::new(&MACHINE, &places(cores));
            let _here = world.enter();
            let line = line();
            let loads = world.run(move |core| {
                let mut loads = 0u64;
                while current().clock() < 50_000_000 {
                    match core {
                        0 => line.store(0, loads, Ordering::Release),
                        _ => drop(line.load(0, Ordering::Acquire)),
                    }
                    current().advance(5_000);
                    loads += u64::from(core > 0);
                }
                loads
            });
            loads.unwrap_or_else(|_| panic!("they end")).iter().sum::<u64>() as f64 / 50.0
        };
        let [one, two, four] = [16, 32, 64].map(loads_per_us);
        assert!(two < one && four < one, "{one}, {two}, {four}");
    }
}
