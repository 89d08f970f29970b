//! The sums of [`WeightTask`], and how they become gradients of weights.

use super::super::kernels::Kernels;
use super::super::kernels::gradient::{Outer, Run, TileRow};
use super::super::kernels::lane::MAX_LANES;
use super::super::memory::{Memory, Shared};
use super::super::threads;
use super::weights::{Way, WeightTask};

/// Outputs of one unit of work.
const OUTPUTS: usize = 64;

/// Vectors of inputs of one unit of work: a multiple of what every set of instructions takes at once.
const INPUTS: usize = 12;

/// What a batch has for all convolutions, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// x and y of all images.
    pub grids: Memory,
    /// The sums.
    pub sums: Memory,
    /// Something for each thread.
    pub rooms: Memory,
    /// From one thread's to the next.
    pub room: usize,
}

impl WeightTask {
    /// The sums of the whole batch into `gradients`, which is where [`Layout`] says, on `threads` threads.
    ///
    /// # Safety
    /// Every image must have been laid out on both grids, which lie one after the other in `places.grids`; all of
    /// `places` must have the room that [`Self::lengths`] asks for, and nobody else may use them meanwhile, nor
    /// `gradients`, which must have room for all parameters.
    pub unsafe fn run(&self, kernels: Kernels, places: &Places, threads: usize, gradients: Memory) {
        // SAFETY: all of it is what the caller promises.
        unsafe {
            match &self.way {
                Way::Direct {
                    slots,
                    blocks,
                    x_step,
                    y_step,
                } => self.direct(kernels, places, threads, slots, blocks, [*x_step, *y_step]),
                Way::Tiles { x, y, block } => {
                    self.tiles(kernels, places, threads, [x, y], *block);
                }
            }
            self.put_down(kernels, places, threads, gradients);
        }
    }

    /// # Safety
    /// As for [`Self::run`].
    unsafe fn direct(
        &self,
        kernels: Kernels,
        places: &Places,
        threads: usize,
        slots: &[[usize; 2]],
        blocks: &[Vec<Run>],
        [x_step, y_step]: [usize; 2],
    ) {
        let lanes = self.x.lanes;
        // Vectors of inputs that are taken at once stay together.
        let inputs = self.x.vectors.div_ceil(INPUTS);
        let of_outputs = OUTPUTS.next_multiple_of(lanes);
        let all_outputs = self.y.vectors * lanes;
        let outputs = all_outputs.div_ceil(of_outputs);
        let units = slots.len() * inputs * outputs;
        threads::each(threads, threads, |part| {
            for unit in threads::piece(units, 1, threads, part) {
                let (slot, rest) = (unit / (inputs * outputs), unit % (inputs * outputs));
                let (first, output) = (rest / outputs * INPUTS, rest % outputs * of_outputs);
                let vectors = first..self.x.vectors.min(first + INPUTS);
                let some = output..all_outputs.min(output + of_outputs);
                for (i, runs) in blocks.iter().enumerate() {
                    let outer = Outer {
                        x: places.grids.at(slots[slot][0]),
                        x_vector: self.x.vector(),
                        x_step,
                        y: places.grids.at(self.x.length() + slots[slot][1]),
                        y_vector: self.y.vector(),
                        y_step,
                        runs,
                        to: places.sums.at(slot * self.slot()),
                        to_vector: self.of_vector(),
                        add: i > 0,
                    };
                    // SAFETY: outputs are whole vectors; every unit has sums of its own.
                    unsafe { (kernels.training.outer)(&outer, some.clone(), vectors.clone()) };
                }
            }
        });
    }

