//! The VMA tree: a B-tree of the maple tree's nodes that is read under RCU.
//!
//! *Readers* take no lock: they load the root, then in each node of 256 bytes its end, the pivots
//! up to the one above the address, and one slot, as `mtree_range_walk` does (Linux 7.2
//! `lib/maple_tree.c`). A leaf has 16 slots and 15 pivots (`maple_range_64`), an inner node 10 and
//! 9 (`maple_arange_64`, which has gaps after them). A gap between VMAs takes a slot of its own.
//! The pointer to a node says which kind it is. *Writers* hold mmap_lock. They never change a
//! node's entries: they build a new node and store it into the slot of its parent, so that readers
//! see the old node or the new one; the old is freed after a grace period. Unlike maple, nodes are
//! not rebalanced when entries go, and a pivot stays where a VMA ended that has gone: one that
//! comes to lie inside another VMA is lowered to its start, so that every address of a VMA leads
//! to its leaf.

use super::addr::{ADDRESS_END, Vaddr};
use super::pool::Pool;
use super::slots::slots;
use super::vma::VmaId;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word, pair_up};
use std::ops::Range;
use std::sync::Arc;
use sync::rcu::ReadSection;
use sync::spinlock::Waiters;

const LINES: usize = 4;
/// Bit of a pointer to a node: it is a leaf.
const LEAF: u64 = 1 << 32;

/// Words of a kind of node: pivots from word 1 on, then slots, and a word that has the number of
/// the last slot (`struct maple_metadata`).
struct Shape {
    slots: usize,
    first_slot: usize,
    end: usize,
}

/// `maple_range_64`. Its last word is the last slot, or the end if that slot is not used.
const LEAF_SHAPE: Shape = Shape { slots: 16, first_slot: 16, end: 31 };
/// `maple_arange_64`. Its gaps (words 20 to 29) are read by nobody here.
const INNER_SHAPE: Shape = Shape { slots: 10, first_slot: 10, end: 30 };

impl Shape {
    const fn of(is_leaf: bool) -> &'static Self {
        if is_leaf { &LEAF_SHAPE } else { &INNER_SHAPE }
    }
}

/// Words of a leaf; an inner node has slots from `pivot9` on, and its end in `slot14`.
static NODE: [LineName; LINES] = {
    const fn line(words: [&'static str; LINE_WORDS]) -> LineName {
        LineName { name: "mt.node", words }
    }
    [
        line(["parent", "pivot0", "pivot1", "pivot2", "pivot3", "pivot4", "pivot5", "pivot6"]),
        line(["pivot7", "pivot8", "pivot9", "pivot10", "pivot11", "pivot12", "pivot13", "pivot14"]),
        line(["slot0", "slot1", "slot2", "slot3", "slot4", "slot5", "slot6", "slot7"]),
        line(["slot8", "slot9", "slot10", "slot11", "slot12", "slot13", "slot14", "slot15 or end"]),
    ]
};

static POOL: LineName =
    LineName { name: "slab.maple_node", words: ["lock", "lock.tail", "free", "", "", "", "", ""] };

/// A node. Pivots are first addresses after the slot of the same number; the last slot ends where
/// the node does. Slots have 1 + a VMA, a pointer to a node, or 0 for a gap.
struct Node<M: Machine>([M::Line; LINES]);

/// A VMA or a node below, and its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    start: u64,
    bound: u64,
    slot: u64,
}

/// The result of a change of a subtree.
enum Change {
    /// The same node, changed below.
    Kept,
    /// The subtree is empty and removed.
    Gone,
    /// One node replaces it.
    One(u64),
    /// Two nodes replace it, with this bound between them.
    Two(u64, u64, u64),
}

