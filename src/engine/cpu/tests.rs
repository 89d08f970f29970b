//! What keeps an image's memory from being used by others.

use pollster::block_on;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;
use crate::noise::gaussian;
use crate::step::{Clip, EpsFrom};

/// Normalised, activated and halved sources, and attention with more heads than one: everything that gives threads
/// parts of a room.
pub(in crate::engine) const CONFIG: &str = r#"{
    "sample_size": 16, "in_channels": 3, "out_channels": 3, "norm_num_groups": 4,
    "block_out_channels": [8, 16],
    "layers_per_block": 1, "attention_head_dim": 2, "downsample_type": "resnet", "upsample_type": "resnet",
    "down_block_types": ["AttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "AttnUpBlock2D"]
}"#;

/// Strided and upsampling convolutions, and numbers of channels that groups of outputs do not go into.
const CONVOLUTIONS: &str = r#"{
    "sample_size": 16, "in_channels": 3, "out_channels": 3, "norm_num_groups": 3, "block_out_channels": [18, 21],
    "layers_per_block": 1, "down_block_types": ["DownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D"], "attention_head_dim": 7
}"#;

/// A file of weights for [`CONFIG`].
pub(in crate::engine) fn weights() -> Vec<u8> {
    weights_of(CONFIG)
}

fn weights_of(json: &str) -> Vec<u8> {
    let config = UnetConfig::from_json(json).unwrap();
    let params = Plan::expected_tensors(&config).unwrap();
    let bytes: Vec<Vec<u8>> = (0..)
        .zip(&params)
        .map(|(draw, param)| {
            let mut numbers = vec![0.0; param.shape.iter().product()];
            gaussian(3, 0, draw, &mut numbers);
            let small = numbers.iter().map(|v| 0.1 * v);
            small.flat_map(f32::to_le_bytes).collect()
        })
        .collect();
    let views = params.iter().zip(&bytes).map(|(param, bytes)| {
        let view = TensorView::new(Dtype::F32, param.shape.clone(), bytes);
        (&param.name, view.unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn engine() -> CpuEngine {
    CpuEngine::load(CONFIG, &weights()).unwrap()
}

/// One step along x_prev = out.
const OUT: StepCoefficients = StepCoefficients {
    p: 0.0,
    q: 1.0,
    clip: Clip::None,
    r: 0.0,
    s: 0.0,
    eps_from: EpsFrom::Out,
    a: 1.0,
    b: 0.0,
    sigma: 0.0,
};

/// Every thread works in a part of its own of what an operation has for itself; there are as many parts as threads when
/// a batch begins, however many there are when it goes on.
#[test]
fn a_batch_may_go_on_with_more_threads_than_it_began_with() {
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let (one, many) = (pool(1), pool(7));
    let engine = engine();
    let spec = BatchSpec {
        shape: [1, 3, 16, 16],
        labels: None,
    };
    let mut x = vec![0.0; 3 * 16 * 16];
    gaussian(3, 0, 1000, &mut x);
    let step = |batch: &mut CpuBatch| block_on(engine.step(batch, 500, &OUT, None)).unwrap();
    let results = |mut batch: CpuBatch| block_on(engine.results(&mut batch)).unwrap().x_t;
    let mut batch = one.install(|| engine.begin(&spec, x.clone())).unwrap();
    one.install(|| step(&mut batch));
    let expected = results(batch);
    assert!(expected.iter().any(|v| v.abs() > 0.01));
    for _ in 0..20 {
        let mut batch = one.install(|| engine.begin(&spec, x.clone())).unwrap();
        many.install(|| step(&mut batch));
        assert_eq!(results(batch), expected);
    }
}

#[test]
#[should_panic = "another program's workspace"]
fn a_program_takes_no_workspace_of_another() {
    let engine = engine();
    let [small, large] = [[8, 8], [16, 16]].map(|size| engine.program(size).unwrap());
    let features = vec![0.0; large.plan.features.channels];
    let (x, mut out) = (vec![0.0; 3 * 16 * 16], vec![0.0; 3 * 16 * 16]);
    let mut workspace = small.workspace().unwrap();
    large.run(&mut workspace, &features, None, &x, &mut out, 1);
}

/// The weights of [`weights_of`] as numbers of 16 bits.
fn halves_of(json: &str) -> Vec<u8> {
    let config = UnetConfig::from_json(json).unwrap();
    let specs = Plan::expected_tensors(&config).unwrap();
    let tensors = crate::unet::weights::tensors(&specs, &weights_of(json)).unwrap();
    let values: Vec<Vec<f32>> = specs.iter().map(|s| tensors[&s.name].clone()).collect();
    crate::unet::weights::to_bytes(&specs, &values, crate::unet::weights::Precision::F16).unwrap()
}

/// What the network makes of the same noise.
fn output(json: &str, file: Vec<u8>, options: &CpuOptions, pixels: usize) -> Vec<f32> {
    let engine = CpuEngine::load_with(json, file.into(), options).unwrap();
    let spec = BatchSpec {
        shape: [2, 3, pixels, pixels],
        labels: None,
    };
    let mut x = vec![0.0; 2 * 3 * pixels * pixels];
    gaussian(3, 0, 1000, &mut x);
    block_on(engine.predict(&spec, x, &[3.0, 700.0])).unwrap()
}

#[test]
fn weights_that_are_put_in_order_in_each_step_give_the_same_numbers_to_the_bit() {
    for instructions in CpuEngine::instructions() {
        for json in [CONFIG, CONVOLUTIONS] {
            for file in [weights_of(json), halves_of(json)] {
                let of = |packing| CpuOptions {
                    instructions: Some(instructions),
                    packing,
                    storage: Storage::F32,
                };
                // The size that the network was trained at, and one where other ways to compute would pay.
                for pixels in [4, 16] {
                    let once = output(json, file.clone(), &of(Packing::Once), pixels);
                    let each = output(json, file.clone(), &of(Packing::EachStep), pixels);
                    assert!(once.iter().any(|v| v.abs() > 0.01));
                    assert_eq!(once, each, "{instructions}, {pixels} pixels");
                }
            }
        }
    }
}

/// Training packs the tensors that it has in memory, kernel by kernel; sampling reads the rows of a file.
#[cfg(feature = "train")]
#[test]
fn weights_of_a_file_are_in_the_order_of_those_in_memory() {
    for json in [CONFIG, CONVOLUTIONS] {
        let config = UnetConfig::from_json(json).unwrap();
        let plan = Plan::trained(&config).unwrap();
        let bytes = weights_of(json);
        let tensors = crate::unet::weights::tensors(&plan.params, &bytes).unwrap();
        let file = WeightsFile::new(&plan.params, bytes.into()).unwrap();
        for rows in [4, 5, 8] {
            let packed = pack::pack(&plan, &file, rows, false).unwrap();
            for (op, packed) in plan.ops.iter().zip(packed) {
                let single = matches!(packed, pack::Packed::Single(_));
                let mut filled = pack::Packed::new(&plan, op, single, rows, false).unwrap();
                filled.fill(op, rows, |param| &tensors[&plan.params[param.0].name]);
                assert_eq!(format!("{filled:?}"), format!("{packed:?}"));
            }
        }
    }
}

#[test]
fn weights_that_are_rounded_while_they_are_loaded_are_those_of_a_file_of_16_bits() {
    let of = |storage| CpuOptions {
        instructions: None,
        packing: Packing::EachStep,
        storage,
    };
    let file = || weights_of(CONFIG);
    let rounded = output(CONFIG, file(), &of(Storage::F16), 16);
    assert_eq!(
        rounded,
        output(CONFIG, halves_of(CONFIG), &of(Storage::F32), 16)
    );
    let exact = output(CONFIG, file(), &of(Storage::F32), 16);
    assert_ne!(rounded, exact);
    // A network that is small enough is not rounded.
    let small = CpuOptions {
        packing: Packing::Auto,
        ..of(Storage::F16)
    };
    assert_eq!(output(CONFIG, file(), &small, 16), exact);
}

#[test]
fn a_weight_that_16_bits_cannot_hold_is_named() {
    let config = UnetConfig::from_json(CONFIG).unwrap();
    let specs = Plan::expected_tensors(&config).unwrap();
    let mut values: Vec<Vec<f32>> = specs.iter().map(|s| vec![0.0; s.numbers()]).collect();
    values[3][0] = 70000.0;
    let precision = crate::unet::weights::Precision::F32;
    let file = crate::unet::weights::to_bytes(&specs, &values, precision).unwrap();
    let options = CpuOptions {
        packing: Packing::EachStep,
        storage: Storage::F16,
        ..CpuOptions::default()
    };
    let error = CpuEngine::load_with(CONFIG, file.into(), &options)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("the weights have 70000"),
        "{error}"
    );
}

/// What is told of a network before it is loaded is what its images take, and weights of large ones are as in their file.
#[test]
fn what_a_plan_says_of_memory_is_what_is_asked_for() {
    let read = |name: &str| {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    for (name, large) in [
        ("benches/architectures/celebahq-256.json", true),
        ("benches/architectures/butterflies-128.json", true),
        ("benches/architectures/cifar10-32.json", false),
        ("www/models/fashion-mnist/config.json", false),
    ] {
        let config = UnetConfig::from_json(&read(name)).unwrap();
        let plan = Plan::trained(&config).unwrap();
        assert_eq!(plan.is_large(), large, "{name}");
        let told = plan.on_processor(2);
        if large {
            assert_eq!(told.weights, 2 * plan.parameters() as u64);
        }
        let mut vectors = vec![plan.features.buffer];
        let weights = |op: &crate::engine::plan::Op| {
            let single = matches!(op, crate::engine::plan::Op::Conv(conv)
                if vectors.contains(&conv.source.view.buffer));
            if single {
                vectors.push(op.writes().buffer);
            }
            // Those of a large network are not kept; of a small one they take little.
            pack::Packed::new(&plan, op, single, Kernels::best().rows, large).unwrap()
        };
        let ops = plan.ops.iter().map(weights).collect();
        let weights = Arc::new(Weights { ops, file: None });
        let program = one
            .install(|| Program::new(plan.clone(), weights, Kernels::best()))
            .unwrap();
        let (asked, told) = (program.missing(1) as f64, told.features as f64);
        assert!(
            (told / asked - 1.0).abs() < 0.15,
            "{name}: {told} told, {asked} asked for"
        );
    }
}
