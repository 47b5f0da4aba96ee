//! Runs the cores of a multicore as coroutines on the calling thread.

use super::engine::CoreTimes;
use super::multicore::{Multicore, current};
use super::stack::{ColouredStack, Stacks};
use corosensei::{Coroutine, CoroutineResult};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Reason why the cores did not finish.
pub enum Halt {
    /// A core panicked.
    Panicked {
        /// Its number.
        core: usize,
        /// Its panic payload.
        payload: Box<dyn Any + Send>,
    },
    /// No core can run, and some are not done: what each waits for.
    Deadlock(Vec<String>),
    /// A core loses to others for ever, while they continue: which one, and where.
    Starved(String),
    /// The storm gets nowhere: why.
    GivenUp(String),
    /// The user asked for the end.
    Interrupted,
    /// No memory for the stacks.
    Stacks(std::io::Error),
}

type Core = Coroutine<(), (), (), ColouredStack>;

impl Multicore {
    /// Runs `body` on every core, all from the same time, and returns the results by the number of
    /// the core. The caller must be in this multicore.
    ///
    /// # Errors
    /// If a core panics or starves, or none can continue. The other cores are then abandoned: their
    /// data is leaked, and this multicore cannot run again.
    pub fn run<R: 'static>(&self, body: impl Fn(usize) -> R + 'static) -> Result<Vec<R>, Halt> {
        assert!(std::ptr::eq(self, current()), "the caller is in the multicore that runs");
        assert!(!self.has_run.replace(true), "a multicore runs once");
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

    /// Resumes the first core again and again, until all are done.
    fn turns(
        &self,
        coroutines: &mut [Core],
        panicked: impl Fn(usize) -> Option<Box<dyn Any + Send>>,
    ) -> Option<Halt> {
        loop {
            let chosen = self.chosen.take();
            let next = chosen.or_else(|| self.engine.borrow_mut().next(self));
            let Some(core) = next else {
                if let Some(halt) = self.watch.halt.take() {
                    return Some(halt);
                }
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
            if let Some(halt) = self.verdict() {
                return Some(halt);
            }
        }
    }

    /// Abandons cores in the middle of their work.
    fn abandon(&self, coroutines: Vec<Core>) {
        self.engine.borrow_mut().abandon();
        for mut coroutine in coroutines {
            if coroutine.started() && !coroutine.done() {
                // SAFETY: only the engine refers to data on its stack, and the engine is abandoned
                // and does not use it again. The objects that the frames own are leaked.
                unsafe { coroutine.force_reset() };
            }
        }
    }

    /// Returns the times of each core since the last [`forget`](Self::forget).
    pub fn times(&self) -> Vec<CoreTimes> {
        self.engine.borrow().cores.iter().map(|core| core.times).collect()
    }
}
