//! A deterministic multicore: one coroutine per core, every access to a line charged.
//!
//! | file | content |
//! |---|---|
//! | `parameters.rs` | a machine in numbers |
//! | `directory.rs` | holders of a line, and the cost of an access: pure |
//! | `sharers.rs` | a small set of cores |
//! | `line.rs` | a line: words, directory, queue |
//! | `pairs.rs` | lines that are fetched together |
//! | `engine.rs`, `event.rs` | requests, grants, store buffers |
//! | `refill.rs` | readers that wait for their domain's copy |
//! | `hold.rs` | cores that a test holds at points of the code |
//! | `machine.rs` | the trait `Machine`, by the running core |
//! | `lookahead.rs` | limits of how far the running core may be ahead |
//! | `interrupts.rs` | shootdowns and their answers |
//! | `describe.rs` | words for what cores wait for |
//! | `predictor.rs` | which compare-exchanges a core expects to win |
//! | `starvation.rs` | cores that lose every compare-exchange |
//! | `multicore.rs` | the running core: hits, turns, waits |
//! | `run.rs`, `stack.rs`, `queue.rs` | coroutines, their stacks, the order of cores and events |
//! | `watch.rs` | storms that get nowhere |
//! | `ledger.rs`, `trace.rs` | records by name of line; one fault, access by access |
//! | `waits.rs`, `lock_holds.rs` | where the time goes, by name; holders of locks, and how long |

mod describe;
mod directory;
mod engine;
mod event;
mod free;
mod hold;
mod interrupts;
mod ledger;
mod line;
mod lock_holds;
mod lookahead;
mod machine;
mod multicore;
mod pairs;
mod parameters;
mod predictor;
mod queue;
mod refill;
mod run;
mod sharers;
mod stack;
mod starvation;
mod trace;
mod waits;
mod watch;

pub use self::directory::Found;
pub use self::engine::CoreTimes;
pub use self::free::in_program;
pub use self::ledger::{Accounts, LineAccount};
pub use self::line::ModelLine;
pub use self::lock_holds::HoldAccount;
pub use self::multicore::{Multicore, MulticoreGuard, Place};
pub use self::parameters::{
    Arbitration, Broadcast, Distance, FarAtomics, Latencies, Parameters, Ps, Shape, ShootdownTimes,
    WorkTimes,
};
pub use self::run::Halt;
pub use self::stack::STACK_BYTES;
pub use self::trace::{Step, Traced};
pub use self::waits::{ActivityTime, WaitedPart};
pub use self::watch::{TIME_MAX_PS, note_progress, stop_if_hopeless};

use self::multicore::current;
use super::FIRST_OP;

/// The machine of the [`Multicore`] that the calling thread is in.
pub struct Model;

/// Pauses or resumes charging of the running core.
pub fn pause(paused: bool) {
    current().pause(paused);
}

/// Returns the clock of the running core.
pub fn clock_ps() -> Ps {
    current().clock()
}

/// Waits for all cores, and continues with them, `stagger_ps` later.
pub fn meet(stagger_ps: Ps) {
    current().meet(stagger_ps);
}

/// Lets all cores run whose clock is before that of the running one.
pub fn give_way() {
    current().take_turn();
}

/// Marks the beginning of a fault of the running core.
pub fn begin_fault() {
    current().begin_fault();
}

/// Marks the end of a fault of the running core; `wanted`: the fault may be traced.
pub fn end_fault(wanted: bool) {
    current().end_fault(wanted);
}

/// Marks the beginning of an operation of the running core, by its number.
pub fn begin_op(number: usize) {
    current().begin_activity(FIRST_OP + number as u16);
}

/// Marks the end of an operation of the running core.
pub fn end_op() {
    current().end_activity();
}

/// Stops `core` when it next reaches `point`, until its [`release`].
pub fn hold(core: usize, point: usize) {
    current().hold(core, point);
}

