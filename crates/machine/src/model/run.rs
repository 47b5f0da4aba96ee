//! Running the cores of a world: a coroutine each, on the calling thread.

use super::engine::CoreTimes;
use super::stack::{ColouredStack, Stacks};
use super::world::{World, current};
use corosensei::{Coroutine, CoroutineResult};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Why the cores did not come to their end.
pub enum Halt {
    /// A core panicked.
    Panicked {
        /// Its number.
        core: usize,
        /// What it said.
        payload: Box<dyn Any + Send>,
    },
    /// No core can run, and some are not done: what each waits for.
    Deadlock(Vec<String>),
    /// A core loses for ever to others that go on: which, and where.
    Starved(String),
    /// No stacks could be had.
    Stacks(std::io::Error),
}

type Core = Coroutine<(), (), (), ColouredStack>;

impl World {
    /// Runs `body` on every core, each from the same instant on; the caller is in this
    /// world. Returns what they returned, in the order of their numbers.
    ///
    /// # Errors
    /// Where a core panics or starves, or none can go on. The other cores are abandoned then: what
    /// they held is leaked, and this world cannot run again.
    pub fn run<R: 'static>(&self, body: impl Fn(usize) -> R + 'static) -> Result<Vec<R>, Halt> {
        assert!(std::ptr::eq(self, current()), "the caller is in the world that runs");
        assert!(!self.has_run.replace(true), "a world runs once");
        let cores = self.engine.borrow().cores.len();
        let body = Rc::new(body);
        let results: Rc<RefCell<Vec<Option<std::thread::Result<R>>>>> =
            Rc::new(RefCell::new((0..cores).map(|_| None).collect()));
        let stacks = Stacks::new(cores).map_err(Halt::Stacks)?;
        let start = |(core, stack): (usize, ColouredStack)| -> Core {
            let (body, results) = (body.clone(), results.clone());
            Coroutine::with_stack(stack, move |yielder, ()| {
                current().begin(core, yielder);
                let result = catch_unwind(AssertUnwindSafe(|| body(core)));
                if result.is_ok() {
                    current().finish(core);
                }
                results.borrow_mut()[core] = Some(result);
            })
        };
        let mut coroutines: Vec<Core> = stacks.take().enumerate().map(start).collect();
        let halted = self.turns(&mut coroutines, |core| {
            let mut results = results.borrow_mut();
            match &results[core] {
                Some(Err(_)) => results[core].take().and_then(Result::err),
                _ => None,
            }
        });
        self.halt();
        if let Some(halt) = halted {
            self.abandon(coroutines);
            return Err(halt);
        }
        drop(coroutines);
        let results = results
            .borrow_mut()
            .drain(..)
            .map(|result| match result {
                Some(Ok(result)) => result,
                _ => unreachable!("every core has ended well"),
            })
            .collect();
        Ok(results)
    }

    /// Lets the first core run again and again, until all are done.
    fn turns(
        &self,
        coroutines: &mut [Core],
        panicked: impl Fn(usize) -> Option<Box<dyn Any + Send>>,
    ) -> Option<Halt> {
        loop {
            let chosen = self.chosen.take();
            let next = chosen.or_else(|| self.engine.borrow_mut().next(self));
            let Some(core) = next else {
                let engine = self.engine.borrow();
                if let Some(starved) = engine.starved(self) {
                    return Some(Halt::Starved(starved));
                }
                return (!engine.is_over()).then(|| Halt::Deadlock(engine.describe(self)));
            };
            if let CoroutineResult::Return(()) = coroutines[core].resume(())
                && let Some(payload) = panicked(core)
            {
                return Some(Halt::Panicked { core, payload });
            }
        }
    }

    /// Gives up cores that stand somewhere in the middle.
    fn abandon(&self, coroutines: Vec<Core>) {
        self.engine.borrow_mut().abandon();
        for mut coroutine in coroutines {
            if coroutine.started() && !coroutine.done() {
                // SAFETY: nothing refers to what stands on its stack but the engine, which
                // does not look at it again: it is abandoned. What the frames own is leaked.
                unsafe { coroutine.force_reset() };
            }
        }
    }

    /// Where each core's time went since the last [`forget`](Self::forget).
    pub fn times(&self) -> Vec<CoreTimes> {
        self.engine.borrow().cores.iter().map(|core| core.times).collect()
    }
}
