//! From a configuration to the list: the order of [`crate::unet`], block by block.

use super::{Buffer, Conv, Op, Param, Plan, Resample, Residual, Source, View, memory};
use crate::unet::config::{
    Activation, BlockKind, ResampleKind, TimeEmbedding, TimeInjection, UnetConfig,
};
use crate::unet::input::{self, InputError};
use crate::unet::sinusoids::sinusoids;
use crate::unet::weights::TensorSpec;

impl Plan {
    /// The plan for images of the size that the network was trained on, or of the smallest one where its
    /// configuration names none that it takes. The order of the operations, and with it the weights, is the same for
    /// every size; how fast each way to compute them is depends on the size.
    ///
    /// # Errors
    /// [`InputError`] when the network cannot run on either.
    pub fn trained(config: &UnetConfig) -> Result<Self, InputError> {
        let trained = config.sample_size.map(|size| Self::new(config, size));
        match trained {
            Some(Ok(plan)) => Ok(plan),
            _ => Self::new(config, config.smallest_size()),
        }
    }

    /// The plan of `config` for images of `size` = `[height, width]`.
    ///
    /// # Errors
    /// [`InputError`] when the network cannot run on that size.
    pub fn new(config: &UnetConfig, size: [usize; 2]) -> Result<Self, InputError> {
        let labels = config.num_class_embeds.map(|_| vec![0]);
        let shape = [1, config.in_channels, size[0], size[1]];
        input::check(config, shape, labels.as_deref())?;
        let mut l = Lowering {
            config,
            params: Vec::new(),
            buffers: Vec::new(),
            ops: Vec::new(),
            time: Time {
                buffer: 0,
                op: 0,
                channels: 0,
            },
            frequencies: None,
        };
        let [features, input, output] = l.network(size);
        let arena = memory::place(&mut l.buffers, &l.ops, &[features, input], output);
        let arena = arena.ok_or(InputError::TooLarge {
            what: "all feature maps at once",
            shape,
        })?;
        Ok(Self {
            config: config.clone(),
            size,
            params: l.params,
            buffers: l.buffers,
            ops: l.ops,
            features,
            input,
            output,
            arena,
            frequencies: l.frequencies,
        })
    }

    /// What [`Plan::features`] holds at timestep `t`; `frequencies` is the tensor [`Plan::frequencies`], where there is one.
    pub fn time_features(&self, t: f32, frequencies: Option<&[f32]>) -> Vec<f32> {
        match (self.config.time_embedding, frequencies) {
            (
                TimeEmbedding::Positional {
                    flip_sin_to_cos,
                    freq_shift,
                },
                _,
            ) => sinusoids(&[t], self.features.channels, flip_sin_to_cos, freq_shift),
            (TimeEmbedding::Fourier, frequencies) => {
                let angles: Vec<f32> = frequencies
                    .unwrap_or_default()
                    .iter()
                    .map(|w| libm::logf(t) * w * std::f32::consts::TAU)
                    .collect();
                let sines = angles.iter().map(|a| libm::sinf(*a));
                sines.chain(angles.iter().map(|a| libm::cosf(*a))).collect()
            }
        }
    }

    /// What the network's output at timestep `t` is divided by.
    pub fn output_divisor(&self, t: f32) -> f32 {
        match self.config.time_embedding {
            TimeEmbedding::Positional { .. } => 1.0,
            TimeEmbedding::Fourier => t,
        }
    }
}

struct Lowering<'a> {
    config: &'a UnetConfig,
    params: Vec<TensorSpec>,
    buffers: Vec<Buffer>,
    ops: Vec<Op>,
    time: Time,
    /// As [`Plan::frequencies`].
    frequencies: Option<Param>,
}

/// The one operation that makes the time embeddings of all blocks; it grows with every block.
struct Time {
    /// Where they go, one after the other.
    buffer: usize,
    /// Its place in the list.
    op: usize,
    /// How many numbers there are so far.
    channels: usize,
}

/// Weight and bias of a layer.
type Affine = (Param, Param);

/// A feature map: where it is and how large.
#[derive(Clone, Copy)]
struct Map {
    view: View,
    size: [usize; 2],
}