    /// # Safety
    /// As for [`Self::run`].
    unsafe fn tiles(
        &self,
        kernels: Kernels,
        places: &Places,
        threads: usize,
        [x, y]: [&[usize]; 2],
        block: usize,
    ) {
        let lanes = self.x.lanes;
        // Rows of positions have little in common; more threads than rows share the outputs.
        let parts = threads.div_ceil(4).min(self.y.vectors);
        let units = 4 * parts;
        threads::each(threads, threads, |part| {
            let room = places.rooms.from(part * places.room);
            for unit in threads::piece(units, 1, threads, part) {
                let row = unit / parts;
                let some = threads::piece(self.y.vectors, 1, parts, unit % parts);
                let outputs = some.start * lanes..some.end * lanes;
                for (i, (x, y)) in x.chunks(block).zip(y.chunks(block)).enumerate() {
                    let vector = x.len() * lanes;
                    let xs = TileRow {
                        from: places.grids.at(0),
                        vector: self.x.vector(),
                        pitch: self.x.pitch(),
                        to: room.at(0),
                        to_vector: vector,
                        to_position: self.x.vectors * vector,
                    };
                    let ys = TileRow {
                        from: places.grids.at(self.x.length()),
                        vector: self.y.vector(),
                        pitch: self.y.pitch(),
                        to: room.at(4 * xs.to_position),
                        to_vector: vector,
                        to_position: self.y.vectors * vector,
                    };
                    let runs = [Run {
                        x: 0,
                        y: 0,
                        count: x.len(),
                    }];
                    // SAFETY: a thread's room has 4 positions of `block` tiles on both sides. Grids have 4×4 and 2×2
                    // pixels for every tile. Every unit has sums of its own.
                    unsafe {
                        (kernels.training.source_tiles)(&xs, row, 0..self.x.vectors, x);
                        (kernels.training.gradient_tiles)(&ys, row, some.clone(), y);
                        for column in 0..4 {
                            let outer = Outer {
                                x: xs.to.add(column * xs.to_position),
                                x_vector: vector,
                                x_step: lanes,
                                y: ys.to.add(column * ys.to_position),
                                y_vector: vector,
                                y_step: lanes,
                                runs: &runs,
                                to: places.sums.at((4 * row + column) * self.slot()),
                                to_vector: self.of_vector(),
                                add: i > 0,
                            };
                            let all = 0..self.x.vectors;
                            (kernels.training.outer)(&outer, outputs.clone(), all);
                        }
                    }
                }
            }
        });
    }

    /// From sums to gradients.
    ///
    /// # Safety
    /// As for [`Self::run`], once the sums are there.
    unsafe fn put_down(
        &self,
        kernels: Kernels,
        places: &Places,
        threads: usize,
        gradients: Memory,
    ) {
        let (lanes, taps) = (self.x.lanes, self.taps.len());
        // SAFETY: nobody writes what each thread reads here.
        let shared = unsafe { Shared::new(self) };
        threads::each(threads, threads, |part| {
            let this = shared.get();
            for output in threads::piece(this.outputs, 1, threads, part) {
                let (first, place) = this.target(output);
                let at = place + (output - first) * this.inputs * taps;
                // SAFETY: every output has a row of its own in one of the parameters.
                let row = unsafe { gradients.write(at, this.inputs * taps) };
                for vector in 0..this.x.vectors {
                    let from = places.sums.at(vector * this.of_vector() + output * lanes);
                    let mut values = [0.0; 9 * MAX_LANES];
                    // SAFETY: a vector of every slot is there to be read.
                    unsafe {
                        match this.way {
                            Way::Tiles { .. } => (kernels.training.kernel_gradient)(
                                from,
                                this.slot(),
                                values.as_mut_ptr(),
                            ),
                            Way::Direct { .. } => {
                                for (tap, slots) in this.taps.iter().enumerate() {
                                    for slot in slots {
                                        let from = from.add(slot * this.slot());
                                        let sums = std::slice::from_raw_parts(from, lanes);
                                        let to = &mut values[tap * lanes..][..lanes];
                                        to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
                                    }
                                }
                            }
                        }
                    }
                    let inputs = row[vector * lanes * taps..]
                        .chunks_exact_mut(taps)
                        .take(lanes);
                    for (lane, kernel) in inputs.enumerate() {
                        for (tap, value) in kernel.iter_mut().enumerate() {
                            *value = values[tap * lanes + lane];
                        }
                    }
                }
            }
        });
    }

    /// The parameter that has the row of `output`: its first output and its place.
    fn target(&self, output: usize) -> (usize, usize) {
        let mut found = self.targets[0];
        for target in &self.targets {
            if target.0 <= output {
                found = *target;
            }
        }
        found
    }
}
