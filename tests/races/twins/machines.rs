//! Machines that are the model except for one thing.

use faultstorm::machine::model::{Model, ModelLine};
use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Work};
use faultstorm::mm::point;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Defines a machine that does `$shootdown` and `$point` instead of the model's.
macro_rules! model_but {
    ($machine:ty, $shootdown:expr, $point:expr) => {
        impl Machine for $machine {
            type Line = ModelLine;
            const IS_OF_ALL_THREADS: bool = false;
            const HAS_TLB: bool = true;
            const HAS_MEMORY: bool = false;

            fn core() -> usize {
                Model::core()
            }
            fn fence(order: Ordering) {
                Model::fence(order);
            }
            fn work(work: Work) {
                Model::work(work);
            }
            fn relax() {
                Model::relax();
            }
            fn sleep_ns(ns: u64) {
                Model::sleep_ns(ns);
            }
            fn park() {
                Model::park();
            }
            fn unpark(core: usize) {
                Model::unpark(core);
            }
            fn now_ns() -> u64 {
                Model::now_ns()
            }
            fn shootdown(kernel_broadcasts: bool) {
                $shootdown(kernel_broadcasts)
            }
            fn shootdowns_taken() -> u64 {
                Model::shootdowns_taken()
            }
            fn interrupts_off() {
                Model::interrupts_off();
            }
            fn interrupts_on() {
                Model::interrupts_on();
            }
            fn point(point: usize) {
                $point(point)
            }
            fn mark(_: usize) {}
        }
    };
}

/// A machine whose shootdowns reach nobody.
pub struct Deaf;

model_but!(Deaf, |_| (), Model::point);

/// A machine in which memory can be short: a core that takes a table or a frame then waits until
/// some is reclaimed.
pub struct Short;

model_but!(Short, Model::shootdown, wait_for_memory);

static RECLAIM: LineName = LineName {
    name: "reclaim",
    words: ["wanted", "reclaimed", "written_back", "", "", "", "", ""],
};

/// Number of times that memory was wanted.
const WANTED: usize = 0;
/// 1 if memory was reclaimed.
const RECLAIMED: usize = 1;
/// 1 if the page that reclaim has chosen was written back.
const WRITTEN_BACK: usize = 2;

/// State of the shortage.
struct State {
    line: ModelLine,
    /// True if memory is short already.
    is_short: Cell<bool>,
}

thread_local! {
    static STATE: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
}

impl Short {
    /// Begins a world, in which memory is not short yet.
    pub fn set_up() {
        let line = ModelLine::new(&RECLAIM, [0; LINE_WORDS]);
        STATE.replace(Some(Rc::new(State { line, is_short: Cell::new(false) })));
    }

    fn state() -> Rc<State> {
        STATE.with_borrow(|state| state.clone().expect("a world has begun"))
    }

    /// Makes memory short from now on.
    pub fn begin() {
        Self::state().is_short.set(true);
    }

    /// Reports that the page chosen by reclaim was written back.
    pub fn written_back() {
        Self::state().line.store(WRITTEN_BACK, 1, Ordering::Release);
    }

    /// Waits until memory is wanted, chooses a page, and waits until that is written back.
    pub fn reclaim() {
        let state = Self::state();
        state.line.spin_until(WANTED, |wanted| wanted > 0);
        state.line.spin_until(WRITTEN_BACK, |done| done > 0);
        state.line.store(RECLAIMED, 1, Ordering::Release);
    }
}

fn wait_for_memory(point: usize) {
    Model::point(point);
    let state = Short::state();
    let allocates = point == point::AFTER_TABLE_ALLOC || point == point::AFTER_PAGE_ALLOC;
    if allocates && state.is_short.get() {
        state.line.fetch_add(WANTED, 1, Ordering::Relaxed);
        state.line.spin_until(RECLAIMED, |done| done > 0);
    }
}
