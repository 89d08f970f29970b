//! Work on several threads, where there are threads.

use std::ops::Range;

/// Calls `work` with every number below `count`, on up to `threads` threads.
#[cfg(not(target_arch = "wasm32"))]
pub fn each(threads: usize, count: usize, work: impl Fn(usize) + Send + Sync) {
    use rayon::prelude::*;
    if threads > 1 && count > 1 {
        (0..count).into_par_iter().for_each(work);
    } else {
        (0..count).for_each(work);
    }
}

/// Calls `work` with every number below `count`; WebAssembly has one thread.
#[cfg(target_arch = "wasm32")]
pub fn each(_: usize, count: usize, work: impl Fn(usize)) {
    (0..count).for_each(work);
}

/// Number of threads that work at once.
pub fn available() -> usize {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::current_num_threads();
    #[cfg(target_arch = "wasm32")]
    1
}

/// The `i`-th of `parts` even pieces of `length`, each beginning at a multiple of `unit`.
pub fn piece(length: usize, unit: usize, parts: usize, i: usize) -> Range<usize> {
    let units = length.div_ceil(unit);
    let edge = |i: usize| (units * i / parts * unit).min(length);
    edge(i)..edge(i + 1)
}

/// Calls `work` with the number of each of `items`, and with the item.
#[cfg(feature = "train")]
pub fn each_mut<T: Send>(items: &mut [T], work: impl Fn(usize, &mut T) + Send + Sync) {
    #[cfg(not(target_arch = "wasm32"))]
    {
        use rayon::prelude::*;
        let items = items.par_iter_mut().enumerate();
        items.for_each(|(i, item)| work(i, item));
    }
    #[cfg(target_arch = "wasm32")]
    for (i, item) in items.iter_mut().enumerate() {
        work(i, item);
    }
}

/// Calls `work(worker, some images, threads)` until every number below `images` was among some: side by side, some for
/// each of `all` workers, where there are enough of them, else all of them at once with all threads for worker 0.
#[cfg(feature = "train")]
pub fn workers(all: usize, images: usize, work: impl Fn(usize, Range<usize>, usize) + Send + Sync) {
    if side_by_side(all, images) {
        each(all, all, |worker| {
            work(worker, piece(images, 1, all, worker), 1);
        });
    } else {
        work(0, 0..images, all);
    }
}

/// Whether each of `all` threads has images of its own.
#[cfg(feature = "train")]
pub fn side_by_side(all: usize, images: usize) -> bool {
    images >= all
}

/// Calls `work` on a thread of the pool: from outside, every loop would wake the pool, wait for it and ask for memory.
#[cfg(feature = "train")]
pub fn inside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::scope(|_| work());
    #[cfg(target_arch = "wasm32")]
    work()
}

/// Calls `work(image, its memory, its output, threads)` for every image, `length` numbers of `out` each: side by side
/// where there are enough of them, else one after the other with all threads.
pub fn images<M: Send>(
    memory: &mut [M],
    out: &mut [f32],
    length: usize,
    work: impl Fn(usize, &mut M, &mut [f32], usize) + Send + Sync,
) {
    let all = available();
    #[cfg(not(target_arch = "wasm32"))]
    if out.len() / length >= all && all > 1 {
        use rayon::prelude::*;
        let count = out.len() / length;
        let share = count.div_ceil(memory.len());
        memory
            .par_iter_mut()
            .zip(out.par_chunks_mut(share * length))
            .enumerate()
            .for_each(|(worker, (memory, out))| {
                for (i, out) in out.chunks_exact_mut(length).enumerate() {
                    work(worker * share + i, memory, out, 1);
                }
            });
        return;
    }
    let mut one_after_the_other = || {
        for (i, out) in out.chunks_exact_mut(length).enumerate() {
            work(i, &mut memory[0], out, all);
        }
    };
    // On a thread of the pool: from outside, every operation would wake the pool, wait for it and ask for memory.
    #[cfg(not(target_arch = "wasm32"))]
    rayon::scope(|_| one_after_the_other());
    #[cfg(target_arch = "wasm32")]
    one_after_the_other();
}
