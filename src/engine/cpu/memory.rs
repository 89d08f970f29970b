//! The memory of one image: its buffers, and the room that single operations need for themselves.

use super::kernels::lane::MAX_LANES;
use crate::allocate::{self, OutOfMemory, Zero};
#[cfg(feature = "train")]
use crate::engine::plan::arrange;
use crate::engine::plan::{Buffer, Plan, arrange_spans};

/// What a [`Workspace`] is, for whoever there is no memory for.
const IMAGE: &str = "what lies between the operations for one image";

/// Where everything lies in a [`Workspace`].
#[derive(Debug)]
pub struct Places {
    /// Of every buffer of the plan.
    buffers: Vec<usize>,
    /// Of every operation's room.
    rooms: Vec<usize>,
    /// Of all of them together.
    length: usize,
}

impl Places {
    /// For the buffers of `plan`, and a room of `rooms[i]` numbers that is alive during operation `i` only.
    ///
    /// # Errors
    /// [`OutOfMemory`] when no memory is as long.
    pub fn new(plan: &Plan, rooms: &[usize]) -> Result<Self, OutOfMemory> {
        let mut spans = plan.spans(rooms);
        for span in spans.iter_mut().flatten() {
            span.end = span.end.saturating_add(MAX_LANES);
        }
        Self::placed(plan, rooms, |places| arrange_spans(places, &spans))
    }

    /// For the buffers of `plan` alive as `alive` says, and a room of `rooms[i]` numbers that is alive at `i` only.
    ///
    /// # Errors
    /// [`OutOfMemory`] when no memory is as long.
    #[cfg(feature = "train")]
    pub fn arranged(
        plan: &Plan,
        mut alive: Vec<(usize, usize)>,
        rooms: &[usize],
    ) -> Result<Self, OutOfMemory> {
        alive.extend((0..rooms.len()).map(|at| (at, at)));
        Self::placed(plan, rooms, |places| arrange(places, &alive))
    }

    /// Where `arrange` puts the buffers of `plan` and `rooms`. Vectors at the end of a plane are read beyond it: into
    /// memory that no thread writes meanwhile, because no operation reads a buffer that it writes.
    fn placed(
        plan: &Plan,
        rooms: &[usize],
        arrange: impl FnOnce(&mut [Buffer]) -> Option<usize>,
    ) -> Result<Self, OutOfMemory> {
        let lengths = plan.buffers.iter().map(Buffer::len);
        let mut places: Vec<Buffer> = lengths
            .chain(rooms.iter().copied())
            .map(|length| Buffer {
                height: 1,
                width: 1,
                channels: length.saturating_add(MAX_LANES),
                offset: 0,
            })
            .collect();
        let length = arrange(&mut places).ok_or_else(|| {
            let all = places.iter().map(|place| place.len() as u64);
            let all = all.fold(0, u64::saturating_add);
            OutOfMemory::new(IMAGE, allocate::bytes::<f32>(all))
        })?;
        let mut buffers: Vec<usize> = places.iter().map(|place| place.offset).collect();
        let rooms = buffers.split_off(plan.buffers.len());
        Ok(Self {
            buffers,
            rooms,
            length,
        })
    }

    /// The first number of buffer `index`.
    pub fn buffer(&self, index: usize) -> usize {
        self.buffers[index]
    }

    /// The first number of the room of operation `at`.
    pub fn room(&self, at: usize) -> usize {
        self.rooms[at]
    }

    /// Memory for one image.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn workspace(&self) -> Result<Workspace, OutOfMemory> {
        Ok(Workspace(Numbers::zeros(IMAGE, self.length as u64)?))
    }

    /// Numbers of one image's memory.
    pub fn length(&self) -> usize {
        self.length
    }

    /// `workspace` for threads that work on the image together.
    pub fn memory(&self, workspace: &mut Workspace) -> Memory {
        assert_eq!(
            workspace.0.length, self.length,
            "another program's workspace"
        );
        workspace.0.memory()
    }
}

/// The memory of one image.
#[derive(Debug)]
pub struct Workspace(Numbers);

