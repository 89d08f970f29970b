//! Every kernel alone against plain loops, in every tile and format.

#[cfg(not(target_arch = "wasm32"))]
mod device;
mod maker;
mod templates;

use maker::{Inputs, Maker, worst};

use super::device::Gpu;
use super::draft::Style;
use super::measure::{Choice, measure};
use super::tile::{TILES, Tile, named};
use super::tuning::Tuning;
use crate::engine::EngineError;
use crate::engine::Storage;
use crate::engine::plan::{Op, Resample, Residual, Source, View};
use crate::step::{Clip, EpsFrom, StepCoefficients};
use crate::unet::config::Activation;

/// Largest error of one or two operations on numbers of about 1 whose sums have up to 700 terms.
const F32: f64 = 1e-5;

/// The same when every number in between has 11 bits.
const F16: f64 = 4e-3;

/// Makes an async block a test natively and in the browser.
macro_rules! test {
    ($name:ident, $body:expr) => {
        #[cfg(not(target_arch = "wasm32"))]
        #[test]
        fn $name() {
            pollster::block_on($body)
        }

        #[cfg(target_arch = "wasm32")]
        #[wasm_bindgen_test::wasm_bindgen_test]
        async fn $name() {
            #[cfg(any(feature = "network", feature = "figures"))]
            crate::web::start();
            $body.await
        }
    };
}