impl<M: Machine> Node<M> {
    #[inline(always)]
    fn word(&self, index: usize) -> Word<'_, M::Line> {
        Word::new(&self.0[index / LINE_WORDS], index % LINE_WORDS)
    }

    /// The number of the last slot (`ma_data_end`).
    #[inline(always)]
    fn end(&self, is_leaf: bool) -> usize {
        let shape = Shape::of(is_leaf);
        let last = shape.slots - 1;
        if is_leaf && self.word(last).load(Ordering::Relaxed) != 0 {
            return last;
        }
        self.word(shape.end).load(Ordering::Relaxed) as usize
    }

    /// What the slot that `addr` belongs to holds.
    #[inline(always)]
    fn slot_of(&self, addr: u64, is_leaf: bool) -> u64 {
        let end = self.end(is_leaf);
        let mut index = 0;
        while index < end && self.word(1 + index).load(Ordering::Relaxed) <= addr {
            index += 1;
        }
        // Acquire: pairs with the Release store that put this child here. The rest of
        // this node came with the slot of our own parent.
        self.slot(index, is_leaf).load(Ordering::Acquire)
    }

    #[inline(always)]
    fn slot(&self, index: usize, is_leaf: bool) -> Word<'_, M::Line> {
        self.word(Shape::of(is_leaf).first_slot + index)
    }

    /// The entries of a node with these addresses, gaps left out.
    fn entries(&self, is_leaf: bool, (mut start, bound): (u64, u64)) -> Vec<Entry> {
        let end = self.end(is_leaf);
        let mut entries = Vec::with_capacity(end + 1);
        for index in 0..=end {
            let word = |word: Word<'_, M::Line>| word.load(Ordering::Relaxed);
            let bound = if index < end { word(self.word(1 + index)) } else { bound };
            entries.push(Entry { start, bound, slot: word(self.slot(index, is_leaf)) });
            start = bound;
        }
        entries.retain(|entry| entry.slot != 0);
        entries
    }

    fn fill(&self, slots: &[Entry], is_leaf: bool) {
        let shape = Shape::of(is_leaf);
        assert!((1..=shape.slots).contains(&slots.len()), "a node is neither empty nor over full");
        assert!(slots.is_sorted_by(|a, b| a.bound <= b.start), "addresses rise");
        let last = slots.len() - 1;
        if is_leaf {
            self.word(shape.slots - 1).store(0, Ordering::Relaxed);
        }
        self.word(shape.end).store(last as u64, Ordering::Relaxed);
        for (index, entry) in slots.iter().enumerate() {
            if index < last {
                self.word(1 + index).store(entry.bound, Ordering::Relaxed);
            }
            self.slot(index, is_leaf).store(entry.slot, Ordering::Relaxed);
        }
    }
}

/// The entries of a node with these addresses, and the gaps of a leaf. A leaf ends with a gap, an
/// empty one if need be, because its addresses grow when the leaf after it goes; the kernel
/// rebalances then.
fn slots_of(entries: &[Entry], is_leaf: bool, (mut start, bound): (u64, u64)) -> Vec<Entry> {
    let mut slots = Vec::with_capacity(2 * entries.len() + 1);
    for entry in entries {
        if is_leaf && start < entry.start {
            slots.push(Entry { start, bound: entry.start, slot: 0 });
        }
        slots.push(*entry);
        start = entry.bound;
    }
    if is_leaf {
        slots.push(Entry { start, bound, slot: 0 });
    }
    slots
}

/// Addresses of the whole tree.
const ALL: (u64, u64) = (0, ADDRESS_END);

/// All nodes of a tree. The caller has the root pointer, since that is on a line of `mm_struct`.
pub struct VmaTree<M: Machine> {
    shared: Arc<Shared<M>>,
}

struct Shared<M: Machine> {
    nodes: Box<[Node<M>]>,
    pool: Pool<M>,
}

/// Returns the number of nodes for `vmas` VMAs.
fn nodes_for(vmas: u64) -> u64 {
    // Splits leave leaves half full, in which every other slot may be a gap; the rest is for inner
    // nodes, and for old nodes that readers may see.
    vmas / 2 + 256
}

/// Returns the bytes of a tree for `vmas` VMAs.
pub fn bytes_for<M: Machine>(vmas: u64) -> u64 {
    nodes_for(vmas) * (size_of::<Node<M>>() + size_of::<u32>()) as u64
}

