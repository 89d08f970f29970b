//! The same work on many pieces, on every core.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `work` makes of `0..count`, cut into ranges of at most `chunk` (above 0), in order. `None` when `go_on`
/// said no before the end; it is asked before each piece.
pub fn map<T: Send>(
    count: usize,
    chunk: usize,
    go_on: &(dyn Fn() -> bool + Sync),
    work: &(dyn Fn(Range<usize>) -> T + Sync),
) -> Option<Vec<T>> {
    let pieces = count.div_ceil(chunk);
    let done: Mutex<Vec<Option<T>>> = Mutex::new((0..pieces).map(|_| None).collect());
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads.min(pieces) {
            scope.spawn(|| {
                loop {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= pieces || !go_on() {
                        break;
                    }
                    let first = piece * chunk;
                    let result = work(first..count.min(first + chunk));
                    if let Ok(mut done) = done.lock() {
                        done[piece] = Some(result);
                    }
                }
            });
        }
    });
    done.into_inner().ok()?.into_iter().collect()
}
