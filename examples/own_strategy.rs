//! A strategy of one's own, in one file outside of the crate: a biased mmap_lock, after BRAVO
//! (Dice and Kogan, "BRAVO: Biased Locking for Reader-Writer Locks", USENIX ATC 2019).
//!
//! *Fault:* as long as mmap_lock is biased towards readers, a fault does not take it, but says
//! in a slot of its own core that it reads. It looks at the bias again behind a full fence;
//! then no writer can be at work until the slot is clear, and the fault is done as if
//! mmap_lock were held. No line that other cores write is written. *Writers* take mmap_lock
//! and, where there is a bias, revoke it: they wait until all slots are clear. *Collision:*
//! without a bias the fault is done under mmap_lock. The first that finds no writer there
//! brings the bias back, but not before nine times as long as revoking it took: so writers lose
//! at most a tenth of their time to it.
//!
//! Here slots belong to cores; those of the paper are one table for the whole system, in which
//! threads find theirs by a hash.
//!
//! ```sh
//! cargo run --release --example own_strategy -- run huge-anon --strategy mmap-lock,bravo
//! ```

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{self, End, Fallback, Outcome, Request, Stop};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::locked::{self, Held};
use faultstorm::mm::{Config, Core, Mm, point, stage};
use faultstorm::strategy::{Entry, Scheme, Space, Strategy, Traits, Words};
use faultstorm::sync::hazard::{Hazard, wait_until_unused};
use std::process::ExitCode;

/// The strategies that this program has beside those of the crate.
static OWN: [Entry; 1] = [Entry::of::<Bravo>()];

fn main() -> ExitCode {
    faultstorm::cmd::main(&OWN)
}

/// Names of lines and of their words are what results show.
static BIAS: LineName =
    LineName { name: "mm.bias", words: ["bias", "inhibited_until", "", "", "", "", "", ""] };

static SLOT: LineName =
    LineName { name: "percpu.slot", words: ["slot", "", "", "", "", "", "", ""] };

/// What a slot says: this core reads the space. There is nothing else that it could say.
const THE_SPACE: u64 = 0;
/// For so many times as long as it takes to revoke a bias there is none afterwards: N of the
/// paper.
const INHIBIT: u64 = 9;

/// See the module.
pub struct Bravo;

/// What it adds to a space. Each line stands alone, so that no two cores' slots share one.
pub struct BravoWords<M: Machine> {
    bias: M::Line,
    slots: Box<[M::Line]>,
}

impl<M: Machine> BravoWords<M> {
    /// 1: readers need not take mmap_lock.
    fn bias(&self) -> Word<'_, M::Line> {
        Word::new(&self.bias, 0)
    }

    /// When the bias may come back, in nanoseconds of the machine's clock.
    fn inhibited_until(&self) -> Word<'_, M::Line> {
        Word::new(&self.bias, 1)
    }

    fn slots(&self) -> impl Iterator<Item = Word<'_, M::Line>> {
        self.slots.iter().map(|line| Word::new(line, 0))
    }
}

/// Says in this core's slot that it reads; `None` where there is no bias.
#[inline(always)]
fn read<'a, M: Machine>(space: &'a Space<M, Bravo>) -> Option<Hazard<'a, M>> {
    let words = &space.words;
    if words.bias().load(Ordering::Relaxed) == 0 && !bring_back(space) {
        return None;
    }
    // A full fence stands behind the store, and behind the store of who revokes the bias. So
    // either that one sees the slot, or the bias is seen to be gone here.
    let reading = Hazard::set(Word::new(&words.slots[M::core()], 0), THE_SPACE);
    M::point(point::VMA_LOCKED);
    // Acquire: pairs with the Release of `bring_back`. Who sees the bias sees what was written
    // before there was one.
    (words.bias().load(Ordering::Acquire) != 0).then_some(reading)
}

/// Brings the bias back, where it is time and nobody writes.
#[cold]
fn bring_back<M: Machine>(space: &Space<M, Bravo>) -> bool {
    let words = &space.words;
    if M::now_ns() < words.inhibited_until().load(Ordering::Relaxed) {
        return false;
    }
    // Held while the bias is set, so that no writer has begun who did not see it.
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
        // Only who holds mmap_lock writes it, and this writer holds it now.
        if self.bias().load(Ordering::Relaxed) == 0 {
            return;
        }
        let from_ns = M::now_ns();
        self.bias().store(0, Ordering::Relaxed);
        // Begins with the other full fence.
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
        request: Request,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let reading = read(space).ok_or(Fallback::VmaLockAbort)?;
        M::mark(stage::LOCK);
        let vma = space.find_vma(request.addr);
        M::mark(stage::LOOKUP);
        M::point(point::AFTER_LOOKUP);
        let result = match vma {
            // No writer can change the VMA, which is what a lock of its own would be for.
            Some(vma) if fault::allows(&vma, request.access()) => {
                fault::handle(space, core, request, &Held::by_its_lock(vma))
            }
            _ => Ok(locked::failed(request, End::Segv)),
        };
        drop(reading);
        result
    }
}
