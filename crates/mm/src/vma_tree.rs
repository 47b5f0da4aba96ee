//! The VMA tree: a B-tree of fan-out 16 that is read under RCU.
//!
//! *Readers* take no lock: they load the root, then from each node of 256 bytes the header, the
//! pivots up to the one above the address, and one slot. That is 2 to 3 lines for each level, as in
//! the kernel's maple tree (Linux 7.2 `lib/maple_tree.c`; 16 slots, 15 pivots). *Writers* hold
//! mmap_lock. They never change a node's entries: they build a new node and store it into the slot
//! of its parent, so that readers see the old node or the new one; the old is freed after a grace
//! period. Unlike maple, nodes are not rebalanced when entries go, and the pivot of a removed VMA
//! stays. If another VMA later covers it, the pivot is lowered to that VMA's start, so that every
//! address of a VMA leads to its leaf.

use super::addr::{ADDRESS_END, Vaddr};
use super::pool::Pool;
use super::slots::slots;
use super::vma::VmaId;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word, pair_up};
use std::ops::Range;
use std::sync::Arc;
use sync::rcu::ReadSection;
use sync::spinlock::Waiters;

/// Slots in a node.
const SLOTS: usize = 16;
/// Entries in a leaf: each with a pivot, so that a reader finds an address after the last VMA of a
/// leaf unmapped without reading the VMA.
const LEAF_ENTRIES: usize = SLOTS - 1;
const LINES: usize = 4;
/// Header word: bits below hold the number of entries.
const LEAF: u64 = 1 << 8;

static NODE: [LineName; LINES] = {
    const fn line(words: [&'static str; LINE_WORDS]) -> LineName {
        LineName { name: "mt.node", words }
    }
    [
        line(["header", "pivot0", "pivot1", "pivot2", "pivot3", "pivot4", "pivot5", "pivot6"]),
        line(["pivot7", "pivot8", "pivot9", "pivot10", "pivot11", "pivot12", "pivot13", "pivot14"]),
        line(["slot0", "slot1", "slot2", "slot3", "slot4", "slot5", "slot6", "slot7"]),
        line(["slot8", "slot9", "slot10", "slot11", "slot12", "slot13", "slot14", "slot15"]),
    ]
};

static POOL: LineName =
    LineName { name: "slab.maple_node", words: ["lock", "lock.tail", "free", "", "", "", "", ""] };

/// A node: word 0 is the header, words 1 to 15 pivots (first address after the slot of the same
/// number; the last slot of an inner node needs none), words 16 to 31 slots (1 + a VMA or a node).
struct Node<M: Machine>([M::Line; LINES]);

/// One entry: the VMA or node below `bound`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
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

    /// Returns the content of the slot for `addr` (0: nothing), and true if this node is a leaf.
    #[inline(always)]
    fn slot_of(&self, addr: u64) -> (u64, bool) {
        let header = self.word(0).load(Ordering::Relaxed);
        let (count, leaf) = ((header % LEAF) as usize, header & LEAF != 0);
        let pivots = if leaf { count } else { count - 1 };
        let mut index = 0;
        while index < pivots && self.word(1 + index).load(Ordering::Relaxed) <= addr {
            index += 1;
        }
        if index == count {
            return (0, leaf);
        }
        // Acquire: pairs with the Release store that put this child here. The rest of
        // this node came with the slot of our own parent.
        (self.word(SLOTS + index).load(Ordering::Acquire), leaf)
    }

    fn entries(&self, bound: u64) -> (Vec<Entry>, bool) {
        let header = self.word(0).load(Ordering::Relaxed);
        let (count, leaf) = ((header % LEAF) as usize, header & LEAF != 0);
        let word = |index| self.word(index).load(Ordering::Relaxed);
        let pivot = |i| if leaf || i + 1 < count { word(1 + i) } else { bound };
        let entries =
            (0..count).map(|i| Entry { bound: pivot(i), slot: word(SLOTS + i) }).collect();
        (entries, leaf)
    }

    fn fill(&self, entries: &[Entry], leaf: bool) {
        assert!(
            (1..=capacity(leaf)).contains(&entries.len()),
            "a node is neither empty nor over full"
        );
        assert!(entries.is_sorted_by(|a, b| a.bound < b.bound), "bounds rise");
        for (index, entry) in entries.iter().enumerate() {
            if index < LEAF_ENTRIES {
                self.word(1 + index).store(entry.bound, Ordering::Relaxed);
            }
            self.word(SLOTS + index).store(entry.slot, Ordering::Relaxed);
        }
        let leaf = if leaf { LEAF } else { 0 };
        self.word(0).store(entries.len() as u64 | leaf, Ordering::Relaxed);
    }
}

