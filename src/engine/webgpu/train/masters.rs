//! What training changes, as it lies on the device: every number of every tensor once, in the order in which the
//! kernels read weights, `[positions][lanes of the input][lanes of the output]`.
//!
//! The values, their average, both moments of Adam and the gradients have one layout, so that a step is the same for
//! every number whatever it belongs to. A lane without a channel has a gradient of 0 and so stays 0.

use std::collections::HashMap;

use super::super::layout::Lanes;
use super::super::pack::Slot;
use crate::engine::plan::{Conv, Op, Param, Residual, TrainingPlan};

/// The layout.
pub struct Masters {
    /// Vectors of four numbers in each piece; a device binds one piece at a time.
    pub pieces: Vec<usize>,
    /// For every tensor where it is; `None` for one that is not trained.
    pub tensors: Vec<Option<Tensor>>,
    /// For every operation of the plan the weights that it reads.
    pub slots: Vec<Slot>,
}

/// Where one tensor is.
pub struct Tensor {
    /// Which of [`Masters::pieces`].
    pub piece: usize,
    /// The vector at which the tensors that it is stacked with begin.
    pub at: usize,
    shape: Shape,
}

/// How a tensor lies.
enum Shape {
    /// One number per channel.
    Channels(usize),
    /// `[rows][lanes]`: the lane of every channel, and lanes altogether.
    Rows {
        rows: usize,
        lanes: Vec<usize>,
        stride: usize,
    },
    /// `[positions][lanes of the input][lanes of the output]`.
    Kernel {
        positions: usize,
        inputs: Vec<usize>,
        input_lanes: usize,
        outputs: Vec<usize>,
        output_lanes: usize,
    },
}

impl Tensor {
    /// For every number of the tensor in its own order its place in the piece, counted in numbers.
    pub fn places(&self) -> Vec<usize> {
        let first = 4 * self.at;
        match &self.shape {
            Shape::Channels(count) => (first..first + count).collect(),
            Shape::Rows {
                rows,
                lanes,
                stride,
            } => (0..*rows)
                .flat_map(|row| lanes.iter().map(move |lane| first + row * stride + lane))
                .collect(),
            Shape::Kernel {
                positions,
                inputs,
                input_lanes,
                outputs,
                output_lanes,
            } => {
                let mut places = Vec::with_capacity(outputs.len() * inputs.len() * positions);
                for output in outputs {
                    for input in inputs {
                        places.extend((0..*positions).map(|position| {
                            first + (position * input_lanes + input) * output_lanes + output
                        }));
                    }
                }
                places
            }
        }
    }
}

/// A tensor as a matrix of numbers, a row for each input at each position, a column for each output; rows and columns of
/// lanes that hold no channel among them are 0 in its gradient, and stay it.
pub struct Matrix {
    /// Its first number.
    pub first: usize,
    /// From one row to the next.
    pub pitch: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// The vectors of all that it is stacked with.
    pub vectors: std::ops::Range<usize>,
}

impl Tensor {
    /// As a matrix, where it is a kernel.
    pub fn matrix(&self) -> Option<Matrix> {
        let Shape::Kernel {
            positions,
            input_lanes,
            outputs,
            output_lanes,
            ..
        } = &self.shape
        else {
            return None;
        };
        let (from, to) = (*outputs.first()?, *outputs.last()?);
        let rows = positions * input_lanes;
        Some(Matrix {
            first: 4 * self.at + from,
            pitch: *output_lanes,
            rows,
            columns: to + 1 - from,
            vectors: self.at..self.at + rows * output_lanes / 4,
        })
    }
}

impl Masters {
    /// That of `training`; no piece has more than `most` vectors unless a single operation does.
    pub fn new(training: &TrainingPlan, lanes: &Lanes, most: usize) -> Self {
        let plan = &training.plan;
        let mut making = Making {
            training,
            lanes,
            most,
            masters: Self {
                pieces: vec![0],
                tensors: plan.params.iter().map(|_| None).collect(),
                slots: Vec::new(),
            },
        };
        let mut slots = HashMap::new();
        for op in &plan.ops[..training.forward] {
            if let Some(first) = first(op)
                && !slots.contains_key(&first)
            {
                slots.insert(first, making.place(op));
            }
        }
        let mut masters = making.masters;
        masters.slots = plan
            .ops
            .iter()
            .map(|op| {
                let slot = first(op).and_then(|first| slots.get(&first).copied());
                // The gradient of a projection reads what stands after another convolution's own.
                slot.unwrap_or_else(|| masters.slot_of(op))
            })
            .collect();
        masters
    }

    /// The piece and the vector at which `param` begins.
    pub fn at(&self, param: Param) -> (usize, usize) {
        let tensor = self.tensors[param.0].as_ref();
        tensor.map_or((0, 0), |tensor| (tensor.piece, tensor.at))
    }

    fn slot_of(&self, op: &Op) -> Slot {
        first(op).map_or_else(Slot::default, |first| {
            let (piece, weight) = self.at(Param(first));
            Slot {
                piece,
                weight,
                ..Slot::default()
            }
        })
    }
}

/// The tensor by which the weights of an operation are known.
fn first(op: &Op) -> Option<usize> {
    match op {
        Op::Normalise { weight, .. } => Some(weight.0),
        Op::Conv(conv) => Some(conv.weights[0].0),
        Op::Attention { .. } => None,
    }
}

