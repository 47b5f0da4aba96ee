//! Requests of code to the world, done by the running core.

use super::Model;
use super::line::ModelLine;
use super::multicore::current;
use crate::{Machine, Ordering, Waited, Work};

/// Bytes of a page: the memory traffic of clearing one.
const PAGE_BYTES: u64 = 4096;

impl Machine for Model {
    type Line = ModelLine;
    const IS_OF_ALL_THREADS: bool = false;
    const HAS_TLB: bool = true;
    const HAS_MEMORY: bool = false;

    #[inline(always)]
    fn core() -> usize {
        current().core()
    }

    #[inline]
    fn fence(order: Ordering) {
        if order == Ordering::SeqCst {
            // Linux makes it a locked operation on the stack (x86, `smp_mb`).
            current().drain();
            current().advance(current().parameters().rmw_hit_ps);
        }
    }

    #[inline]
    fn work(work: Work) {
        let multicore = current();
        let (times, from_ps) = (&multicore.parameters().work, multicore.clock());
        match work {
            Work::Trap => {
                multicore.forget_losses();
                multicore.advance(times.trap_ps);
            }
            Work::ReadSection => multicore.advance(times.read_section_ps),
            Work::ClearPage => multicore.stream(PAGE_BYTES, times.clear_page_ps),
            Work::CopyPage => multicore.stream(2 * PAGE_BYTES, times.copy_page_ps),
            // The workload sets this time, so it is the same beside a sibling.
            Work::ThinkNs(ns) => multicore.advance(ns * 1000),
        }
        multicore.trace_work(work, from_ps);
    }

    #[inline]
    fn relax() {
        let multicore = current();
        multicore.advance(multicore.parameters().work.relax_ps);
    }

    fn sleep_ns(ns: u64) {
        current().advance(ns * 1000);
    }

    fn begin_wait(waited: Waited, at: usize) {
        current().begin_wait(waited, at);
    }

    fn end_wait() {
        current().end_wait();
    }

    #[inline]
    fn locked(lock: Waited, at: usize) {
        current().locked(lock, at);
    }

    #[inline]
    fn unlocked(at: usize) {
        current().unlocked(at);
    }

    fn park() {
        current().park();
    }

    fn unpark(core: usize) {
        current().unpark(core);
    }

    fn for_nothing<R>(what: impl FnOnce() -> R) -> R {
        current().for_nothing(what)
    }

    fn shootdown(kernel_broadcasts: bool) {
        current().shootdown(kernel_broadcasts);
    }

    #[inline]
    fn shootdowns_taken() -> u64 {
        current().shootdowns_taken()
    }

    #[inline]
    fn interrupts_off() {
        current().interrupts_off();
    }

    #[inline]
    fn interrupts_on() {
        current().interrupts_on();
    }

    #[inline]
    fn now_ns() -> u64 {
        current().clock() / 1000
    }

    #[inline(always)]
    fn point(point: usize) {
        current().at_point(point);
    }

    #[inline(always)]
    fn mark(_: usize) {}
}