/// Everything that a change of the tree needs besides the tree.
pub struct TreeWriter<'a, M: Machine> {
    /// Word of the root: 0, or 1 + a node.
    pub root: Word<'a, M::Line>,
    /// The read section that defers the free of old nodes.
    pub section: &'a ReadSection,
    /// The waiters of the machine.
    pub waiters: &'a Arc<Waiters<M>>,
}

impl<M: Machine> VmaTree<M> {
    /// Creates an empty tree with room for `vmas`.
    pub fn new(vmas: u32) -> Self {
        let nodes = nodes_for(vmas.into());
        let new = |_| Node(std::array::from_fn(|i| M::Line::new(&NODE[i], [0; LINE_WORDS])));
        let nodes = slots(nodes as usize, new);
        // SAFETY: they are on the heap, and a space outlives the cores that fault in it.
        nodes.iter().for_each(|node| unsafe { pair_up(&node.0) });
        let pool = Pool::new(&POOL, 0, nodes.len() as u32, true);
        Self { shared: Arc::new(Shared { nodes, pool }) }
    }

    /// Returns the VMA at `addr`, if any; the caller checks its bounds, since a writer may be
    /// changing it. Runs in a read section, or with mmap_lock held.
    #[inline(always)]
    pub fn find(&self, root: Word<'_, M::Line>, addr: Vaddr) -> Option<VmaId> {
        // Acquire: pairs with the Release store of a new root.
        let mut slot = root.load(Ordering::Acquire);
        while slot != 0 {
            let is_leaf = slot & LEAF != 0;
            slot = self.node(slot).slot_of(addr.0, is_leaf);
            if is_leaf {
                return (slot as u32).checked_sub(1).map(VmaId);
            }
        }
        None
    }

    /// Returns the number of nodes that are neither in the tree nor waiting for readers.
    pub fn free_nodes(&self) -> (usize, usize) {
        (self.shared.pool.free(), self.shared.pool.slots())
    }

    /// Stores a VMA with this range. It may overlap only a VMA with the same end, which it
    /// replaces.
    pub fn store(&self, writer: &TreeWriter<'_, M>, range: Range<Vaddr>, vma: VmaId) {
        let root = writer.root.load(Ordering::Relaxed);
        let (start, end) = (range.start.0, range.end.0);
        let new = Entry { start, bound: end, slot: u64::from(vma.0) + 1 };
        if root == 0 {
            let slots = slots_of(&[new], true, ALL);
            writer.root.store(self.build(writer, &slots, true), Ordering::Release);
            return;
        }
        match self.store_below(writer, root, ALL, new) {
            Change::Kept => {}
            Change::Gone => unreachable!("to store removes nothing"),
            Change::One(node) => writer.root.store(node, Ordering::Release),
            Change::Two(left, bound, right) => {
                let both = [
                    Entry { start: ALL.0, bound, slot: left },
                    Entry { start: bound, bound: ALL.1, slot: right },
                ];
                writer.root.store(self.build(writer, &both, false), Ordering::Release);
            }
        }
    }

    fn store_below(
        &self,
        writer: &TreeWriter<'_, M>,
        at: u64,
        range: (u64, u64),
        new: Entry,
    ) -> Change {
        let is_leaf = at & LEAF != 0;
        let mut entries = self.node(at).entries(is_leaf, range);
        let index = entries.partition_point(|entry| entry.bound < new.bound);
        if is_leaf {
            match entries.get_mut(index).filter(|entry| entry.bound == new.bound) {
                Some(entry) if *entry == new => return Change::Kept,
                Some(entry) => *entry = new,
                None => {
                    entries.insert(index, new);
                    // See `remove_below`.
                    if let Some(next) = entries.get_mut(index + 1) {
                        next.start = next.start.max(new.bound);
                    }
                }
            }
            return self.replace(writer, at, &entries, range);
        }
        // The VMA before ends at or below the start, since nothing overlaps. So no second pivot is
        // inside the range, here or further down.
        let before = entries[..index].last_mut().filter(|before| before.bound > new.start);
        let is_lowered = before.map(|before| before.bound = new.start).is_some();
        if is_lowered {
            entries[index].start = new.start;
        }
        let Entry { start, bound, slot } = entries[index];
        match self.store_below(writer, slot, (start, bound), new) {
            Change::Kept if is_lowered => self.replace(writer, at, &entries, range),
            Change::One(node) if is_lowered => {
                entries[index].slot = node;
                self.replace(writer, at, &entries, range)
            }
            Change::One(node) => {
                self.node(at).slot(index, false).store(node, Ordering::Release);
                Change::Kept
            }
            Change::Two(left, bound, right) => {
                entries[index] = Entry { start: bound, slot: right, ..entries[index] };
                entries.insert(index, Entry { start, bound, slot: left });
                self.replace(writer, at, &entries, range)
            }
            kept => kept,
        }
    }

