//! The memory of one image: its buffers, and the room that single operations need for themselves.

use super::kernels::product::MAX_LANES;
use crate::engine::plan::{Buffer, Plan, View, arrange};

/// Where everything lies in a [`Workspace`].
#[derive(Debug)]
pub struct Places {
    /// Of every buffer of the plan.
    buffers: Vec<usize>,
    /// Of every operation's room.
    rooms: Vec<usize>,
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
        alive.extend((0..plan.ops.len()).map(|at| (at, at)));
        let lengths = plan.buffers.iter().map(Buffer::len);
        // Vectors at the end of a plane are read beyond it: into memory that no thread writes meanwhile.
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
        Workspace(vec![0.0; self.length])
    }
}

/// The memory of one image.
#[derive(Debug)]
pub struct Workspace(Vec<f32>);

impl Workspace {
    /// For threads that work on the image together.
    pub fn memory(&mut self) -> Memory {
        Memory(self.0.as_mut_ptr())
    }
}

/// A pointer that threads may share because each writes elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Memory(*mut f32);

// SAFETY: it is only a number; whoever follows it answers for what is there.
unsafe impl Send for Memory {}
unsafe impl Sync for Memory {}

impl Memory {
    /// The number at `offset`.
    pub fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }

    /// What begins at `offset`.
    pub fn from(self, offset: usize) -> Self {
        Self(self.at(offset))
    }

    /// # Safety
    /// They must be there, and nothing may write there meanwhile.
    pub unsafe fn read<'a>(self, offset: usize, length: usize) -> &'a [f32] {
        unsafe { std::slice::from_raw_parts(self.at(offset), length) }
    }

    /// # Safety
    /// They must be there, and nothing else may use them meanwhile.
    pub unsafe fn write<'a>(self, offset: usize, length: usize) -> &'a mut [f32] {
        unsafe { std::slice::from_raw_parts_mut(self.at(offset), length) }
    }
}

/// The room of one operation while it is divided.
#[derive(Debug, Default)]
pub struct Room {
    /// Numbers so far.
    pub length: usize,
}

impl Room {
    /// The offset of `length` numbers and of [`MAX_LANES`] more, which may be read.
    pub fn take(&mut self, length: usize) -> usize {
        let offset = self.length;
        self.length += (length + MAX_LANES).next_multiple_of(MAX_LANES);
        offset
    }
}
