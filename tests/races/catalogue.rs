//! The table of races: each row is a test, and docs/internals/races.md shows the table.

use crate::verdict::Twins;
use crate::{fields, files, leaks, reclaim, tables, vmas};

/// A race between a fault and a writer.
pub struct Race {
    /// Name in the catalogue of races R1 to R26; otherwise one word.
    pub name: &'static str,
    /// The failure that the race could cause.
    pub what: &'static str,
    /// Functions that play it under every strategy and in broken twins.
    pub plays: &'static [fn(&mut Twins)],
    /// Broken twins that `tests/loom/` catches: they lack an ordering.
    pub under_loom: &'static [&'static str],
}

/// Common fields: most races are played only on the cores of the model.
const PLAYED: Race = Race { name: "", what: "", plays: &[], under_loom: &[] };

pub const RACES: &[Race] = &[
    Race {
        name: "R1",
        what: "a page table is published after those of its range were freed",
        plays: &[tables::r1_no_table_is_left_behind],
        ..PLAYED
    },
    Race {
        name: "R2",
        what: "a table is freed under a walker that takes no lock",
        plays: &[tables::r2_tables_outlast_their_walkers],
        ..PLAYED
    },
    Race {
        name: "R3",
        what: "a pte is stored after its slot was zapped",
        plays: &[tables::r3_nothing_is_mapped_behind_a_zap],
        ..PLAYED
    },
    Race {
        name: "R4",
        what: "a fault that spins for ptl with interrupts off does not answer a shootdown by its \
               holder",
        plays: &[tables::r4_nobody_spins_for_ptl_with_interrupts_off],
        ..PLAYED
    },
    Race {
        name: "R5",
        what: "a VMA is freed and reused between lookup and lock",
        plays: &[vmas::r5_a_vma_is_not_taken_for_another],
        ..PLAYED
    },
    Race {
        name: "R6",
        what: "fields of a VMA that were read apart do not belong together",
        plays: &[fields::r6_fields_belong_together],
        ..PLAYED
    },
    Race {
        name: "R8",
        what: "a file is still open after munmap has returned",
        plays: &[files::r8_files_are_put_when_munmap_returns],
        ..PLAYED
    },
    Race {
        name: "R10",
        what: "a write fault leaves a writable pte in a read-only VMA",
        plays: &[tables::r10_mprotect_leaves_no_writable_pte],
        ..PLAYED
    },
    Race {
        name: "R11",
        what: "truncate leaves a page of a file mapped",
        plays: &[files::r11_truncate_leaves_nothing_mapped],
        ..PLAYED
    },
    Race {
        name: "R12",
        what: "a translation is used after its page was freed",
        plays: &[tables::r12_no_stale_translation_is_used],
        ..PLAYED
    },
    Race {
        name: "R13",
        what: "a VMA is found before its writer is done with it",
        plays: &[vmas::r13_a_fault_waits_for_a_vma_to_be_finished],
        ..PLAYED
    },
    Race {
        name: "R14",
        what: "facts read from a VMA before its lock are used after they have changed",
        plays: &[vmas::r14_nothing_is_concluded_before_the_lock],
        ..PLAYED
    },
    Race {
        name: "R15",
        what: "a reader sees half of a writer's changes",
        under_loom: &["relaxed load of `mm_lock_seq`", "relaxed store of it"],
        ..PLAYED
    },
    Race {
        name: "R16",
        what: "VMAs are unlocked before their writer is done",
        plays: &[vmas::r16_vmas_stay_locked_until_the_writer_is_done],
        ..PLAYED
    },
    Race {
        name: "R17",
        what: "a stack grows during a munmap that has let readers in",
        plays: &[tables::r17_a_stack_does_not_grow_beside_a_munmap],
        ..PLAYED
    },
    Race {
        name: "R18",
        what: "madvise frees an empty table, which no count shows",
        plays: &[tables::r18_no_pte_is_stored_in_a_table_that_is_gone],
        ..PLAYED
    },
    Race {
        name: "R19",
        what: "a table that mremap moves is found in neither place, or in both",
        plays: &[tables::r19_a_table_that_moves_is_found_in_one_place],
        ..PLAYED
    },
    Race {
        name: "R21",
        what: "an attempt that falls back keeps a resource; all 16 reasons",
        plays: &[leaks::r21_who_falls_back_gives_everything_back],
        ..PLAYED
    },
    Race {
        name: "R22",
        what: "a sequence count of two writers is even while both write",
        plays: &[fields::r22_two_writers_of_a_vma_are_noticed],
        ..PLAYED
    },
    Race {
        name: "R23",
        what: "a lock is still held, or released twice, after a fault has ended in some way",
        plays: &[leaks::r23_whichever_way_a_fault_ends_it_holds_nothing],
        ..PLAYED
    },
    Race {
        name: "R24",
        what: "fault-around goes beyond the VMA, its table or the file",
        plays: &[fields::r24_fault_around_stops_at_every_end],
        ..PLAYED
    },
    Race {
        name: "R25",
        what: "a writer waits as long as a fault waits for I/O (under `srcu` it does, for memory: \
               the grace period waits)",
        plays: &[
            files::r25_writers_do_not_wait_for_io,
            files::r25_grace_periods_of_srcu_last_as_long_as_io,
        ],
        ..PLAYED
    },
    Race {
        name: "R26",
        what: "a VMA is changed or reused under a reader that came too late",
        plays: &[
            vmas::r26_who_comes_behind_a_writer_finds_that_out,
            vmas::r26_detaching_waits_for_readers,
        ],
        ..PLAYED
    },
    Race {
        name: "hazard",
        what: "a VMA is freed although a core has announced that it uses it",
        plays: &[vmas::hazard_pointers_keep_a_vma],
        under_loom: &["no second check after the pointer's store", "no fence between the two"],
    },
    Race {
        name: "slept",
        what: "a fault continues with the VMA that it found before it slept for I/O",
        plays: &[fields::slept_faults_ask_again],
        ..PLAYED
    },
    Race {
        name: "reclaim",
        what: "a fault that has locked a page waits for memory, memory for writeback, writeback \
               for the page",
        plays: &[
            reclaim::reclaim_waits_for_no_fault_that_waits_for_it,
            reclaim::reclaim_deadlocks_where_the_page_is_locked_first,
        ],
        ..PLAYED
    },
];