fn capacity(leaf: bool) -> usize {
    if leaf { LEAF_ENTRIES } else { SLOTS }
}

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
    // Splits leave nodes half full; the rest is for old nodes that readers may still see.
    vmas / 4 + 256
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

    /// Returns the first VMA that ends after `addr`, if any; the caller checks its start. Runs in a
    /// read section, or with mmap_lock held.
    #[inline(always)]
    pub fn find(&self, root: Word<'_, M::Line>, addr: Vaddr) -> Option<VmaId> {
        // Acquire: pairs with the Release store of a new root.
        let mut slot = root.load(Ordering::Acquire);
        while slot != 0 {
            let (below, leaf) = self.node(slot).slot_of(addr.0);
            if leaf {
                return (below as u32).checked_sub(1).map(VmaId);
            }
            slot = below;
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
        let new = Entry { bound: end, slot: u64::from(vma.0) + 1 };
        if root == 0 {
            writer.root.store(self.build(writer, &[new], true), Ordering::Release);
            return;
        }
        match self.store_below(writer, root, ADDRESS_END, (start, new)) {
            Change::Kept => {}
            Change::Gone => unreachable!("to store removes nothing"),
            Change::One(node) => writer.root.store(node, Ordering::Release),
            Change::Two(left, bound, right) => {
                let both = [Entry { bound, slot: left }, Entry { bound: ADDRESS_END, slot: right }];
                writer.root.store(self.build(writer, &both, false), Ordering::Release);
            }
        }
    }

    fn store_below(
        &self,
        writer: &TreeWriter<'_, M>,
        at: u64,
        bound: u64,
        (start, new): (u64, Entry),
    ) -> Change {
        let (mut entries, leaf) = self.node(at).entries(bound);
        let index = entries.partition_point(|entry| entry.bound < new.bound);
        if leaf {
            match entries.get_mut(index).filter(|entry| entry.bound == new.bound) {
                Some(entry) if *entry == new => return Change::Kept,
                Some(entry) => *entry = new,
                None => entries.insert(index, new),
            }
            return self.replace(writer, at, &entries, true);
        }
        // The VMA before ends at or below the start, since nothing overlaps. So no second pivot is
        // inside the range, here or further down.
        let before = entries[..index].last_mut().filter(|before| before.bound > start);
        let is_lowered = before.map(|before| before.bound = start).is_some();
        match self.store_below(writer, entries[index].slot, entries[index].bound, (start, new)) {
            Change::Kept if is_lowered => self.replace(writer, at, &entries, false),
            Change::One(node) if is_lowered => {
                entries[index].slot = node;
                self.replace(writer, at, &entries, false)
            }
            Change::One(node) => {
                self.node(at).word(SLOTS + index).store(node, Ordering::Release);
                Change::Kept
            }
            Change::Two(left, bound, right) => {
                entries[index].slot = right;
                entries.insert(index, Entry { bound, slot: left });
                self.replace(writer, at, &entries, false)
            }
            kept => kept,
        }
    }

    /// Removes the VMA that ends at `end`.
    pub fn remove(&self, writer: &TreeWriter<'_, M>, end: Vaddr) {
        let root = writer.root.load(Ordering::Relaxed);
        assert_ne!(root, 0, "what is removed is in the tree");
        match self.remove_below(writer, root, ADDRESS_END, end.0) {
            Change::Kept => {}
            Change::Gone => writer.root.store(0, Ordering::Release),
            Change::One(node) => writer.root.store(node, Ordering::Release),
            Change::Two(..) => unreachable!("a removal splits nothing"),
        }
    }

    fn remove_below(&self, writer: &TreeWriter<'_, M>, at: u64, bound: u64, end: u64) -> Change {
        let (mut entries, leaf) = self.node(at).entries(bound);
        let index = entries.partition_point(|entry| entry.bound < end);
        if !leaf {
            match self.remove_below(writer, entries[index].slot, entries[index].bound, end) {
                Change::Gone => {}
                Change::One(node) => {
                    self.node(at).word(SLOTS + index).store(node, Ordering::Release);
                    return Change::Kept;
                }
                other => return other,
            }
        }
        let removed = entries.remove(index);
        assert!(!leaf || removed.bound == end, "what is removed is in the tree");
        if entries.is_empty() {
            self.retire(writer, at);
            return Change::Gone;
        }
        self.replace(writer, at, &entries, leaf)
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
            self.visit_in(root, ADDRESS_END, (from.0, to.0), &mut on);
        }
    }

    /// The same for a subtree. Returns true if the VMAs after the subtree come next.
    fn visit_in(
        &self,
        at: u64,
        bound: u64,
        (from, to): (u64, u64),
        on: &mut impl FnMut(VmaId),
    ) -> bool {
        let (entries, leaf) = self.node(at).entries(bound);
        entries.into_iter().filter(|entry| entry.bound > from).all(|entry| {
            if !leaf {
                return self.visit_in(entry.slot, entry.bound, (from, to), on);
            }
            on(VmaId(entry.slot as u32 - 1));
            entry.bound < to
        })
    }

    /// Returns the last VMA that ends at `addr` or below. The caller holds mmap_lock.
    pub fn before(&self, root: Word<'_, M::Line>, addr: Vaddr) -> Option<VmaId> {
        let root = root.load(Ordering::Relaxed);
        if root == 0 { None } else { self.last_below(root, ADDRESS_END, addr.0) }
    }

    fn last_below(&self, at: u64, bound: u64, addr: u64) -> Option<VmaId> {
        let (entries, leaf) = self.node(at).entries(bound);
        // The first inner node that ends after the address may also hold VMAs that do not.
        let upto = entries.partition_point(|entry| entry.bound <= addr);
        let upto = if leaf { upto } else { (upto + 1).min(entries.len()) };
        entries[..upto].iter().rev().find_map(|entry| match leaf {
            true => Some(VmaId(entry.slot as u32 - 1)),
            false => self.last_below(entry.slot, entry.bound, addr),
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
        let (entries, leaf) = self.node(at).entries(ADDRESS_END);
        for entry in entries {
            match leaf {
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
        leaf: bool,
    ) -> Change {
        self.retire(writer, old);
        if entries.len() <= capacity(leaf) {
            return Change::One(self.build(writer, entries, leaf));
        }
        let (left, right) = entries.split_at(entries.len() / 2);
        let bound = left.last().expect("half of many is some").bound;
        Change::Two(self.build(writer, left, leaf), bound, self.build(writer, right, leaf))
    }

    fn build(&self, writer: &TreeWriter<'_, M>, entries: &[Entry], leaf: bool) -> u64 {
        let id = self.shared.pool.take(writer.waiters).expect("the tree was made large enough");
        self.shared.nodes[id as usize].fill(entries, leaf);
        u64::from(id) + 1
    }

    fn retire(&self, writer: &TreeWriter<'_, M>, node: u64) {
        let (shared, waiters) = (Arc::clone(&self.shared), Arc::clone(writer.waiters));
        writer.section.defer(move || shared.pool.give(&waiters, node as u32 - 1));
    }

    #[inline(always)]
    fn node(&self, slot: u64) -> &Node<M> {
        &self.shared.nodes[slot as usize - 1]
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