/// True if `core` has reached the point at which it was to be held.
pub fn is_held(core: usize) -> bool {
    current().is_held(core)
}

/// Lets a held `core` continue.
pub fn release(core: usize) {
    current().release(core);
}

/// Restarts recording with empty accounts.
pub fn forget() {
    current().forget();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LINE_WORDS, Line, LineName, Machine, Ordering, Work};
    use std::rc::Rc;

    static LINE: LineName =
        LineName { name: "test.line", words: ["a", "b", "", "", "", "", "", ""] };

    const ROW: Latencies = Latencies([40_000, 40_000, 100_000, 300_000]);

    /// 4 sockets of 16 cores in two groups.
    pub(super) const MACHINE: Parameters = Parameters {
        shape: Shape {
            sockets: 4,
            sockets_per_group: 2,
            cores_per_socket: 16,
            cluster_cores: 16,
            smt: 1,
        },
        load_hit_ps: 1_000,
        rmw_hit_ps: 5_000,
        store_ps: 1_000,
        write_modified: ROW,
        read_modified: ROW,
        read_shared: ROW,
        upgrade: ROW,
        last_level_ps: 20_000,
        memory: [80_000, 140_000, 200_000],
        home_extra_ps: 0,
        home_remote_socket_ps: None,
        far_atomics: None,
        invalidate_each_ps: 0,
        read_occupancy_ps: 6_000,
        local_batch: 1,
        arbitration: Arbitration::Socket,
        request_share_permille: 250,
        mispredict_ps: 0,
        spin_exit_ps: 0,
        hoist_loads: false,
        merge_own_requests: true,
        adjacent_pairs: false,
        memory_bytes_per_us: 0,
        shootdown: ShootdownTimes {
            round_trip_ps: 2_000_000,
            each_ps: 200_000,
            interrupted_ps: 600_000,
            broadcast: Broadcast::None,
            broadcast_ps: 0,
        },
        work: WorkTimes {
            trap_ps: 0,
            read_section_ps: 0,
            clear_page_ps: 400_000,
            copy_page_ps: 500_000,
            relax_ps: 10_000,
            wake_ps: 1_000_000,
        },
        smt_slowdown_permille: 1500,
    };

    pub(super) fn places(cores: usize) -> Vec<Place> {
        let place = |agent| Place { agent, socket: MACHINE.shape.socket(agent) };
        (0..cores as u16).map(place).collect()
    }

    pub(super) fn line() -> Rc<ModelLine> {
        Rc::new(ModelLine::new(&LINE, [0; LINE_WORDS]))
    }

    /// Runs `operations` on one line on each core with `work_ps` between them, and returns the time
    /// per operation of all cores together.
    fn storm(
        parameters: &Parameters,
        cores: usize,
        work_ps: Ps,
        operation: impl Fn(&ModelLine) + 'static,
    ) -> f64 {
        const EACH: u64 = 500;
        let multicore = Multicore::new(parameters, &places(cores));
        let _here = multicore.enter();
        let line = line();
        let ends = multicore.run(move |core| {
            // At different times, or neighbours would be adjacent in the queue.
            current().advance(core as u64 * 7919 % 1000 * 100);
            for _ in 0..EACH {
                operation(&line);
                current().advance(work_ps);
            }
            current().clock()
        });
        let Ok(ends) = ends else { panic!("all cores come to their end") };
        let end = ends.iter().max().expect("there are cores");
        (*end - 100_000) as f64 / 1000.0 / (EACH * cores as u64) as f64
    }

    fn add(line: &ModelLine) {
        line.fetch_add(0, 1, Ordering::Relaxed);
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64, tolerance: f64) {
        assert!((found / expected - 1.0).abs() < tolerance, "{found} is not near {expected}");
    }

    /// Returns the time per addition of cores that all want one line: T = H / n, where a hand-over
    /// of H has room for n = 1 + r (H - t) / t additions.
    fn contended_ns(machine: &Parameters) -> f64 {
        let (hand_over, addition) = (40.0, machine.rmw_hit_ps as f64 / 1000.0);
        let share = machine.request_share_permille as f64 / 1000.0;
        hand_over / (1.0 + share * (hand_over - addition) / addition)
    }

    #[test]
    fn a_line_that_all_want_stays_for_a_time() {
        for (request_share_permille, rmw_hit_ps) in [(100, 5_000), (250, 5_000), (250, 10_000)] {
            let machine = Parameters { request_share_permille, rmw_hit_ps, ..MACHINE };
            for cores in [2, 8, 16] {
                assert_near(storm(&machine, cores, 0, add), contended_ns(&machine), 0.08);
            }
        }
    }

    #[test]
    fn a_core_that_pauses_has_one_access_a_hand_over() {
        // The line leaves after its time, whatever the core does then.
        assert_near(storm(&MACHINE, 8, 30_000, add), 40.0, 0.05);
    }

    #[test]
    fn a_lock_that_is_prefetched_comes_once_to_be_taken() {
        let world = Multicore::new(&MACHINE, &places(8));
        let _here = world.enter();
        let line = line();
        let ran = world.run(move |core| {
            current().advance(core as u64 * 7919);
            for _ in 0..200 {
                line.prefetch_w();
                let mut seen = line.load(0, Ordering::Relaxed);
                let relaxed = Ordering::Relaxed;
                while let Err(now) = line.compare_exchange(0, seen, seen + 1, relaxed, relaxed) {
                    seen = now;
                }
                current().advance(100_000);
                line.fetch_sub(0, 1, relaxed);
                current().advance(100_000);
            }
        });
        assert!(ran.is_ok());
        let moves = world.accounts().0[0].1.transfers as f64 / (8.0 * 200.0);
        assert!(moves < 2.4, "once to take it, once to release it: {moves}");
    }

    #[test]
    fn siblings_share_what_one_of_them_fetches() {
        let storm_at = |agents: &[u16]| {
            let places = agents.iter().map(|&agent| Place { agent, socket: 0 });
            let world = Multicore::new(&MACHINE, &places.collect::<Vec<_>>());
            let _here = world.enter();
            let line = line();
            let ran = world.run(move |core| {
                current().advance(core as u64 * 7919);
                (0..500).for_each(|_| add(&line));
                current().clock()
            });
            let end = ran.unwrap_or_else(|_| panic!("they end")).into_iter().max().unwrap();
            let moves = world.accounts().0[0].1.transfers as f64;
            (end as f64 / 1000.0 / 500.0 / agents.len() as f64, moves / agents.len() as f64)
        };
        let (alone_ns, alone_moves) = storm_at(&[0, 1, 2, 3]);
        let (both_ns, both_moves) = storm_at(&[0, 0, 1, 1, 2, 2, 3, 3]);
        assert_near(both_ns, alone_ns, 0.1);
        assert_near(both_moves, alone_moves, 0.1);
        // They write one after the other.
        assert_near(storm_at(&[0, 0]).0, 5.0, 0.05);
    }

    #[test]
    fn few_cores_with_work_between_do_not_wait_for_each_other() {
        // X(N) = N / (W + L).
        let each = storm(&MACHINE, 4, 10_000_000, add) * 4.0;
        assert_near(each, 10_000.0 + 40.0, 0.01);
    }

    #[test]
    fn neighbours_are_served_first_for_so_long() {
        // Two sockets, one access a hand-over: T = ((B - 1) T_local + T_remote) / B.
        let machine = Parameters { local_batch: 8, ..MACHINE };
        let kept = storm(&machine, 32, 60_000, add);
        assert_near(kept, (7.0 * 40.0 + 100.0) / 8.0, 0.06);
        let oldest = storm(&MACHINE, 32, 60_000, add);
        assert!(oldest > 1.2 * kept, "who is served in order crosses more often: {oldest}, {kept}");
    }

    #[test]
    fn a_compare_exchange_loop_loses_to_all_others() {
        let increment = |line: &ModelLine| {
            let mut seen = line.load(0, Ordering::Relaxed);
            let relaxed = Ordering::Relaxed;
            while let Err(now) = line.compare_exchange(0, seen, seen + 1, relaxed, relaxed) {
                seen = now;
            }
        };
        let machine = Parameters { request_share_permille: 120, mispredict_ps: 5_000, ..MACHINE };
        let (two, eight) = [2, 8].map(|cores| storm(&machine, cores, 0, increment)).into();
        assert!(eight > 1.3 * two, "each success costs more the more try: {two}, {eight}");
    }

    #[test]
    fn nothing_moves_where_one_core_is_alone() {
        let multicore = Multicore::new(&MACHINE, &places(1));
        let _here = multicore.enter();
        let line = line();
        let ran = multicore.run(move |_| {
            (0..100).for_each(|_| add(&line));
            line.load(0, Ordering::Relaxed)
        });
        assert!(matches!(ran.as_deref(), Ok([100])));
        let accounts = multicore.accounts();
        let [(name, account)] = accounts.0.as_slice() else { panic!("one line: {accounts:?}") };
        assert_eq!((name.name, account.transfers, account.from_memory), ("test.line", 0, 1));
        assert_eq!((account.reads, account.writes, multicore.accesses()), (1, 100, 101));
    }

    #[test]
    fn a_store_is_seen_late_by_others_and_at_once_by_its_core() {
        let multicore = Multicore::new(&MACHINE, &places(2));
        let _here = multicore.enter();
        let line = line();
        let seen = multicore.run(move |core| {
            if core == 0 {
                add(&line);
                current().advance(1_000_000);
                return line.load(0, Ordering::Relaxed);
            }
            current().advance(500_000);
            let before = current().clock();
            line.store(0, 7, Ordering::Release);
            let own = line.load(0, Ordering::Relaxed);
            assert!(current().clock() - before < 10_000, "it does not wait for the line");
            own
        });
        assert!(matches!(seen.as_deref(), Ok([7, 7])));
    }

    #[test]
    fn stores_are_seen_in_order() {
        // Message passing: the flag is never seen before the data that it announces.
        for delay in 0..200 {
            let multicore = Multicore::new(&MACHINE, &places(2));
            let _here = multicore.enter();
            let (data, flag) = (line(), line());
            let seen = multicore.run(move |core| {
                if core == 0 {
                    data.load(0, Ordering::Relaxed);
                    current().advance(delay * 1_000);
                    data.store(0, 1, Ordering::Relaxed);
                    flag.store(0, 1, Ordering::Release);
                    return true;
                }
                data.load(0, Ordering::Relaxed);
                flag.fetch_add(1, 1, Ordering::Relaxed);
                flag.spin_until(0, |flag| flag == 1);
                data.load(0, Ordering::Relaxed) == 1
            });
            assert!(matches!(seen.as_deref(), Ok([true, true])), "after {delay} ns");
        }
    }

    #[test]
    fn far_atomics_do_not_move_the_line() {
        let far = FarAtomics { latency_ps: 60_000, occupancy_ps: 9_000 };
        let machine = Parameters { far_atomics: Some(far), ..MACHINE };
        assert_near(storm(&machine, 16, 0, add), 9.0, 0.05);
    }

    #[test]
    fn memory_bounds_how_fast_pages_are_cleared() {
        // 4096 bytes at 8192 bytes/us: half a microsecond for each page.
        let machine = Parameters { memory_bytes_per_us: 8192, ..MACHINE };
        let multicore = Multicore::new(&machine, &places(4));
        let _here = multicore.enter();
        let ends = multicore.run(|_| {
            (0..100).for_each(|_| Model::work(Work::ClearPage));
            current().clock()
        });
        let Ok(ends) = ends else { panic!("all cores come to their end") };
        assert_near(*ends.iter().max().unwrap() as f64, 400.0 * 500_000.0, 0.01);
    }

    #[test]
    fn a_core_is_slowed_where_its_sibling_storms_too() {
        // Cores 0 and 1 are siblings, core 2 is alone.
        let places = [0, 0, 1].map(|agent| Place { agent, socket: 0 });
        let multicore = Multicore::new(&MACHINE, &places);
        let _here = multicore.enter();
        let lines = [line(), line(), line()];
        let ends = multicore.run(move |core| {
            add(&lines[core]);
            let from_ps = current().clock();
            (0..100).for_each(|_| add(&lines[core]));
            Model::work(Work::ClearPage);
            Model::work(Work::ThinkNs(7));
            current().clock() - from_ps
        });
        // A locked operation waits for its own core, whatever the sibling does.
        let (additions, clear) = (100 * 5_000, 400_000);
        let (alone, beside) = (additions + clear, additions + clear * 3 / 2);
        let think = 7_000;
        let expected = [beside + think, beside + think, alone + think];
        assert_eq!(ends.ok(), Some(expected.to_vec()));
    }

    #[test]
    fn sleepers_are_woken_and_tokens_kept() {
        let multicore = Multicore::new(&MACHINE, &places(2));
        let _here = multicore.enter();
        let ends = multicore.run(|core| {
            if core == 0 {
                Model::park();
                Model::park();
            } else {
                Model::unpark(0);
                current().advance(50_000_000);
                Model::unpark(0);
            }
            Model::now_ns()
        });
        assert!(matches!(ends.as_deref(), Ok([51_000, 50_000])));
    }

    #[test]
    fn a_deadlock_names_cores_and_lines() {
        let multicore = Multicore::new(&MACHINE, &places(2));
        let _here = multicore.enter();
        let line = line();
        let halted = multicore.run(move |core| match core {
            0 => Model::park(),
            _ => {
                line.spin_until(1, |word| word == 1);
            }
        });
        let Err(Halt::Deadlock(cores)) = halted else { panic!("nobody can go on") };
        assert!(cores[0].contains("core 0") && cores[0].contains("sleeps"), "{cores:?}");
        assert!(cores[1].contains("spins on test.line (b)"), "{cores:?}");
    }

    #[test]
    fn a_panic_is_handed_on_and_the_thread_can_enter_another_world() {
        let multicore = Multicore::new(&MACHINE, &places(3));
        let here = multicore.enter();
        let halted = multicore.run(|core| {
            assert!(core != 1, "core 1 has enough");
            Model::park();
        });
        let Err(Halt::Panicked { core: 1, payload }) = halted else { panic!("core 1 panicked") };
        assert_eq!(payload.downcast_ref(), Some(&"core 1 has enough"));
        drop(here);
        assert_near(storm(&MACHINE, 2, 0, add), contended_ns(&MACHINE), 0.05);
    }

    #[test]
    #[should_panic(expected = "a multicore runs once")]
    fn cores_do_not_run_their_own_world() {
        let multicore = Multicore::new(&MACHINE, &places(1));
        let _here = multicore.enter();
        assert!(multicore.run(|_| ()).is_ok());
        let _ = multicore.run(|_| ());
    }

    #[test]
    #[should_panic(expected = "only a core that runs waits")]
    fn who_is_no_core_waits_for_nobody() {
        let multicore = Multicore::new(&MACHINE, &places(2));
        let _here = multicore.enter();
        meet(0);
    }

    #[test]
    fn cores_that_meet_go_on_together() {
        let multicore = Multicore::new(&MACHINE, &places(3));
        let _here = multicore.enter();
        let clocks = multicore.run(|core| {
            current().advance(core as u64 * 1_000);
            current().meet(core as u64);
            current().clock()
        });
        assert!(matches!(clocks.as_deref(), Ok([2_001, 2_002, 2_003])));
    }
}
