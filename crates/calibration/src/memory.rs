//! Probes of memory: a chain of loads, clearing, copying.

use host::affinity;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::hint::black_box;
use std::io;
use std::time::Instant;

/// Pages of a buffer that is larger than caches.
const PAGES: usize = 64 * 1024;
const PAGE_BYTES: usize = 4096;
/// Loads of a chain.
const STEPS: usize = 200_000;
/// Pages that are cleared or copied in one measurement.
const BATCH: usize = 4096;

/// 256 MiB to load from and to copy.
pub(super) struct Buffers {
    bytes: Vec<u8>,
    /// The page that follows each page in a chain: one cycle through all pages.
    next: Vec<u32>,
}

impl Buffers {
    pub fn new() -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let mut order: Vec<u32> = (0..PAGES as u32).collect();
        for last in (1..PAGES).rev() {
            order.swap(last, (random.next_u64() % (last as u64 + 1)) as usize);
        }
        let mut next = vec![0; PAGES];
        (0..PAGES).for_each(|at| next[order[at] as usize] = order[(at + 1) % PAGES]);
        let mut buffers = Self { bytes: vec![0; PAGES * PAGE_BYTES], next };
        for page in 0..PAGES {
            let to = buffers.next[page].to_le_bytes();
            buffers.bytes[page * PAGE_BYTES..page * PAGE_BYTES + 4].copy_from_slice(&to);
        }
        buffers
    }

    /// Returns the nanoseconds of a load whose address the previous load has yielded.
    pub fn latency_ns(&self, cpu: usize) -> io::Result<f64> {
        affinity::pin(cpu)?;
        let mut page = 0usize;
        let from = Instant::now();
        for _ in 0..STEPS {
            let at = page * PAGE_BYTES;
            let bytes = self.bytes[at..at + 4].try_into().expect("four bytes");
            page = u32::from_le_bytes(bytes) as usize;
        }
        black_box(page);
        Ok(from.elapsed().as_nanos() as f64 / STEPS as f64)
    }

    /// Returns the nanoseconds in which a page is cleared that no cache holds.
    pub fn clear_ns(&self, cpu: usize) -> io::Result<f64> {
        affinity::pin(cpu)?;
        let mut pages = vec![1u8; BATCH * PAGE_BYTES];
        black_box(&self.bytes.iter().step_by(64).map(|byte| u64::from(*byte)).sum::<u64>());
        let from = Instant::now();
        pages.chunks_exact_mut(PAGE_BYTES).for_each(|page| black_box(page).fill(0));
        Ok(from.elapsed().as_nanos() as f64 / BATCH as f64)
    }

    /// Returns the nanoseconds in which a page is copied that no cache holds.
    pub fn copy_ns(&self, cpu: usize) -> io::Result<f64> {
        affinity::pin(cpu)?;
        let mut pages = vec![1u8; BATCH * PAGE_BYTES];
        let from_pages = self.bytes.chunks_exact(PAGE_BYTES).skip(PAGES - BATCH);
        let from = Instant::now();
        for (to, from) in pages.chunks_exact_mut(PAGE_BYTES).zip(from_pages) {
            black_box(to).copy_from_slice(from);
        }
        Ok(from.elapsed().as_nanos() as f64 / BATCH as f64)
    }
}
