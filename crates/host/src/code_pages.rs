//! A private copy of the process's code.
//!
//! Code runs from the page cache, and there it keeps the same physical addresses from launch to
//! launch. Two copies of one program can therefore differ in speed while both stay cached, and more
//! launches do not show it: on a virtual machine with an AMD EPYC one copy of three took 1.25 to
//! 1.3 times as long for file faults under one strategy of five, in five launches of five, and was
//! as fast as the others after the kernel had dropped its pages and read them again. The reason is
//! not known. A fixed layout looks like an effect (Mytkowicz et al., "Producing Wrong Data Without
//! Doing Anything Obviously Wrong!", ASPLOS 2009). So each launch copies its code: the code then
//! has other physical addresses in each launch, and their effect becomes part of the spread between
//! launches.

use std::io;
use std::ops::Range;

use rustix::mm::{MprotectFlags, mprotect};
use rustix::param::page_size;

use super::Roots;

/// Gives the process a private copy of every page of code that is mapped from a file, at the same
/// addresses. The mappings still name the files, so profilers and debuggers find their symbols.
/// Returns the bytes of code.
///
/// # Errors
///
/// If `/proc/self/maps` cannot be read, memory runs out, or a security module forbids to execute
/// code that was written to (`EACCES`: `execmod` of SELinux). The code is unchanged, some of it
/// perhaps copied.
pub fn make_private() -> io::Result<usize> {
    let maps = std::fs::read_to_string(Roots::default().proc.join("self/maps"))?;
    let code: Vec<Range<usize>> = maps.lines().filter_map(code_of_file).collect();
    for range in &code {
        let (start, bytes) = (range.start as *mut libc::c_void, range.len());
        let runs = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: the range is one mapping of code, just read from the kernel; nothing in this
        // process unmaps code. It stays executable, and all references into it are for reading.
        unsafe { mprotect(start, bytes, runs | MprotectFlags::WRITE) }?;
        for page in range.clone().step_by(page_size()) {
            let byte = page as *mut u8;
            // SAFETY: the page is mapped for reading and writing. The byte is written with its own
            // value, and nobody else writes code, so a thread that runs or reads it meanwhile sees
            // no change. Volatile: the write must happen, because it makes the kernel copy the
            // page.
            unsafe { byte.write_volatile(byte.read_volatile()) };
        }
        // SAFETY: as above; nothing writes to it after this.
        unsafe { mprotect(start, bytes, runs) }?;
    }
    Ok(code.iter().map(ExactSizeIterator::len).sum())
}

/// Returns the addresses in a line of `/proc/self/maps` if it is a private mapping of a file's
/// code.
fn code_of_file(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_whitespace();
    let (range, flags, file) = (words.next()?, words.next()?, words.nth(3)?);
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    (flags == "r-xp" && file.starts_with('/')).then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_counts() {
        let line = |flags, file| format!("7f10-8f10 {flags} 00002000 08:01 1234   {file}");
        assert_eq!(code_of_file(&line("r-xp", "/usr/bin/x")), Some(0x7f10..0x8f10));
        assert_eq!(code_of_file(&line("r--p", "/usr/bin/x")), None);
        assert_eq!(code_of_file(&line("r-xp", "[vdso]")), None);
        assert_eq!(code_of_file("7f10-8f10 r-xp 00000000 00:00 0"), None);
    }

    #[test]
    fn code_is_the_same_in_pages_of_its_own() {
        let bytes = make_private().unwrap();
        assert_eq!(make_private().unwrap(), bytes, "it is mapped from the same files");

        let here = code_is_the_same_in_pages_of_its_own as fn() as usize;
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut of_here = smaps
            .lines()
            .skip_while(|line| !code_of_file(line).is_some_and(|range| range.contains(&here)));
        let mut kib = |key: &str| {
            let line = of_here.find(|line| line.starts_with(key)).expect("the kernel says so");
            line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
        };
        let size = kib("Size:");
        assert!(size > 100 && size * 1024 <= bytes, "{size} KiB of {bytes}");
        assert_eq!(kib("Anonymous:"), size, "no page is the file's");
    }
}
