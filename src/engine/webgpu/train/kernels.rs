//! The kernels that training alone has.

use super::super::template::Template;

/// The [`Template`] in kernels/backward/.
macro_rules! backward {
    ($name:ident, $file:literal) => {
        pub static $name: Template = Template {
            file: concat!("backward/", $file),
            text: $crate::engine::webgpu::source::bare_text!(concat!(
                "../kernels/backward/",
                $file
            )),
        };
    };
}

backward!(ADAM, "adam.wgsl");
backward!(BINDINGS, "bindings.wgsl");
backward!(CLASSES, "classes.wgsl");
backward!(DROP, "drop.wgsl");
backward!(FINISH, "finish.wgsl");
backward!(GATHER, "gather.wgsl");
backward!(INCOMING, "incoming.wgsl");
backward!(KEYS, "keys.wgsl");
backward!(LOSS, "loss.wgsl");
backward!(MATRIX, "matrix.wgsl");
backward!(MOMENTUM, "momentum.wgsl");
backward!(NOISE, "noise.wgsl");
backward!(NORMALISE, "normalise.wgsl");
backward!(NORMALISE_CHANNELS, "normalise_channels.wgsl");
backward!(PLACE, "place.wgsl");
backward!(QUERIES, "queries.wgsl");
backward!(REDUCE, "reduce.wgsl");
backward!(SCORES, "scores.wgsl");
backward!(SLOPE, "slope.wgsl");
backward!(SQUARES, "squares.wgsl");
backward!(SUM, "sum.wgsl");
backward!(THROUGH, "through.wgsl");
backward!(TOTAL, "total.wgsl");
backward!(TURN, "turn.wgsl");
backward!(WEIGHTS, "weights.wgsl");

/// Those that others are made with.
pub static PARTS: [&Template; 2] = [&PLACE, &TOTAL];
