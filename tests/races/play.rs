//! Plays a script on the cores of the model, in the order of its turns.

use crate::script::{END, Script, Step, perform, space};
use crate::twins::machines::Short;
use faultstorm::machine::Machine;
use faultstorm::machine::model::{self, Halt, Multicore, Place};
use faultstorm::machines;
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::{Attempts, Core};
use faultstorm::strategy::{Space, Strategy};
use std::rc::Rc;

/// Length of a turn: longer than any action that nobody stops.
pub const TURN_NS: u64 = 1_000_000;
/// Point at which cores wait for their first turn; it is not a point of the code.
const START: usize = END - 1;
const MACHINE: &str = "xeon-icelake-2s";

/// Result of a race whose books balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// True if each core reached the points of its turns.
    pub held: bool,
    /// Passes through the handler and fallbacks, of all cores.
    pub attempts: Attempts,
    /// Time of each core's work, from its first turn on.
    pub ns: Vec<u64>,
}

/// Does the work of core `number`; returns the time that it took.
fn work<M: Machine, S: Strategy<M>>(
    script: &Script,
    space: &Space<M, S>,
    core: &mut Core<M>,
    number: usize,
) -> u64 {
    let all = |core: &mut Core<M>, steps: &[Step]| {
        steps.iter().for_each(|step| perform(&script.space, space, core, *step));
    };
    if number == 0 {
        all(core, script.before);
    }
    model::hold(number, START);
    model::meet(0);
    M::point(START);
    let from_ns = M::now_ns();
    all(core, script.cores[number]);
    M::now_ns() - from_ns
}

/// Gives the cores their turns; true if they reached their points.
fn direct<M: Machine>(script: &Script) -> bool {
    model::meet(0);
    M::sleep_ns(TURN_NS);
    let mut held = true;
    for (core, point) in &script.turns {
        model::release(*core);
        if *point == END {
            M::sleep_ns(TURN_NS);
        } else {
            model::hold(*core, *point);
            M::sleep_ns(TURN_NS);
            held &= model::is_held(*core);
        }
    }
    (0..script.cores.len()).for_each(model::release);
    held
}

/// Result of a core.
struct Ended {
    held: bool,
    ns: u64,
    attempts: Attempts,
}

fn play_core<M: Machine, S: Strategy<M>>(
    script: &Script,
    space: &Space<M, S>,
    number: usize,
) -> Result<Ended, String> {
    let mut core = Core::new(&**space, 0);
    let (mut held, mut ns) = (true, 0);
    if number == script.cores.len() {
        held = direct::<M>(script);
    } else {
        ns = work(script, space, &mut core, number);
    }
    model::meet(0);
    model::pause(true);
    let translations = space.check_translations(&mut core);
    core.forget_translations();
    core.end_child(&**space);
    core.retire(&**space);
    translations.map(|()| Ended { held, ns, attempts: core.attempts })
}

/// Plays a race in machine `M`, whose lines are the model's. `Ok`: the books balance.
pub fn play<M: Machine, S: Strategy<M>>(script: &Script) -> Result<Played, String> {
    let machine = machines::MachineFile::find(MACHINE).unwrap_or_else(|_| panic!("it is shipped"));
    let shape = machine.parameters.shape;
    let place = |agent| Place { agent, socket: shape.socket(agent) };
    let cores = script.cores.len() + 1;
    let places: Vec<Place> = (0..cores as u16).map(place).collect();
    let multicore = Multicore::new(&machine.parameters, &places);
    let _here = multicore.enter();
    Short::set_up();
    let space = Rc::new(space::<M, S>(&script.space, cores));
    let ran = {
        let (space, script) = (space.clone(), script.clone());
        multicore.run(move |core| play_core(&script, &space, core))
    };
    let ends = ran.map_err(|halt| {
        // Abandoned cores still refer to it.
        std::mem::forget(space.clone());
        said(halt)
    })?;
    let ends = ends.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut core = Core::new(&**space, 0);
    space.words.drain(&space, &mut core);
    space.check_books(&core)?;
    space.exit(&space.words, &mut core);
    core.retire(&**space);
    space.check_all_free(&core)?;
    Ok(summed(&ends))
}

fn summed(ends: &[Ended]) -> Played {
    let mut attempts = Attempts::default();
    for core in ends {
        attempts.attempts += core.attempts.attempts;
        let reasons = attempts.fallbacks.iter_mut().zip(core.attempts.fallbacks);
        reasons.for_each(|(sum, more)| *sum += more);
    }
    Played {
        held: ends.iter().all(|core| core.held),
        attempts,
        ns: ends.iter().map(|core| core.ns).collect(),
    }
}

fn said(halt: Halt) -> String {
    match halt {
        Halt::Deadlock(cores) => format!("deadlock: {}", cores.join("; ")),
        Halt::Starved(core) => format!("starved: {core}"),
        Halt::GivenUp(why) => format!("given up: {why}"),
        Halt::Interrupted => "interrupted".to_owned(),
        Halt::Stacks(error) => error.to_string(),
        Halt::Panicked { core, payload } => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("?");
            format!("core {core} panicked: {text}")
        }
    }
}