/// Races that cannot exist here, with the reason.
const EXCLUDED: [(&str, &str); 4] = [
    (
        "R5b",
        "a space is freed under its writer's waker: there is one space, and it outlives its cores",
    ),
    (
        "R7",
        "an object of a VMA's copy is freed: the opener keeps its file, `anon_vma` is a \
         flag, and there is no policy",
    ),
    ("R9", "a count wraps: words have 48 bits, and generations of a VMA 32"),
    ("R20", "a notifier is registered during a copy: there are none"),
];

/// Returns the tables of the page; `caught`: the twins of each row of [`RACES`].
pub fn page(caught: &[Vec<&str>]) -> String {
    let mut text =
        "| race | tested: what would go wrong | twins, and what catches each |\n|---|---|---|\n"
            .to_owned();
    let mut count = 0;
    for (Race { name, what, under_loom, .. }, caught) in RACES.iter().zip(caught) {
        let loom = under_loom.iter().map(|twin| format!("{twin}: loom"));
        let twins: Vec<String> = caught.iter().map(|&twin| twin.to_owned()).chain(loom).collect();
        count += twins.len();
        text += &format!("| {name} | {what} | {} |\n", twins.join("; "));
    }
    text += "\n| race | excluded, because it cannot exist here |\n|---|---|\n";
    for (name, why) in EXCLUDED {
        text += &format!("| {name} | {why} |\n");
    }
    let (races, excluded) = (RACES.len(), EXCLUDED.len());
    text + &format!(
        "\n{races} races are tested, twins are caught {count} times, and {excluded} races are \
         excluded.\n"
    )
}

/// Checks that every race of R1 to R26 and R5b is tested or excluded, once.
pub fn no_race_is_left_out() {
    let names = RACES.iter().map(|race| race.name).chain(EXCLUDED.map(|(name, _)| name));
    let mut numbered: Vec<&str> = names.filter(|name| name.starts_with('R')).collect();
    numbered.sort_unstable();
    let mut all: Vec<String> = (1..=26).map(|number| format!("R{number}")).collect();
    all.push("R5b".to_owned());
    all.sort_unstable();
    assert_eq!(numbered, all);
}