    /// Removes the VMA that ends at `end`.
    pub fn remove(&self, writer: &TreeWriter<'_, M>, end: Vaddr) {
        let root = writer.root.load(Ordering::Relaxed);
        assert_ne!(root, 0, "what is removed is in the tree");
        match self.remove_below(writer, root, ALL, end.0) {
            Change::Kept => {}
            Change::Gone => writer.root.store(0, Ordering::Release),
            Change::One(node) => writer.root.store(node, Ordering::Release),
            Change::Two(..) => unreachable!("a removal splits nothing"),
        }
    }

    fn remove_below(
        &self,
        writer: &TreeWriter<'_, M>,
        at: u64,
        range: (u64, u64),
        end: u64,
    ) -> Change {
        let is_leaf = at & LEAF != 0;
        let mut entries = self.node(at).entries(is_leaf, range);
        let index = entries.partition_point(|entry| entry.bound < end);
        if !is_leaf {
            let Entry { start, bound, slot } = entries[index];
            match self.remove_below(writer, slot, (start, bound), end) {
                Change::Gone => {}
                Change::One(node) => {
                    self.node(at).slot(index, false).store(node, Ordering::Release);
                    return Change::Kept;
                }
                other => return other,
            }
        }
        let removed = entries.remove(index);
        assert!(!is_leaf || removed.bound == end, "what is removed is in the tree");
        if entries.is_empty() {
            self.retire(writer, at);
            return Change::Gone;
        }
        if !is_leaf {
            // The node before takes the addresses of the one that is gone: it ends with a gap. The
            // first VMA of the node after may then look as if it began there.
            match index {
                0 => entries[0].start = removed.start,
                _ => entries[index - 1].bound = removed.bound,
            }
        }
        self.replace(writer, at, &entries, range)
    }

    /// Calls `on` with every VMA, in the order of addresses. The caller holds mmap_lock.
    pub fn for_each(&self, root: Word<'_, M::Line>, mut on: impl FnMut(VmaId)) {
        let root = root.load(Ordering::Relaxed);
        if root != 0 {
            self.visit(root, &mut on, &mut |_| {});
        }
    }

    /// Calls `on` with the VMAs that end after `from`, in order, up to the first that ends at or
    /// after `to`. The caller holds mmap_lock.
    pub fn for_each_in(
        &self,
        root: Word<'_, M::Line>,
        from: Vaddr,
        to: Vaddr,
        mut on: impl FnMut(VmaId),
    ) {
        let root = root.load(Ordering::Relaxed);
        if root != 0 {
            self.visit_in(root, ALL, (from.0, to.0), &mut on);
        }
    }

    /// The same for a subtree. Returns true if the VMAs after the subtree come next.
    fn visit_in(
        &self,
        at: u64,
        range: (u64, u64),
        (from, to): (u64, u64),
        on: &mut impl FnMut(VmaId),
    ) -> bool {
        let is_leaf = at & LEAF != 0;
        let entries = self.node(at).entries(is_leaf, range);
        entries.into_iter().filter(|entry| entry.bound > from).all(|entry| {
            if !is_leaf {
                return self.visit_in(entry.slot, (entry.start, entry.bound), (from, to), on);
            }
            on(VmaId(entry.slot as u32 - 1));
            entry.bound < to
        })
    }

