//! The memory of one image: its buffers, and the room that single operations need for themselves.

use super::kernels::lane::MAX_LANES;
use crate::engine::plan::{Buffer, Plan, View, arrange};

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
    pub fn new(plan: &Plan, rooms: &[usize]) -> Self {
        let mut alive = vec![(usize::MAX, 0); plan.buffers.len()];
        let mut touch = |view: View, at: usize| {
            let (first, last) = &mut alive[view.buffer];
            *first = (*first).min(at);
            *last = (*last).max(at);
        };
        touch(plan.features, 0);
        touch(plan.input, 0);
        for (at, op) in plan.ops.iter().enumerate() {
            op.reads().into_iter().for_each(|view| touch(view, at));
            touch(op.writes(), at);
        }
        touch(plan.output, plan.ops.len());
        Self::arranged(plan, alive, rooms)
    }

    /// For the buffers of `plan` alive as `alive` says, and a room of `rooms[i]` numbers that is alive at `i` only.
    pub fn arranged(plan: &Plan, mut alive: Vec<(usize, usize)>, rooms: &[usize]) -> Self {
        alive.extend((0..rooms.len()).map(|at| (at, at)));
        let lengths = plan.buffers.iter().map(Buffer::len);
        // Vectors at the end of a plane are read beyond it: into memory that no thread writes meanwhile, because no
        // operation reads a buffer that it writes.
        let mut places: Vec<Buffer> = lengths
            .chain(rooms.iter().copied())
            .map(|length| Buffer {
                height: 1,
                width: 1,
                channels: length + MAX_LANES,
                offset: 0,
            })
            .collect();
        let length = arrange(&mut places, &alive);
        let mut buffers: Vec<usize> = places.iter().map(|place| place.offset).collect();
        let rooms = buffers.split_off(plan.buffers.len());
        Self {
            buffers,
            rooms,
            length,
        }
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
    pub fn workspace(&self) -> Workspace {
        Workspace(Numbers::zeros(self.length))
    }

    /// Numbers of one image's memory.
    #[cfg(feature = "train")]
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

impl Numbers {
    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        Self {
            lines: vec![Line([0.0; 16]); length.div_ceil(16)],
            length,
        }
    }

    /// The same, or nothing where there is not so much memory: asking for too much would end the program.
    #[cfg(feature = "train")]
    pub fn try_zeros(length: usize) -> Option<Self> {
        let mut lines = Vec::new();
        lines.try_reserve_exact(length.div_ceil(16)).ok()?;
        lines.resize(length.div_ceil(16), Line([0.0; 16]));
        Some(Self { lines, length })
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
    #[cfg(feature = "train")]
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

    /// The offset of `length` numbers and of [`MAX_LANES`] more, which may be read.
    pub fn take(&mut self, length: usize) -> usize {
        let offset = self.length;
        self.length += (length + MAX_LANES).next_multiple_of(MAX_LANES);
        offset
    }
}