/// The input of one of the decoder's residual blocks: what comes from below beside what the encoder left.
#[derive(Clone, Copy)]
struct Joint {
    whole: View,
    below: View,
    skip: View,
}

/// What a residual block is, apart from the network.
struct Block {
    name: String,
    outputs: usize,
    resample: Resample,
    scale: f64,
}

/// What an attention layer is, apart from the network.
struct Heads {
    name: String,
    groups: Option<usize>,
    scale: f64,
}

impl Lowering<'_> {
    /// Everything. The views of features, input and output.
    fn network(&mut self, size: [usize; 2]) -> [View; 3] {
        let config = self.config;
        let finest = config.block_out_channels[0];
        let input = self.view(size, config.in_channels);
        let features = self.time_embedding();
        let joints = self.joints(size);
        let x = self.encoder(Map { view: input, size }, &joints);
        let x = self.middle(x, joints[0].below);
        let x = self.decoder(x, &joints);
        let norm = self.normalise(x.view, config.norm_num_groups, "conv_norm_out", None);
        let source = Source {
            norm: Some(norm),
            act: Some(Activation::Silu),
            ..Source::plain(x.view)
        };
        let conv_out = self.affine("conv_out", &[config.out_channels, finest, 3, 3]);
        let output = self.view(size, config.out_channels);
        self.conv(source, 3, conv_out, output);
        [features, input, output]
    }

    /// From the timestep's features to the time embeddings of all blocks. The view of the features.
    fn time_embedding(&mut self) -> View {
        let config = self.config;
        let (finest, width) = (config.block_out_channels[0], config.time_embed_dim);
        let inputs = match config.time_embedding {
            TimeEmbedding::Positional { .. } => finest,
            TimeEmbedding::Fourier => {
                self.frequencies = Some(self.param("time_proj.weight".into(), &[finest]));
                2 * finest
            }
        };
        let features = self.view([1, 1], inputs);
        let hidden = self.view([1, 1], width);
        let embedding = self.view([1, 1], width);
        let linear_1 = self.affine("time_embedding.linear_1", &[width, inputs]);
        self.conv(Source::plain(features), 1, linear_1, hidden);
        let linear_2 = self.affine("time_embedding.linear_2", &[width, width]);
        let activated = Source {
            act: Some(Activation::Silu),
            ..Source::plain(hidden)
        };
        let table = config
            .num_class_embeds
            .map(|classes| self.param("class_embedding.weight".into(), &[classes, width]));
        self.conv(activated, 1, linear_2, embedding).residual =
            table.map_or(Residual::None, Residual::Class);
        let all = self.view([1, 1], 0);
        self.time.buffer = all.buffer;
        self.time.op = self.ops.len();
        self.ops.push(Op::Conv(Conv {
            source: Source {
                act: Some(config.act_fn),
                ..Source::plain(embedding)
            },
            kernel: 1,
            stride: 1,
            padding: 0,
            weights: Vec::new(),
            transposed: false,
            biases: Vec::new(),
            time: None,
            residual: Residual::None,
            scale: 1.0,
            output: all,
        }));
        features
    }

    /// The time embedding of one block, `channels` numbers.
    fn time_projection(&mut self, name: &str, channels: usize) -> View {
        let width = self.config.time_embed_dim;
        let (weight, bias) = self.affine(name, &[channels, width]);
        let first = self.time.channels;
        self.time.channels += channels;
        self.buffers[self.time.buffer].channels = self.time.channels;
        if let Op::Conv(all) = &mut self.ops[self.time.op] {
            all.weights.push(weight);
            all.biases.push(bias);
            all.output.channels = self.time.channels;
        }
        View {
            buffer: self.time.buffer,
            first,
            channels,
        }
    }

    /// The decoder's inputs in its order; each takes what the encoder left last.
    fn joints(&mut self, size: [usize; 2]) -> Vec<Joint> {
        let config = self.config;
        let widths = &config.block_out_channels;
        let mut left = vec![(size, widths[0])];
        let mut at = size;
        for (level, width) in widths.iter().enumerate() {
            left.extend((0..config.layers_per_block).map(|_| (at, *width)));
            if level + 1 < widths.len() {
                at = at.map(|side| side / 2);
                left.push((at, *width));
            }
        }
        let mut from_below = widths[widths.len() - 1];
        let mut joints = Vec::new();
        for width in widths.iter().rev() {
            for (size, channels) in left
                .split_off(left.len() - config.layers_per_block - 1)
                .into_iter()
                .rev()
            {
                let whole = self.view(size, from_below + channels);
                joints.push(Joint {
                    whole,
                    below: View {
                        channels: from_below,
                        ..whole
                    },
                    skip: View {
                        first: from_below,
                        channels,
                        ..whole
                    },
                });
                from_below = *width;
            }
        }
        joints
    }

    /// Every result goes where the decoder will look for it.
    fn encoder(&mut self, mut x: Map, joints: &[Joint]) -> Map {
        let config = self.config;
        let widths = &config.block_out_channels;
        let mut places: Vec<View> = joints.iter().map(|joint| joint.skip).collect();
        let conv_in = self.affine("conv_in", &[widths[0], config.in_channels, 3, 3]);
        let to = places.pop();
        x = self.conv3(x, conv_in, Resample::Keep, to);
        for (level, width) in widths.iter().enumerate() {
            let kind = config.down_blocks[level];
            for layer in 0..config.layers_per_block {
                let name = format!("down_blocks.{level}");
                let to = places.pop();
                x = self.layer(&name, layer, kind, *width, x, to);
            }
            let name = format!("down_blocks.{level}.downsamplers.0");
            match kind.resampling(config.downsample, level + 1 == widths.len()) {
                Some(ResampleKind::Conv) => {
                    let affine = self.affine(&format!("{name}.conv"), &[*width, *width, 3, 3]);
                    let size = x.size.map(|side| side / 2);
                    let to = places.pop();
                    let output = self.place(to, size, *width);
                    let conv = self.conv(Source::plain(x.view), 3, affine, output);
                    (conv.stride, conv.padding) = (2, config.downsample_padding);
                    x = Map { view: output, size };
                }
                Some(ResampleKind::Resnet) => {
                    let to = places.pop();
                    x = self.resnet(&Block::new(name, *width, Resample::Average2x), x, to);
                }
                None => {}
            }
        }
        x
    }

    /// The middle's result in `to`; without a middle the coarsest result itself.
    fn middle(&mut self, mut x: Map, to: View) -> Map {
        let config = self.config;
        if !config.mid_block {
            // It is wanted in two places: the operation that made it makes it twice.
            if let Some(Op::Conv(last)) = self.ops.last() {
                let again = Conv {
                    output: to,
                    ..last.clone()
                };
                self.ops.push(Op::Conv(again));
            }
            return Map { view: to, ..x };
        }
        let block = |i: usize| Block {
            scale: config.mid_block_scale_factor,
            ..Block::new(
                format!("mid_block.resnets.{i}"),
                config.block_out_channels[config.block_out_channels.len() - 1],
                Resample::Keep,
            )
        };
        x = self.resnet(&block(0), x, None);
        if config.add_attention {
            let heads = Heads {
                name: "mid_block.attentions.0".into(),
                groups: config.mid_attention_groups(),
                scale: config.mid_block_scale_factor,
            };
            x = self.attention(&heads, x, None);
        }
        self.resnet(&block(1), x, Some(to))
    }

    /// Every block reads one of `joints` and writes into the next.
    fn decoder(&mut self, mut x: Map, joints: &[Joint]) -> Map {
        let config = self.config;
        let widths: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
        let layers = config.layers_per_block + 1;
        for (level, width) in widths.iter().enumerate() {
            let kind = config.up_blocks[level];
            let how = kind.resampling(config.upsample, level + 1 == widths.len());
            for layer in 0..layers {
                let i = level * layers + layer;
                let next = joints.get(i + 1).map(|joint| joint.below);
                // A change of resolution at the level's end stands between this block and the next joint.
                let to = next.filter(|_| layer + 1 < layers || how.is_none());
                x.view = joints[i].whole;
                x = self.layer(&format!("up_blocks.{level}"), layer, kind, *width, x, to);
            }
            let to = joints.get((level + 1) * layers).map(|joint| joint.below);
            let name = format!("up_blocks.{level}.upsamplers.0");
            match how {
                Some(ResampleKind::Conv) => {
                    let affine = self.affine(&format!("{name}.conv"), &[*width, *width, 3, 3]);
                    x = self.conv3(x, affine, Resample::Nearest2x, to);
                }
                Some(ResampleKind::Resnet) => {
                    x = self.resnet(&Block::new(name, *width, Resample::Nearest2x), x, to);
                }
                None => {}
            }
        }
        x
    }

    /// A residual block and, in a level that has it, attention.
    fn layer(
        &mut self,
        level: &str,
        layer: usize,
        kind: BlockKind,
        outputs: usize,
        x: Map,
        to: Option<View>,
    ) -> Map {
        let block = Block::new(format!("{level}.resnets.{layer}"), outputs, Resample::Keep);
        if kind != BlockKind::Attention {
            return self.resnet(&block, x, to);
        }
        let x = self.resnet(&block, x, None);
        let heads = Heads {
            name: format!("{level}.attentions.{layer}"),
            groups: Some(self.config.norm_num_groups),
            scale: 1.0,
        };
        self.attention(&heads, x, to)
    }

    /// Norm, activation, convolution, time embedding, norm, activation, convolution, residual.
    fn resnet(&mut self, block: &Block, x: Map, to: Option<View>) -> Map {
        let config = self.config;
        let (inputs, outputs, name) = (x.view.channels, block.outputs, &block.name);
        let size = resampled(x.size, block.resample);
        let groups = config.norm_num_groups;
        let activated = |view, norm, resample| Source {
            view,
            norm: Some(norm),
            act: Some(config.act_fn),
            resample,
        };

        let norm1 = self.normalise(x.view, groups, &format!("{name}.norm1"), None);
        let conv1 = self.affine(&format!("{name}.conv1"), &[outputs, inputs, 3, 3]);
        let channels = match config.time_injection {
            TimeInjection::Add => outputs,
            TimeInjection::ScaleShift => 2 * outputs,
        };
        let time = self.time_projection(&format!("{name}.time_emb_proj"), channels);
        let hidden = self.view(size, outputs);
        let first = self.conv(activated(x.view, norm1, block.resample), 3, conv1, hidden);
        let modulation = match config.time_injection {
            TimeInjection::Add => {
                first.time = Some(time);
                None
            }
            TimeInjection::ScaleShift => Some(time),
        };

        let norm2 = self.normalise(hidden, groups, &format!("{name}.norm2"), modulation);
        let conv2 = self.affine(&format!("{name}.conv2"), &[outputs, outputs, 3, 3]);
        let source = Source {
            resample: block.resample,
            ..Source::plain(x.view)
        };
        let residual = if inputs == outputs {
            Residual::Add(source)
        } else {
            let (weight, bias) =
                self.affine(&format!("{name}.conv_shortcut"), &[outputs, inputs, 1, 1]);
            Residual::Project {
                source,
                weight,
                bias,
            }
        };
        let output = self.place(to, size, outputs);
        let second = self.conv(activated(hidden, norm2, Resample::Keep), 3, conv2, output);
        second.residual = residual;
        second.scale = (1.0 / block.scale) as f32;
        Map { view: output, size }
    }

    /// Norm, queries, keys and values in one product, attention, output projection, residual.
    fn attention(&mut self, layer: &Heads, x: Map, to: Option<View>) -> Map {
        let (channels, name) = (x.view.channels, &layer.name);
        let head_dim = self.config.attention_head_dim.unwrap_or(channels);
        let heads = channels / head_dim;
        let inner = heads * head_dim;
        let norm = layer
            .groups
            .map(|groups| self.normalise(x.view, groups, &format!("{name}.group_norm"), None));
        let (weights, biases) = ["to_q", "to_k", "to_v"]
            .map(|part| self.affine(&format!("{name}.{part}"), &[inner, channels]))
            .into_iter()
            .unzip();
        let qkv = self.view(x.size, 3 * inner);
        self.ops.push(Op::Conv(Conv {
            source: Source {
                norm,
                ..Source::plain(x.view)
            },
            kernel: 1,
            stride: 1,
            padding: 0,
            weights,
            transposed: false,
            biases,
            time: None,
            residual: Residual::None,
            scale: 1.0,
            output: qkv,
        }));
        let mixed = self.view(x.size, inner);
        self.ops.push(Op::Attention {
            qkv,
            heads,
            head_dim,
            output: mixed,
        });
        let to_out = self.affine(&format!("{name}.to_out.0"), &[channels, inner]);
        let output = self.place(to, x.size, channels);
        let last = self.conv(Source::plain(mixed), 1, to_out, output);
        last.residual = Residual::Add(Source::plain(x.view));
        last.scale = (1.0 / layer.scale) as f32;
        Map { view: output, ..x }
    }

    fn normalise(
        &mut self,
        input: View,
        groups: usize,
        name: &str,
        modulation: Option<View>,
    ) -> View {
        let (weight, bias) = self.affine(name, &[input.channels]);
        let output = self.view([1, 1], 2 * input.channels);
        self.ops.push(Op::Normalise {
            input,
            groups,
            eps: self.config.norm_eps,
            weight,
            bias,
            modulation,
            output,
        });
        output
    }

    /// A 3×3 convolution of `x` as it is.
    fn conv3(&mut self, x: Map, affine: Affine, resample: Resample, to: Option<View>) -> Map {
        let size = resampled(x.size, resample);
        let outputs = self.params[affine.1.0].shape[0];
        let output = self.place(to, size, outputs);
        let source = Source {
            resample,
            ..Source::plain(x.view)
        };
        self.conv(source, 3, affine, output);
        Map { view: output, size }
    }

    /// A convolution that keeps its source's resolution and adds nothing, for the caller to change.
    fn conv(
        &mut self,
        source: Source,
        kernel: usize,
        (weight, bias): Affine,
        output: View,
    ) -> &mut Conv {
        let op = Op::Conv(Conv {
            source,
            kernel,
            stride: 1,
            padding: kernel / 2,
            weights: vec![weight],
            transposed: false,
            biases: vec![bias],
            time: None,
            residual: Residual::None,
            scale: 1.0,
            output,
        });
        self.ops.push(op);
        match self.ops.last_mut() {
            Some(Op::Conv(conv)) => conv,
            _ => unreachable!("it was pushed in the line above"),
        }
    }

    /// `to`, or a new buffer.
    fn place(&mut self, to: Option<View>, size: [usize; 2], channels: usize) -> View {
        to.unwrap_or_else(|| self.view(size, channels))
    }

    /// A new buffer.
    fn view(&mut self, [height, width]: [usize; 2], channels: usize) -> View {
        self.buffers.push(Buffer {
            height,
            width,
            channels,
            offset: 0,
        });
        View {
            buffer: self.buffers.len() - 1,
            first: 0,
            channels,
        }
    }

    fn affine(&mut self, name: &str, shape: &[usize]) -> Affine {
        let weight = self.param(format!("{name}.weight"), shape);
        let bias = self.param(format!("{name}.bias"), &shape[..1]);
        (weight, bias)
    }

    fn param(&mut self, name: String, shape: &[usize]) -> Param {
        self.params.push(TensorSpec {
            name,
            shape: shape.to_vec(),
        });
        Param(self.params.len() - 1)
    }
}

impl Block {
    fn new(name: String, outputs: usize, resample: Resample) -> Self {
        Self {
            name,
            outputs,
            resample,
            scale: 1.0,
        }
    }
}

fn resampled(size: [usize; 2], resample: Resample) -> [usize; 2] {
    size.map(|side| match resample {
        Resample::Keep => side,
        Resample::Nearest2x => 2 * side,
        Resample::Average2x => side / 2,
        Resample::Insert2x { .. } => unreachable!("a network inserts no zeros"),
    })
}