    /// Returns the last VMA that ends at `addr` or below. The caller holds mmap_lock.
    pub fn before(&self, root: Word<'_, M::Line>, addr: Vaddr) -> Option<VmaId> {
        let root = root.load(Ordering::Relaxed);
        if root == 0 { None } else { self.last_below(root, ALL, addr.0) }
    }

    fn last_below(&self, at: u64, range: (u64, u64), addr: u64) -> Option<VmaId> {
        let is_leaf = at & LEAF != 0;
        let entries = self.node(at).entries(is_leaf, range);
        // The first inner node that ends after the address may also hold VMAs that do not.
        let upto = entries.partition_point(|entry| entry.bound <= addr);
        let upto = if is_leaf { upto } else { (upto + 1).min(entries.len()) };
        entries[..upto].iter().rev().find_map(|entry| match is_leaf {
            true => Some(VmaId(entry.slot as u32 - 1)),
            false => self.last_below(entry.slot, (entry.start, entry.bound), addr),
        })
    }

    /// Removes every VMA.
    pub fn clear(&self, writer: &TreeWriter<'_, M>) {
        let root = writer.root.swap(0, Ordering::AcqRel);
        if root != 0 {
            self.visit(root, &mut |_| {}, &mut |node| self.retire(writer, node));
        }
    }

    fn visit(&self, at: u64, on: &mut impl FnMut(VmaId), node_done: &mut impl FnMut(u64)) {
        let is_leaf = at & LEAF != 0;
        for entry in self.node(at).entries(is_leaf, ALL) {
            match is_leaf {
                true => on(VmaId(entry.slot as u32 - 1)),
                false => self.visit(entry.slot, on, node_done),
            }
        }
        node_done(at);
    }

    /// Builds one or two nodes of `entries` in place of `old`.
    fn replace(
        &self,
        writer: &TreeWriter<'_, M>,
        old: u64,
        entries: &[Entry],
        range: (u64, u64),
    ) -> Change {
        let is_leaf = old & LEAF != 0;
        self.retire(writer, old);
        let slots = slots_of(entries, is_leaf, range);
        if slots.len() <= Shape::of(is_leaf).slots {
            return Change::One(self.build(writer, &slots, is_leaf));
        }
        let (left, right) = entries.split_at(entries.len() / 2);
        let middle = left.last().expect("half of many is some").bound;
        let [left, right] = [(left, (range.0, middle)), (right, (middle, range.1))]
            .map(|(half, range)| self.build(writer, &slots_of(half, is_leaf, range), is_leaf));
        Change::Two(left, middle, right)
    }

    fn build(&self, writer: &TreeWriter<'_, M>, slots: &[Entry], is_leaf: bool) -> u64 {
        let id = self.shared.pool.take(writer.waiters).expect("the tree was made large enough");
        self.shared.nodes[id as usize].fill(slots, is_leaf);
        (u64::from(id) + 1) | if is_leaf { LEAF } else { 0 }
    }

    fn retire(&self, writer: &TreeWriter<'_, M>, node: u64) {
        let (shared, waiters) = (Arc::clone(&self.shared), Arc::clone(writer.waiters));
        writer.section.defer(move || shared.pool.give(&waiters, node as u32 - 1));
    }

