//! Memory that may not be there: a browser's module has 4 GiB at most, and to ask for more than is left ends it without a
//! word. Whatever grows with what a user asks for is asked for here, so that it is refused in words.

use std::alloc::{self, Layout};
use std::fmt;

/// There is not so much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What it was for.
    pub what: &'static str,
    /// Bytes; those that no number counts are `u64::MAX`.
    pub needed: u64,
    /// Bytes of the module's memory that are in use, of [`MODULE`] at most; `None` where it is the machine's that is short.
    pub taken: Option<u64>,
}

/// The most bytes that a WebAssembly module can have.
pub const MODULE: u64 = 1 << 32;

/// What must be left of 32-bit addresses after all that is asked for here: for names, short lists and whatever else is
/// small and cannot be refused, without which the next call would end the module in place of refusing in words.
const SPARE: usize = 4 << 20;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        write!(f, "memory: {} needs {} MiB, ", self.what, mib(self.needed))?;
        match self.taken {
            Some(taken) => {
                let (taken, most) = (mib(taken), mib(MODULE));
                write!(f, "and {taken} of at most {most} MiB are taken")?;
            }
            None => f.write_str("more than there is")?,
        }
        f.write_str("; use a smaller batch or size")
    }
}

impl std::error::Error for OutOfMemory {}

impl OutOfMemory {
    /// Of `needed` bytes for `what`, now.
    pub(crate) fn new(what: &'static str, needed: u64) -> Self {
        #[cfg(target_arch = "wasm32")]
        let taken = Some(core::arch::wasm32::memory_size(0) as u64 * 65_536);
        #[cfg(not(target_arch = "wasm32"))]
        let taken = None;
        Self {
            what,
            needed,
            taken,
        }
    }
}

/// The product of `sides`, which no size of a pointer limits; what no number counts is `u64::MAX`.
pub fn volume(sides: &[usize]) -> u64 {
    let sides = sides.iter().map(|side| *side as u64);
    sides.fold(1, u64::saturating_mul)
}

/// Bytes of `count` values.
pub fn bytes<T>(count: u64) -> u64 {
    count.saturating_mul(size_of::<T>() as u64)
}

/// Checks that `bytes` may be asked for next, in one piece or in many. Where addresses have 32 bits they are asked for
/// and given back; elsewhere a system promises more than it has, and only what has no address is refused.
///
/// # Errors
/// [`OutOfMemory`].
pub fn room(what: &'static str, bytes: u64) -> Result<(), OutOfMemory> {
    if cfg!(target_pointer_width = "64") {
        let there = isize::try_from(bytes).map(|_| ());
        return there.map_err(|_| OutOfMemory::new(what, bytes));
    }
    reserved::<u8>(what, bytes).map(|_| ())
}

/// Checks that [`SPARE`] is left.
fn spare(what: &'static str, bytes: u64) -> Result<(), OutOfMemory> {
    if cfg!(target_pointer_width = "64") {
        return Ok(());
    }
    let mut probe = Vec::<u8>::new();
    let there = probe.try_reserve_exact(SPARE);
    std::hint::black_box(&probe);
    there.map_err(|_| OutOfMemory::new(what, bytes))
}

/// An empty list with room for `count` values.
///
/// # Errors
/// [`OutOfMemory`].
pub fn reserved<T>(what: &'static str, count: u64) -> Result<Vec<T>, OutOfMemory> {
    let refused = || OutOfMemory::new(what, bytes::<T>(count));
    let mut list = Vec::new();
    let count = usize::try_from(count).map_err(|_| refused())?;
    list.try_reserve_exact(count).map_err(|_| refused())?;
    // What nobody looks at the compiler would not ask for.
    std::hint::black_box(&list);
    spare(what, bytes::<T>(count as u64))?;
    Ok(list)
}

/// A copy of `values`.
///
/// # Errors
/// [`OutOfMemory`].
pub fn copied<T: Copy>(what: &'static str, values: &[T]) -> Result<Vec<T>, OutOfMemory> {
    let mut list = reserved(what, values.len() as u64)?;
    list.extend_from_slice(values);
    Ok(list)
}

/// Puts `values` after those of `list`.
///
/// # Errors
/// [`OutOfMemory`].
pub fn extend<T: Copy>(
    what: &'static str,
    list: &mut Vec<T>,
    values: &[T],
) -> Result<(), OutOfMemory> {
    // What leaves room for more may not be there where what is needed is.
    let needed = bytes::<T>(list.len() as u64 + values.len() as u64);
    let capacity = list.capacity();
    list.try_reserve(values.len())
        .or_else(|_| list.try_reserve_exact(values.len()))
        .map_err(|_| OutOfMemory::new(what, needed))?;
    if list.capacity() > capacity {
        spare(what, needed)?;
    }
    list.extend_from_slice(values);
    Ok(())
}

/// What is a value where all bits are 0.
///
/// # Safety
/// It must be.
pub unsafe trait Zero: Copy {}

// SAFETY: the number 0.
unsafe impl Zero for f32 {}
// SAFETY: the number 0.
unsafe impl Zero for f64 {}
// SAFETY: the number 0.
unsafe impl Zero for u8 {}

/// `count` zeros.
///
/// # Errors
/// [`OutOfMemory`].
pub fn zeros<T: Zero>(what: &'static str, count: u64) -> Result<Vec<T>, OutOfMemory> {
    let refused = || OutOfMemory::new(what, bytes::<T>(count));
    let count = usize::try_from(count).map_err(|_| refused())?;
    let layout = Layout::array::<T>(count).map_err(|_| refused())?;
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout's size is not 0.
    let memory = unsafe { alloc::alloc_zeroed(layout) };
    if memory.is_null() {
        return Err(refused());
    }
    // SAFETY: it was just given by the global allocator for `count` values of this type, and its zeros are such values.
    let list = unsafe { Vec::from_raw_parts(memory.cast(), count, count) };
    spare(what, layout.size() as u64)?;
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused_with_how_much_it_is() {
        let refused = zeros::<f32>("a test", 1 << 60).unwrap_err();
        assert_eq!(refused.needed, 1 << 62);
        assert!(
            refused
                .to_string()
                .contains("a test needs 4398046511104 MiB")
        );
        for count in [u64::MAX, 1 << 61, 1 << 62] {
            assert!(zeros::<f32>("a test", count).is_err());
            assert!(reserved::<f32>("a test", count).is_err());
        }
        assert!(room("a test", u64::MAX).is_err());
        assert!(room("a test", 1 << 20).is_ok());
    }

    #[test]
    fn what_is_there_holds_what_was_asked_for() {
        assert_eq!(zeros::<f32>("a test", 3), Ok(vec![0.0; 3]));
        assert_eq!(zeros::<f32>("a test", 0), Ok(Vec::new()));
        let mut list = copied("a test", &[1, 2]).unwrap();
        extend("a test", &mut list, &[3]).unwrap();
        assert_eq!(list, [1, 2, 3]);
    }

    #[test]
    fn a_product_that_no_number_counts_is_the_largest_one() {
        assert_eq!(volume(&[3, 4, 5]), 60);
        assert_eq!(volume(&[usize::MAX, 3]), u64::MAX);
        assert_eq!(bytes::<f32>(u64::MAX / 2), u64::MAX);
    }
}