struct Making<'a> {
    training: &'a TrainingPlan,
    lanes: &'a Lanes,
    most: usize,
    masters: Masters,
}

impl Making<'_> {
    fn place(&mut self, op: &Op) -> Slot {
        let vectors = self.vectors(op);
        let pieces = &mut self.masters.pieces;
        let last = pieces.len() - 1;
        if pieces[last] > 0 && pieces[last] + vectors > self.most {
            pieces.push(0);
        }
        match op {
            Op::Normalise {
                weight,
                bias,
                input,
                ..
            } => {
                let shape = || Shape::Channels(input.channels);
                let length = input.channels.div_ceil(4);
                Slot {
                    weight: self.put(*weight, shape(), length),
                    bias: self.put(*bias, shape(), length),
                    ..self.slot()
                }
            }
            Op::Conv(conv) => self.conv(conv),
            Op::Attention { .. } => Slot::default(),
        }
    }

    fn slot(&self) -> Slot {
        Slot {
            piece: self.masters.pieces.len() - 1,
            ..Slot::default()
        }
    }

    fn vectors(&self, op: &Op) -> usize {
        match op {
            Op::Normalise { input, .. } => 2 * input.channels.div_ceil(4),
            Op::Attention { .. } => 0,
            Op::Conv(conv) => {
                let outputs = self.lanes.blocks(conv.output);
                let kernel = |view, positions| 4 * positions * self.lanes.blocks(view) * outputs;
                let rest = match conv.residual {
                    Residual::Project { source, .. } => outputs + kernel(source.view, 1),
                    Residual::Class(table) => self.rows(table) * outputs,
                    Residual::None | Residual::Add(_) => 0,
                };
                outputs + kernel(conv.source.view, conv.kernel * conv.kernel) + rest
            }
        }
    }

    fn rows(&self, table: Param) -> usize {
        self.training.plan.params[table.0].shape[0]
    }

    fn conv(&mut self, conv: &Conv) -> Slot {
        let outputs = channels(&self.lanes.of(conv.output));
        let blocks = self.lanes.blocks(conv.output);
        let bias = self.stack(&conv.biases, &outputs, blocks, |lanes| Shape::Rows {
            rows: 1,
            lanes,
            stride: 4 * blocks,
        });
        let weight = self.kernel(&conv.weights, conv.source.view, conv.kernel, &outputs);
        let mut slot = Slot {
            bias,
            weight,
            single: self.training.vectors[conv.source.view.buffer],
            ..self.slot()
        };
        match conv.residual {
            Residual::Project {
                source,
                weight,
                bias,
            } => {
                self.kernel(&[weight], source.view, 1, &outputs);
                slot.second = self.stack(&[bias], &outputs, blocks, |lanes| Shape::Rows {
                    rows: 1,
                    lanes,
                    stride: 4 * blocks,
                });
            }
            Residual::Class(table) => {
                let rows = self.rows(table);
                let shape = Shape::Rows {
                    rows,
                    lanes: outputs,
                    stride: 4 * blocks,
                };
                slot.table = self.put(table, shape, rows * blocks);
            }
            Residual::None | Residual::Add(_) => {}
        }
        slot
    }

    fn kernel(
        &mut self,
        weights: &[Param],
        source: crate::engine::plan::View,
        kernel: usize,
        outputs: &[usize],
    ) -> usize {
        let inputs = channels(&self.lanes.of(source));
        let input_lanes = 4 * self.lanes.blocks(source);
        let output_lanes = outputs
            .last()
            .map_or(0, |last| last + 1)
            .next_multiple_of(4);
        let positions = kernel * kernel;
        let length = positions * input_lanes * output_lanes / 4;
        self.stack(weights, outputs, length, |outputs| Shape::Kernel {
            positions,
            inputs: inputs.clone(),
            input_lanes,
            outputs,
            output_lanes,
        })
    }

    /// Tensors that share a place, each with the lanes of its own outputs.
    fn stack(
        &mut self,
        params: &[Param],
        outputs: &[usize],
        length: usize,
        shape: impl Fn(Vec<usize>) -> Shape,
    ) -> usize {
        let piece = self.masters.pieces.len() - 1;
        let at = self.masters.pieces[piece];
        let mut rest = outputs;
        for param in params {
            let (own, after) = rest.split_at(self.training.plan.params[param.0].shape[0]);
            rest = after;
            self.masters.tensors[param.0] = Some(Tensor {
                piece,
                at,
                shape: shape(own.to_vec()),
            });
        }
        self.masters.pieces[piece] += length;
        at
    }

    fn put(&mut self, param: Param, shape: Shape, length: usize) -> usize {
        let piece = self.masters.pieces.len() - 1;
        let at = self.masters.pieces[piece];
        self.masters.tensors[param.0] = Some(Tensor { piece, at, shape });
        self.masters.pieces[piece] += length;
        at
    }
}

/// The lane of every channel.
fn channels(lanes: &[Option<usize>]) -> Vec<usize> {
    let filled = lanes.iter().enumerate();
    filled
        .filter_map(|(lane, channel)| channel.map(|_| lane))
        .collect()
}