    #[inline(always)]
    fn node(&self, slot: u64) -> &Node<M> {
        &self.shared.nodes[slot as u32 as usize - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Host};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use sync::rcu::Rcu;

    static ROOT: LineName = LineName { name: "test.root", words: [""; LINE_WORDS] };

    /// Stores (true) a VMA of `size` pages of three bytes at page `at` if it overlaps none, or lets
    /// the one that ends there grow down to `at`. Removes (false) the first VMA that ends after
    /// `at`. Compares every lookup with a `BTreeMap` from ends to starts.
    fn agrees_with_oracle(steps: &[(bool, u64, u64)]) {
        let (rcu, waiters) = (Rcu::new(), Arc::new(Waiters::<Host>::new(1)));
        let reader = rcu.reader();
        let line = BareLine::new(&ROOT, [0; LINE_WORDS]);
        let root = Word::new(&line, 0);
        let tree = VmaTree::<Host>::new(4000);
        let mut oracle = BTreeMap::<u64, (u64, VmaId)>::new();
        for (step, &(stores, at, size)) in steps.iter().enumerate() {
            let section = reader.read::<Host>();
            let writer = TreeWriter { root, section: &section, waiters: &waiters };
            let (start, end, id) = (3 * at, 3 * (at + size), VmaId(step as u32));
            let next = oracle.range(start + 1..).next().map(|(end, (start, _))| (*end, *start));
            let is_free = next.is_none_or(|(_, next)| next >= end);
            let grows = next.is_some_and(|(next_end, next)| next_end == end && next > start);
            if stores && (is_free || grows) {
                tree.store(&writer, Vaddr(start)..Vaddr(end), id);
                oracle.insert(end, (start, id));
            } else if let (false, Some((end, _))) = (stores, next) {
                tree.remove(&writer, Vaddr(end));
                oracle.remove(&end);
            }
        }
        for addr in 0..3 * 1100 {
            // A gap at the end of a leaf may answer "none" although the next leaf has a VMA.
            let found = tree.find(root, Vaddr(addr));
            match oracle.range(addr + 1..).next() {
                Some((_, (start, id))) if *start <= addr => {
                    assert_eq!(found, Some(*id), "at {addr}");
                }
                next => {
                    let next = next.map(|(_, (_, id))| *id);
                    assert!(found.is_none() || found == next, "at {addr}: {found:?}");
                }
            }
        }
    }

    /// A leaf has 16 slots, of which each gap takes one: 15 VMAs that follow each other and the gap
    /// after them fit, or 8 with a gap after each.
    #[test]
    fn a_gap_takes_a_slot() {
        let (rcu, waiters) = (Rcu::new(), Arc::new(Waiters::<Host>::new(1)));
        let reader = rcu.reader();
        let leaves = |vmas: u64, distance: u64| {
            let line = BareLine::new(&ROOT, [0; LINE_WORDS]);
            let root = Word::new(&line, 0);
            let tree = VmaTree::<Host>::new(100);
            let section = reader.read::<Host>();
            let writer = TreeWriter { root, section: &section, waiters: &waiters };
            for vma in 0..vmas {
                let start = distance * vma;
                tree.store(&writer, Vaddr(start)..Vaddr(start + 1), VmaId(vma as u32));
            }
            let root = root.load(Ordering::Relaxed);
            if root & LEAF != 0 { 1 } else { tree.node(root).end(false) + 1 }
        };
        assert_eq!([leaves(15, 1), leaves(16, 1)], [1, 2]);
        assert_eq!([leaves(8, 2), leaves(9, 2)], [1, 2]);
        // An inner node has 10 slots.
        assert_eq!((leaves(80, 1), leaves(88, 1)), (10, 2));
    }

    #[test]
    fn a_thousand_in_order_and_out_again() {
        let mut steps: Vec<_> = (0..1000).map(|at| (true, at, 1)).collect();
        agrees_with_oracle(&steps);
        steps.extend((0..1000).rev().filter(|at| at % 3 != 0).map(|at| (false, at, 1)));
        agrees_with_oracle(&steps);
        steps.extend((0..1000).step_by(3).map(|at| (false, at, 1)));
        agrees_with_oracle(&steps);
    }

    /// Removes small VMAs, whose pivots stay, and maps a large one over them.
    #[test]
    fn a_large_vma_is_found_where_small_ones_were() {
        let mut steps: Vec<_> = (0..1000).map(|at| (true, at, 1)).collect();
        steps.extend((200..700).map(|at| (false, at, 1)));
        steps.push((true, 690, 10));
        agrees_with_oracle(&steps);
        steps.push((true, 200, 500));
        agrees_with_oracle(&steps);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_order_agrees(
            steps in prop::collection::vec(
                (prop::bool::weighted(0.7), 0u64..1000, prop_oneof![Just(1), 1u64..90]),
                0..1500,
            ),
        ) {
            agrees_with_oracle(&steps);
        }
    }
}
