//! The rules of a workload that was not read from a file but from a document.
//!
//! A file is checked key by key, with a message for each. A document has what was checked when it
//! was written, unless somebody changed it: one reason is enough.

use super::{
    Action, Backing, Change, Headline, IoLatency, Loops, NODES_PER_SOCKET_MAX, Op, Order,
    PAGE_BYTES, PAUSE_MAX_NS, Slices, THREADS_MAX, TIME_MAX_NS, Threads, Touch, Until, WEIGHT_MAX,
    Workload, WorkloadFile, WorkloadVma,
};

/// Most pages of a mapping or a file: all addresses of a process.
const PAGES_MAX: u64 = (1 << 47) / PAGE_BYTES;
/// Most pages that a fault may map around its own: a page table has more.
const AROUND_ORDER_MAX: u8 = 9;

impl Workload {
    /// Checks that a storm can be made of it.
    ///
    /// # Errors
    ///
    /// The first rule that does not hold.
    pub fn check(&self) -> Result<(), String> {
        self.files.iter().try_for_each(check_file)?;
        self.vmas.iter().try_for_each(|vma| self.check_vma(vma))?;
        holds(!self.groups.is_empty() && !self.vmas.is_empty(), "it has a group and a VMA")?;
        let nodes = 1..=NODES_PER_SOCKET_MAX;
        holds(nodes.contains(&self.kernel.nodes_per_socket), "a socket has a few nodes")?;
        let mut weighted = 0;
        for group in &self.groups {
            let is_right = match group.threads {
                Threads::Weight(weight) => weight > 0.0 && weight <= WEIGHT_MAX,
                Threads::Fixed(threads) => (1..=THREADS_MAX).contains(&threads),
            };
            weighted += usize::from(matches!(group.threads, Threads::Weight(_)));
            holds(is_right, "a group has threads, and not too many")?;
            holds(group.loops != Loops::Times(0), "a group has loops")?;
            let phases = group.phases.len();
            holds(phases == self.groups[0].phases.len(), "groups have the same phases")?;
            holds(group.ops().next().is_some(), "a group works")?;
            holds(group.ops().all(|op| op.repeat() > 0), "an operation is done")?;
            group.ops().try_for_each(|op| match op {
                Op::Touch(touch) => self.check_touch(touch),
                Op::Change(change) => self.check_change(change),
            })?;
        }
        let is_done = match self.headline {
            Some(Headline::Op(name)) => self.changes().any(|change| change.action.name() == name),
            Some(Headline::Faults) | None => true,
        };
        holds(is_done, "the event that it is judged by is one of its operations")?;
        holds(weighted > 0, "a group shares the threads that are asked for")?;
        let (Until::Duration(least) | Until::Touches(least)) = self.until else {
            let (Until::Faults(least) | Until::Rounds(least)) = self.until else { return Ok(()) };
            return holds(least > 0, "a storm has a length");
        };
        holds(least > 0 && self.warmup_ns <= TIME_MAX_NS, "a storm has a length")
    }

    fn check_vma(&self, vma: &WorkloadVma) -> Result<(), String> {
        holds(vma.pages > 0 && vma.count > 0, "a VMA has pages")?;
        holds(vma.total_pages() <= PAGES_MAX, "VMAs fit a process")?;
        let grows = vma.grows_down_from_pages.is_none_or(|from| (1..=vma.pages).contains(&from));
        holds(grows, "a VMA that grows starts with a part")?;
        let Backing::File { file, offset_pages, fault_around_order, .. } = vma.backing else {
            return Ok(());
        };
        let file = self.files.get(file).ok_or("it has no such file")?;
        let end = offset_pages.checked_add(vma.pages);
        holds(end.is_some_and(|end| end <= file.pages), "a VMA ends where its file does")?;
        holds(fault_around_order <= AROUND_ORDER_MAX, "fault-around stays in a page table")
    }

    fn check_touch(&self, touch: &Touch) -> Result<(), String> {
        holds(touch.vma < self.vmas.len(), "a touch has a VMA")?;
        holds(touch.think_ns <= PAUSE_MAX_NS, "a thread thinks a second at most")?;
        holds(touch.touches != Some(0), "a touch touches something")?;
        let claims = touch.claims.is_none_or(|claims| {
            claims > 0 && touch.touches.is_none() && touch.slices == Slices::Shared
        });
        holds(claims, "threads claim touches of one pass")?;
        check_order(touch.order)
    }

    fn check_change(&self, change: &Change) -> Result<(), String> {
        holds(change.every_ns <= TIME_MAX_NS, "a writer works every hour at least")?;
        if let Action::Truncate { file, pages } = change.action {
            let fits = self.files.get(file).is_some_and(|file| pages <= file.pages);
            return holds(fits, "a file is not truncated to more");
        }
        let Some(vma) = change.action.vma() else { return Ok(()) };
        let vma = self.vmas.get(vma).ok_or("an operation has a VMA")?;
        if let Action::ExpandStack { pages, .. } = change.action {
            let grows = vma.grows_down_from_pages.is_some() && (1..=vma.pages).contains(&pages);
            return holds(grows, "a stack grows by pages");
        }
        let Some(pieces) = change.action.pieces() else { return Ok(()) };
        holds((1..=vma.pages).contains(&pieces.pages), "a piece is a part of its VMA")?;
        check_order(pieces.order)
    }
}

fn check_file(file: &WorkloadFile) -> Result<(), String> {
    holds((1..=PAGES_MAX).contains(&file.pages), "a file has pages")?;
    let shares = [file.cached, file.locked, file.not_uptodate, file.readahead];
    let is_share = |share: &f64| (0.0..=1.0).contains(share);
    holds(shares.iter().all(is_share), "shares of a file are from 0 to 1")?;
    holds(file.locked + file.not_uptodate <= 1.0, "a page is in one state")?;
    let longest = match file.io {
        IoLatency::Fixed(ns) | IoLatency::Exponential(ns) => ns,
        IoLatency::Uniform(low, high) if low <= high => high,
        IoLatency::Uniform(..) => u64::MAX,
    };
    holds(longest <= PAUSE_MAX_NS, "I/O takes a second at most")
}

fn check_order(order: Order) -> Result<(), String> {
    match order {
        Order::Strided(stride) => holds((1..=PAGES_MAX).contains(&stride), "a stride has pages"),
        Order::Zipf(theta) => holds(theta > 0.0 && theta.is_finite(), "an exponent is above 0"),
        Order::Sequential | Order::Random | Order::OnePerTable => Ok(()),
    }
}

/// Returns `rule` as an error if it does not hold.
fn holds(is_true: bool, rule: &str) -> Result<(), String> {
    if is_true { Ok(()) } else { Err(format!("it breaks the rule: {rule}")) }
}