/// The device, or `None` with a word about why there is nothing to test on.
async fn gpu() -> Option<Gpu> {
    match Gpu::open().await {
        Ok(gpu) => Some(gpu),
        Err(EngineError::NoGpu(why)) => {
            eprintln!("skipped: no GPU on this machine: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn style(tile: &'static Tile, storage: Storage, fma: bool) -> Style {
    Style {
        storage,
        tuning: Tuning::only(tile),
        fma,
    }
}

fn plain() -> Style {
    style(named("r4x2").unwrap(), Storage::F32, false)
}

/// Every format that the device has, and how far off it may be.
fn formats(gpu: &Gpu) -> impl Iterator<Item = (Storage, f64)> {
    [(Storage::F32, F32), (Storage::F16, F16)]
        .into_iter()
        .filter(|(storage, _)| gpu.stores(*storage))
}

/// In every format the device's answer is that of the loops.
async fn assert_equal(gpu: &Gpu, maker: &mut Maker, what: &str) {
    let batch = maker.dice.between(1, 3);
    let inputs = maker.inputs(batch, 1);
    let expected = maker.reference(&inputs);
    assert!(expected.iter().any(|v| v.abs() > 0.1), "{what}: all zero");
    for (storage, tolerance) in formats(gpu) {
        let style = Style { storage, ..plain() };
        let found = maker.run(gpu, style, &inputs).await;
        let worst = worst(&found, &expected);
        assert!(worst <= tolerance, "{what}, {storage}: error {worst:e}");
    }
}

/// A convolution with everything that can come with one, and what it is. Few or many channels: not all tiles take few.
fn convolution(seed: u64, few: bool) -> (Maker, String) {
    let mut dice = maker::Dice(seed);
    let mut channels = || {
        if few {
            dice.between(1, 13)
        } else {
            dice.between(29, 75)
        }
    };
    let [inputs, outputs, others] = [channels(), channels(), channels()];
    let [height, width] = [dice.between(3, 17), dice.between(3, 17)];
    let mut maker = Maker::new(dice.between(0, 1 << 30) as u64, [height, width], inputs);
    let input = Source::plain(maker.plan.input);
    let resample = dice.pick(&[Resample::Keep, Resample::Keep, Resample::Nearest2x]);
    let source = Source { resample, ..input };
    let times = if resample == Resample::Nearest2x {
        2
    } else {
        1
    };
    let size = [times * height, times * width];
    let kernel = dice.pick(&[1, 3, 3]);
    let time = dice.pick(&[true, false]).then(|| maker.time(outputs));
    let halved = dice.pick(&[false, false, times == 1]);
    let size = if halved { size.map(|n| n / 2) } else { size };

    // An enlarged source without a residual is four convolutions in one.
    let residual = match resample {
        Resample::Nearest2x => dice.pick(&[0, 0, 0, 1, 4]),
        _ => dice.between(0, 6),
    };
    let side = |n: usize| match residual {
        3 | 5 => n / 2,
        2 | 6 => 2 * n,
        _ => n,
    };
    // What is added comes from a convolution of its own; enlarged, it may cover less than everything.
    let size = if matches!(residual, 3 | 5) {
        size.map(|n| n / 2 * 2)
    } else {
        size
    };
    let shape = [side(size[0]), side(size[1])];
    let residual_of = |resample, view| Source {
        resample,
        ..Source::plain(view)
    };
    let output = maker.view(size, outputs);
    let mut other = |channels| {
        let view = maker.view(shape, channels);
        let first = maker.conv(input, 1, view);
        maker.plan.ops.push(Op::Conv(first));
        view
    };
    let added = match residual {
        1 => Residual::Add(residual_of(Resample::Keep, other(outputs))),
        2 => Residual::Add(residual_of(Resample::Average2x, other(outputs))),
        3 => Residual::Add(residual_of(Resample::Nearest2x, other(outputs))),
        4..=6 => {
            let resample = match residual {
                4 => Resample::Keep,
                5 => Resample::Nearest2x,
                _ => Resample::Average2x,
            };
            let view = other(others);
            Residual::Project {
                source: residual_of(resample, view),
                weight: maker.param(&[outputs, others, 1, 1], (3.0 / others as f32).sqrt()),
                bias: maker.param(&[outputs], 0.5),
            }
        }
        _ => Residual::None,
    };
    let mut conv = maker.conv(source, kernel, output);
    conv.residual = added;
    conv.time = time;
    conv.scale = dice.pick(&[1.0, 0.7]);
    if halved {
        conv.stride = 2;
        conv.padding = dice.between(0, kernel / 2);
    }
    let what = format!("seed {seed}: {inputs} channels, {conv:?} to {size:?}");
    maker.plan.ops.push(Op::Conv(conv));
    maker.finish(output);
    (maker, what)
}

test!(convolutions_equal_loops, async {
    let Some(gpu) = gpu().await else { return };
    for seed in 0..24 {
        let (mut maker, what) = convolution(seed, true);
        assert_equal(&gpu, &mut maker, &what).await;
    }
});

test!(every_tile_equals_loops_and_gives_the_same_bits, async {
    let Some(gpu) = gpu().await else { return };
    // Software devices take seconds to compile a tile, so there are few draws: an upsampling, a projection of a halved
    // picture, a strided convolution with a halved residual; both ways to add, both formats.
    let draws = [
        (1003, Storage::F32, true, 2),
        (1005, Storage::F32, false, 3),
        (1016, Storage::F16, true, 1),
    ];
    for (seed, storage, fma, batch) in draws {
        if !gpu.stores(storage) {
            continue;
        }
        let (mut maker, what) = convolution(seed, false);
        let inputs = maker.inputs(batch, 1);
        let expected = maker.reference(&inputs);
        let tolerance = if storage == Storage::F32 { F32 } else { F16 };
        let mut first: Option<Vec<u32>> = None;
        for tile in &TILES {
            let name = tile.name;
            let style = style(tile, storage, fma);
            let found = maker.run(&gpu, style, &inputs).await;
            let worst = worst(&found, &expected);
            assert!(worst <= tolerance, "{name}: error {worst:e}, {what}");
            let bits: Vec<u32> = found.iter().map(|v| v.to_bits()).collect();
            let first = first.get_or_insert_with(|| bits.clone());
            assert!(*first == bits, "{name}: other bits than the first, {what}");
        }
    }
});

test!(normalisations_equal_loops, async {
    let Some(gpu) = gpu().await else { return };
    for seed in 0..24 {
        let mut dice = maker::Dice(seed);
        // Whole blocks of four channels, or groups that begin and end anywhere.
        let whole = seed % 2 == 0;
        let of_group = if whole {
            4 * dice.between(1, 4)
        } else {
            dice.between(1, 11)
        };
        let groups = dice.between(1, 6);
        let channels = groups * of_group;
        let [height, width] = [dice.between(2, 19), dice.between(2, 19)];
        let mut maker = Maker::new(seed, [height, width], 3);
        // Two parts side by side, as a decoder's input is.
        let input = maker.view([height, width], channels);
        let cut = match dice.between(0, channels - 1) {
            cut if whole => cut / 4 * 4,
            cut => cut,
        };
        for (first, channels) in [(0, cut), (cut, channels - cut)] {
            if channels > 0 {
                let part = View {
                    first,
                    channels,
                    ..input
                };
                let conv = maker.conv(Source::plain(maker.plan.input), 1, part);
                maker.plan.ops.push(Op::Conv(conv));
            }
        }
        let modulation = dice.pick(&[true, false]).then(|| maker.time(2 * channels));
        let average = dice.pick(&[true, false]);
        let act = dice.pick(&[
            None,
            Some(Activation::Silu),
            Some(Activation::Mish),
            Some(Activation::Gelu),
            Some(Activation::Relu),
        ]);
        let norm = maker.view([1, 1], 2 * channels);
        let op = Op::Normalise {
            input,
            groups,
            eps: 1e-5,
            weight: maker.param(&[channels], 1.5),
            bias: maker.param(&[channels], 0.5),
            modulation,
            output: norm,
        };
        maker.plan.ops.push(op);
        let (resample, size) = if average {
            (Resample::Average2x, [height / 2, width / 2])
        } else {
            (Resample::Keep, [height, width])
        };
        let source = Source {
            norm: Some(norm),
            act,
            resample,
            ..Source::plain(input)
        };
        let outputs = dice.between(1, 9);
        let output = maker.view(size, outputs);
        let conv = maker.conv(source, dice.pick(&[1, 3]), output);
        maker.plan.ops.push(Op::Conv(conv));
        maker.finish(output);
        let what = format!(
            "seed {seed}: {groups} groups of {of_group} at {height}x{width}, {act:?}, average {average}, modulated {}",
            modulation.is_some()
        );
        assert_equal(&gpu, &mut maker, &what).await;
    }
});

test!(attention_equals_loops, async {
    let Some(gpu) = gpu().await else { return };
    for seed in 0..16 {
        let mut dice = maker::Dice(seed);
        let (heads, head_dim) = (dice.between(1, 4), dice.between(1, 21));
        let size = [dice.between(1, 18), dice.between(1, 18)];
        let mut maker = Maker::new(seed, size, 5);
        let qkv = maker.view(size, 3 * heads * head_dim);
        let products = maker.conv(Source::plain(maker.plan.input), 1, qkv);
        maker.plan.ops.push(Op::Conv(products));
        let mixed = maker.view(size, heads * head_dim);
        maker.plan.ops.push(Op::Attention {
            qkv,
            heads,
            head_dim,
            output: mixed,
        });
        let output = maker.view(size, 7);
        let last = maker.conv(Source::plain(mixed), 1, output);
        maker.plan.ops.push(Op::Conv(last));
        maker.finish(output);
        let what = format!("seed {seed}: {heads} heads of {head_dim} at {size:?}");
        assert_equal(&gpu, &mut maker, &what).await;
    }
});

test!(linear_layers_equal_loops, async {
    let Some(gpu) = gpu().await else { return };
    for seed in 0..12 {
        let mut dice = maker::Dice(seed);
        let mut maker = Maker::new(seed, [1, 1], 1);
        let hidden = dice.between(1, 70);
        let output = maker.view([1, 1], dice.between(1, 70));
        let hidden = maker.time(hidden);
        let source = Source {
            act: dice.pick(&[None, Some(Activation::Silu), Some(Activation::Mish)]),
            ..Source::plain(hidden)
        };
        let mut linear = maker.conv(source, 1, output);
        let classes = dice.between(1, 5);
        if seed % 2 == 0 {
            linear.residual = Residual::Class(maker.param(&[classes, output.channels], 1.0));
        }
        maker.plan.ops.push(Op::Conv(linear));
        maker.finish(output);
        let inputs = maker.inputs(3, classes);
        let expected = maker.reference(&inputs);
        for (storage, tolerance) in formats(&gpu) {
            let style = Style { storage, ..plain() };
            let worst = worst(&maker.run(&gpu, style, &inputs).await, &expected);
            assert!(
                worst <= tolerance,
                "seed {seed}, {storage}: error {worst:e}"
            );
        }
    }
});

test!(a_step_equals_its_formula, async {
    let Some(gpu) = gpu().await else { return };
    for seed in 0..12 {
        let mut dice = maker::Dice(seed);
        let channels = dice.between(1, 6);
        let size = [dice.between(1, 12), dice.between(1, 12)];
        let mut maker = Maker::new(seed, size, channels);
        maker.plan.config.center_input_sample = seed % 3 == 0;
        maker.finish(maker.plan.input);
        let inputs = maker.inputs(2, 1);
        let out = maker.reference(&inputs);
        let noise = maker.dice.numbers(inputs.x.len(), 1.0);
        let z = dice.pick(&[true, false]);
        let c = StepCoefficients {
            p: 1.7,
            q: -0.8,
            clip: dice.pick(&[Clip::None, Clip::Range(0.6)]),
            r: 0.3,
            s: 0.9,
            eps_from: dice.pick(&[EpsFrom::Out, EpsFrom::X0Hat]),
            a: 0.75,
            b: 0.4,
            sigma: 0.2,
        };
        let noise = z.then_some(noise.as_slice());
        let found = maker.step(&gpu, plain(), &inputs, &c, noise).await;
        let mut x_t = Vec::new();
        let mut x0_hat = Vec::new();
        for (i, (x, out)) in inputs.x.iter().zip(&out).enumerate() {
            let x = f64::from(*x);
            let mut x0 = c.p * x + c.q * out;
            if let Clip::Range(range) = c.clip {
                x0 = x0.clamp(-range, range);
            }
            let from = match c.eps_from {
                EpsFrom::Out => *out,
                EpsFrom::X0Hat => x0,
            };
            let noise = noise.map_or(0.0, |noise| f64::from(noise[i]));
            x_t.push(c.a * x0 + c.b * (c.r * x + c.s * from) + c.sigma * noise);
            x0_hat.push(x0);
        }
        let worst = worst(&found, &[x_t, x0_hat].concat());
        assert!(worst <= F32, "seed {seed}: error {worst:e}, {c:?}");
    }
});

test!(what_is_not_a_number_stays_so_when_it_is_clipped, async {
    let Some(gpu) = gpu().await else { return };
    let mut maker = Maker::new(0, [2, 2], 1);
    maker.finish(maker.plan.input);
    let c = StepCoefficients {
        p: 1.0,
        q: 1.0,
        clip: Clip::Range(1.0),
        r: 0.0,
        s: 1.0,
        eps_from: EpsFrom::Out,
        a: 1.0,
        b: 0.0,
        sigma: 0.0,
    };
    let inputs = Inputs {
        x: vec![0.5, f32::NAN, f32::INFINITY, -3.0],
        ..maker.inputs(1, 1)
    };
    let found = maker.step(&gpu, plain(), &inputs, &c, None).await;
    let x0_hat = &found[4..];
    assert_eq!([x0_hat[0], x0_hat[3]], [1.0, -1.0]);
    assert!(
        !x0_hat[1].is_finite() && !x0_hat[2].is_finite(),
        "{x0_hat:?}"
    );
});

test!(
    a_measurement_takes_one_of_the_tiles_that_it_is_given,
    async {
        let Some(gpu) = gpu().await else { return };
        let choice = |side, tiles| Choice {
            images: 1,
            side,
            channels: 32,
            tiles,
        };
        let alone = [choice(8, &["r4x1"] as &[_]), choice(4, &["r2x1"])];
        let tuning = measure(&gpu, &alone, plain()).await.unwrap();
        assert_eq!(tuning.to_string(), "large=r4x1 small=r2x1");
        let many = [
            choice(8, &["r1x1", "b16x32"] as &[_]),
            choice(4, &["b16x32", "r4x2"]),
        ];
        let tuning = measure(&gpu, &many, plain()).await.unwrap();
        assert!(many[0].tiles.contains(&tuning.large.name));
        assert!(many[1].tiles.contains(&tuning.small.name));
        // The device keeps the first.
        assert_eq!(gpu.tune(tuning), tuning);
        assert_eq!(gpu.tune(Tuning::only(named("r1x1").unwrap())), tuning);
        assert_eq!(gpu.tuning(), Some(tuning));
    }
);
