//! Arrays of lines, on huge pages if the system has them.
//!
//! A storm jumps through tens of MiB of metadata. On 4 KiB pages its speed would depend on the
//! physical pages that a run happens to get, and repeats would differ by chance. The kernel has the
//! same metadata in its direct map, on huge pages too.

use rustix::mm::{Advice, madvise};

/// Page size of the advice, on x86-64.
const HUGE_BYTES: usize = 2 << 20;

/// Returns `count` values, made by `make`.
pub fn slots<T>(count: usize, make: impl FnMut(usize) -> T) -> Box<[T]> {
    let mut values: Vec<T> = Vec::with_capacity(count);
    let (start, bytes) = (values.as_mut_ptr() as usize, count * size_of::<T>());
    let (from, to) = (start.next_multiple_of(HUGE_BYTES), (start + bytes) & !(HUGE_BYTES - 1));
    if from < to {
        let at = values.as_mut_ptr().cast::<u8>().wrapping_add(from - start);
        // SAFETY: the range lies within the allocation just made, and this advice changes no
        // content. If it is refused, pages stay small.
        let _ = unsafe { madvise(at.cast(), to - from, Advice::LinuxHugepage) };
    }
    values.extend((0..count).map(make));
    values.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_order_however_many() {
        for count in [0, 3, 1 << 20] {
            let values = slots(count, |index| index as u64);
            assert!(values.iter().copied().eq(0..count as u64));
        }
    }
}
