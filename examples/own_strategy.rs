//! A user's own strategy in one file outside the crate: a biased mmap_lock, after BRAVO (Dice and
//! Kogan, "BRAVO: Biased Locking for Reader-Writer Locks", USENIX ATC 2019).
//!
//! *Fault:* while mmap_lock is biased towards readers, a fault does not take it. Instead it
//! announces itself in its own core's slot, and checks the bias again after a full fence. If the
//! bias is still there, no writer can work until the slot is clear, and the fault is done as if it
//! held mmap_lock. It writes no line that other cores write. *Writers* take mmap_lock; if there is
//! a bias they revoke it, and wait until all slots are clear. *Collision:* without a bias the fault
//! is done under mmap_lock. The first fault that finds no writer there restores the bias, but only
//! after nine times as long as the revocation took: so revocations cost writers at most a tenth of
//! their time.
//!
//! Here each core has a slot. In the paper the slots are one table for the whole system, in which
//! threads find theirs by a hash.
//!
//! ```sh
//! cargo run --release --example own_strategy -- run huge-anon --strategy mmap-lock,bravo
//! ```

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{self, End, Fallback, FaultRequest, Outcome, Stop};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::locked::{self, Held};
use faultstorm::mm::{Config, Core, Mm, point, stage};
use faultstorm::strategy::{Entry, Scheme, Space, Strategy, Traits, Words};
use faultstorm::sync::hazard::{Hazard, wait_until_unused};
use std::process::ExitCode;

/// This program's own strategies, in addition to those of the crate.
static OWN: [Entry; 1] = [Entry::of::<Bravo>()];

fn main() -> ExitCode {
    faultstorm::cmd::main(&OWN)
}

/// Names of lines and of their words, as results show them.
static BIAS: LineName =
    LineName { name: "mm.bias", words: ["bias", "inhibited_until", "", "", "", "", "", ""] };

static SLOT: LineName =
    LineName { name: "percpu.slot", words: ["slot", "", "", "", "", "", "", ""] };

/// Content of a slot while its core reads the space; there is only one possible value.
const THE_SPACE: u64 = 0;
/// After a revocation there is no bias for this many times as long as the revocation took: N of the
/// paper.
const INHIBIT: u64 = 9;

/// The scheme; see the module.
pub struct Bravo;

/// Words that the scheme adds to a space. Each line is separate, so that no two cores' slots share
/// one.
pub struct BravoWords<M: Machine> {
    bias: M::Line,
    slots: Box<[M::Line]>,
}

impl<M: Machine> BravoWords<M> {
    /// Returns the bias; 1: readers need not take mmap_lock.
    fn bias(&self) -> Word<'_, M::Line> {
        Word::new(&self.bias, 0)
    }

    /// Returns the time when the bias may return, in nanoseconds of the machine's clock.
    fn inhibited_until(&self) -> Word<'_, M::Line> {
        Word::new(&self.bias, 1)
    }

    fn slots(&self) -> impl Iterator<Item = Word<'_, M::Line>> {
        self.slots.iter().map(|line| Word::new(line, 0))
    }
}

/// Announces a reader in this core's slot; `None` if there is no bias.
#[inline(always)]
fn read<'a, M: Machine>(space: &'a Space<M, Bravo>) -> Option<Hazard<'a, M>> {
    let words = &space.words;
    if words.bias().load(Ordering::Relaxed) == 0 && !bring_back(space) {
        return None;
    }
    // A full fence follows this store; another follows the store with which a writer revokes the
    // bias. So either the writer sees the slot, or this core sees that the bias is gone.
    let reading = Hazard::set(Word::new(&words.slots[M::core()], 0), THE_SPACE);
    M::point(point::VMA_LOCKED);
    // Acquire: pairs with the Release of `bring_back`. A core that sees the bias sees all writes
    // from before the bias.
    (words.bias().load(Ordering::Acquire) != 0).then_some(reading)
}

/// Restores the bias, if its time has come and nobody writes.
#[cold]
fn bring_back<M: Machine>(space: &Space<M, Bravo>) -> bool {
    let words = &space.words;
    if M::now_ns() < words.inhibited_until().load(Ordering::Relaxed) {
        return false;
    }
    // Held while the bias is set, so that no writer can begin without seeing it.
    let Some(_lock) = space.mmap_lock().try_read() else { return false };
    words.bias().store(1, Ordering::Release);
    true
}

impl Scheme for Bravo {
    const NAME: &'static str = "bravo";
    const SUMMARY: &'static str = "mmap_lock biased towards readers, who have a slot each";
    const WHO: &'static str = "after Dice and Kogan 2019";
    const TRAITS: Traits = Traits {
        shared_writes: "0: one full fence",
        sleeps: "no: clears its slot for I/O",
        allocates_tables: "yes",
        falls_back: "any writer of the space, and for some time after it",
        writers_pay: "a look at every core's slot, and a wait for its fault",
    };
}

impl<M: Machine> Words<M> for BravoWords<M> {
    const VMA_BYTES: usize = 0;

    fn new(config: &Config) -> Self {
        let mut bias = [0; LINE_WORDS];
        bias[0] = 1;
        let slot = |_| M::Line::new(&SLOT, [0; LINE_WORDS]);
        Self { bias: M::Line::new(&BIAS, bias), slots: (0..config.cores).map(slot).collect() }
    }
}

impl<M: Machine> Hooks<M> for BravoWords<M> {
    /// Revokes the bias.
    fn begin(&self, _: &Mm<M>) {
        // Only the holder of mmap_lock writes it, and this writer holds it now.
        if self.bias().load(Ordering::Relaxed) == 0 {
            return;
        }
        let from_ns = M::now_ns();
        self.bias().store(0, Ordering::Relaxed);
        // The wait begins with the other full fence.
        wait_until_unused::<M>(self.slots(), THE_SPACE);
        let now_ns = M::now_ns();
        let until_ns = now_ns + INHIBIT * (now_ns - from_ns);
        self.inhibited_until().store(until_ns, Ordering::Relaxed);
    }
}

impl<M: Machine> Strategy<M> for Bravo {
    type Layout = Linux7_2;
    type Words = BravoWords<M>;

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let reading = read(space).ok_or(Fallback::VmaLockAbort)?;
        M::mark(stage::LOCK);
        let vma = space.find_vma(request.addr);
        M::mark(stage::LOOKUP);
        M::point(point::AFTER_LOOKUP);
        let result = match vma {
            // No writer can change the VMA; a lock of the VMA would only ensure the same.
            Some(vma) if fault::allows(&vma, request.access()) => {
                fault::handle(space, core, request, &Held::by_its_lock(vma))
            }
            _ => Ok(locked::failed(request, End::Segv)),
        };
        drop(reading);
        result
    }
}