/// Numbers that begin where a line of a cache does, so that a vector of them is not cut in two.
#[derive(Debug)]
pub struct Numbers {
    lines: Vec<Line>,
    length: usize,
}

/// What a cache reads at once.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
#[expect(dead_code, reason = "it is read as numbers, not as a line")]
struct Line([f32; 16]);

// SAFETY: numbers that are 0.
unsafe impl Zero for Line {}

impl Numbers {
    /// `length` zeros, of which an error says `what` they were for.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn zeros(what: &'static str, length: u64) -> Result<Self, OutOfMemory> {
        let lines = allocate::zeros(what, length.div_ceil(16))?;
        // As many as there are in lines, which have addresses.
        let length = length as usize;
        Ok(Self { lines, length })
    }

    /// All of them, for as long as nobody else uses them.
    pub fn memory(&mut self) -> Memory {
        Memory(self.lines.as_mut_ptr().cast())
    }
}

#[cfg(feature = "train")]
impl std::ops::Deref for Numbers {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is 16 numbers without anything between, and there are enough of them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

#[cfg(feature = "train")]
impl std::ops::DerefMut for Numbers {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

/// A pointer that threads may share because each writes elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Memory(*mut f32);

// SAFETY: it is only an address; whoever follows it answers for what is there.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// All of `numbers`, for as long as nobody else uses them.
    pub fn of(numbers: &mut [f32]) -> Self {
        Self(numbers.as_mut_ptr())
    }

    /// The number at `offset`.
    pub fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }

    /// What begins at `offset`.
    pub fn from(self, offset: usize) -> Self {
        Self(self.at(offset))
    }

    /// `length` numbers from `offset` on.
    ///
    /// # Safety
    /// They must lie in the workspace, which must be there as long as the slice is, and nothing may write them
    /// meanwhile.
    pub unsafe fn read<'a>(self, offset: usize, length: usize) -> &'a [f32] {
        // SAFETY: that is what the caller promises; the numbers of a workspace are aligned, and zeros at first.
        unsafe { std::slice::from_raw_parts(self.at(offset), length) }
    }

    /// `length` numbers from `offset` on, to be written.
    ///
    /// # Safety
    /// They must lie in the workspace, which must be there as long as the slice is, and nothing else may use them
    /// meanwhile.
    pub unsafe fn write<'a>(self, offset: usize, length: usize) -> &'a mut [f32] {
        // SAFETY: that is what the caller promises; the numbers of a workspace are aligned, and zeros at first.
        unsafe { std::slice::from_raw_parts_mut(self.at(offset), length) }
    }
}

/// Something with addresses in it that threads use together.
pub struct Shared<T>(T);

impl<T> Shared<T> {
    /// # Safety
    /// Threads that use `of` at once must not write where another one reads or writes.
    pub unsafe fn new(of: T) -> Self {
        Self(of)
    }

    /// What is shared.
    pub fn get(&self) -> &T {
        &self.0
    }
}

// SAFETY: whoever called `new` answers for what threads do with it at once.
unsafe impl<T> Sync for Shared<T> {}

/// The room of one operation while it is divided.
#[derive(Debug)]
pub struct Room {
    /// Numbers so far.
    pub length: usize,
    /// Threads that may use it at once, each a part of its own.
    pub threads: usize,
}

impl Room {
    /// For up to `threads` threads.
    pub fn new(threads: usize) -> Self {
        Self { length: 0, threads }
    }

    /// The offset of as many numbers as the product of `sides`, and of [`MAX_LANES`] more, which may be read. What no
    /// memory holds makes the room as long as no memory is, which [`Places`] refuses.
    pub fn take(&mut self, sides: &[usize]) -> usize {
        let offset = self.length;
        let length = usize::try_from(allocate::volume(sides))
            .ok()
            .and_then(|length| length.checked_add(MAX_LANES))
            .and_then(|length| length.checked_next_multiple_of(MAX_LANES))
            .unwrap_or(usize::MAX);
        self.length = offset.saturating_add(length);
        offset
    }
}
