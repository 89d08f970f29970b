//! A step of the CPU engine works in memory that was asked for before the first one, and what is not there is refused.
#![cfg(not(target_arch = "wasm32"))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ddim_web::engine::{BatchSpec, CpuEngine, CpuOptions, Denoiser, EngineError, Packing};
use ddim_web::step::{Clip, Method, Prediction, Step};
use ddim_web::unet::config::UnetConfig;

#[path = "network/rule.rs"]
mod rule;

/// The system's allocator, and how much went through it.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicUsize = AtomicUsize::new(0);
/// The most bytes that are given at once.
static LARGEST: AtomicUsize = AtomicUsize::new(usize::MAX);

// SAFETY: all memory comes from the system's allocator, or is refused, and goes back there with the layout that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST.load(Ordering::SeqCst) {
            return std::ptr::null_mut();
        }
        ALLOCATED.fetch_add(layout.size(), Ordering::SeqCst);
        MOST.fetch_max(in_use(), Ordering::SeqCst);
        // SAFETY: what the caller promises about `layout` is what is asked for here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.fetch_add(layout.size(), Ordering::SeqCst);
        // SAFETY: `pointer` came from `alloc`, which asked the system's allocator with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The model on the page: three levels of blocks, attention with several heads.
const FASHION_MNIST: &str = include_str!("../www/models/fashion-mnist/config.json");

/// Attention with one head where there are many pixels, as in the CIFAR model, and halving without a convolution.
const ATTENTION: &str = r#"{
    "_class_name": "UNet2DModel", "sample_size": 16, "in_channels": 3, "out_channels": 3, "norm_num_groups": 8,
    "block_out_channels": [16, 32], "layers_per_block": 1, "attention_head_dim": null, "downsample_type": "resnet",
    "down_block_types": ["AttnDownBlock2D", "ResnetDownsampleBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D"]
}"#;

/// What a step may ask for: the time steps and time features of three images, and a few jobs for threads. The smallest
/// feature map of these networks is larger.
const PER_STEP: usize = 4096;

/// The counters are those of the whole program: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The most bytes that were in use at once since it was set to those in use.
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are in use.
fn in_use() -> usize {
    // Another thread may have freed what was asked for after the first look.
    let allocated = ALLOCATED.load(Ordering::SeqCst);
    allocated.saturating_sub(FREED.load(Ordering::SeqCst))
}

/// After three steps, `steps` more ask for next to nothing each, and leave no more memory in use than before.
fn steps_in_the_memory_it_has(json: &str, packing: Packing, steps: usize) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let config = UnetConfig::from_json(json).unwrap();
    let options = CpuOptions {
        packing,
        ..CpuOptions::default()
    };
    let engine = CpuEngine::load_with(json, rule::weights(&config).into(), &options).unwrap();
    let [height, width] = config.sample_size.unwrap();
    for batch in [1, 3] {
        let spec = BatchSpec {
            shape: [batch, config.in_channels, height, width],
            labels: None,
        };
        let x: Vec<f32> = rule::unit("x")
            .take(spec.shape.iter().product())
            .map(|v| v as f32)
            .collect();
        let step = Step {
            alpha_bar: 0.5,
            alpha_bar_told: 0.5,
            alpha_bar_next: 0.6,
            last: false,
            prediction: Prediction::Epsilon,
            clip: Clip::Range(1.0),
            use_clipped_model_output: false,
        };
        let coefficients = step.coefficients(Method::Ddim { eta: 0.0 }).unwrap();
        let mut state = engine.begin(&spec, x).unwrap();
        let mut step = || {
            let before = ALLOCATED.load(Ordering::SeqCst);
            pollster::block_on(engine.step(&mut state, 500, &coefficients, None)).unwrap();
            ALLOCATED.load(Ordering::SeqCst) - before
        };
        for _ in 0..3 {
            step();
        }
        let before = in_use();
        for number in 0..steps {
            let bytes = step();
            assert!(
                bytes <= PER_STEP,
                "step {number} of a batch of {batch}: {bytes} bytes"
            );
        }
        let after = in_use();
        assert!(
            after <= before + PER_STEP,
            "{before} bytes in use before {steps} steps, {after} after them"
        );
    }
}

#[test]
fn a_step_of_the_fashion_mnist_model_allocates_next_to_nothing() {
    steps_in_the_memory_it_has(FASHION_MNIST, Packing::Once, 5);
}

#[test]
fn weights_that_are_put_in_order_in_each_step_have_their_place_before_the_first() {
    steps_in_the_memory_it_has(FASHION_MNIST, Packing::EachStep, 5);
}

#[test]
fn two_hundred_steps_with_attention_between_all_pixels_leave_memory_as_it_was() {
    steps_in_the_memory_it_has(ATTENTION, Packing::Once, 200);
}

/// Every pixel is in memory once, from the first picture that is read to the padded set.
#[test]
fn a_set_of_pictures_is_held_once_while_it_is_read() {
    use ddim_web::images::{Collector, ImageSet};

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, side) = (500, 60);
    let bytes = count * 3 * side * side;
    for grey in [true, false] {
        let picture: Vec<u8> = (0..3 * side * side)
            .map(|i| (if grey { i / 3 } else { i } % 251) as u8)
            .collect();
        let before = in_use();
        MOST.store(before, Ordering::SeqCst);
        let mut collector = Collector::new(count, side, side).unwrap();
        for _ in 0..count {
            collector.push(&picture).unwrap();
        }
        let set = collector.finish().unwrap();
        assert_eq!(set.shape(), [if grey { 1 } else { 3 }, side, side]);
        let step = if grey { 3 } else { 1 };
        for channel in 0..set.shape()[0] {
            let plane: Vec<u8> = picture.iter().skip(channel).step_by(3).copied().collect();
            assert_eq!(
                &set.image(count - 1)[channel * side * side..][..side * side],
                plane
            );
        }
        let most = MOST.load(Ordering::SeqCst) - before;
        assert!(
            most <= bytes + bytes / 10 + bytes / step,
            "{most} of {bytes} bytes"
        );
    }

    let pixels = count * side * side;
    let mut file = [0x803, count as u32, side as u32, side as u32]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect::<Vec<u8>>();
    file.resize(16 + pixels, 7);
    let before = in_use();
    MOST.store(before, Ordering::SeqCst);
    let set = ImageSet::from_idx(file).unwrap();
    let most = MOST.load(Ordering::SeqCst) - before;
    assert!(most <= pixels / 10, "{most} more for {pixels} bytes");
    assert_eq!(set.image(count - 1), vec![7; side * side]);
}

/// Memory for a single prediction is kept for the next one.
#[test]
fn a_prediction_asks_only_for_its_input_and_output() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let config = UnetConfig::from_json(FASHION_MNIST).unwrap();
    let engine = CpuEngine::load(FASHION_MNIST, &rule::weights(&config)).unwrap();
    let shape = [1, 1, 32, 32];
    let spec = BatchSpec {
        shape,
        labels: None,
    };
    let predict = || {
        let x = vec![0.5; shape.iter().product()];
        let before = ALLOCATED.load(Ordering::SeqCst);
        pollster::block_on(engine.predict(&spec, x, &[500.0])).unwrap();
        ALLOCATED.load(Ordering::SeqCst) - before
    };
    predict();
    let image = 4 * shape.iter().product::<usize>();
    let bytes = predict();
    assert!(bytes <= 2 * image + PER_STEP, "{bytes} bytes");
}

/// As much as the list of a training step takes, which is there before the numbers are asked for.
const LIST: usize = 1 << 17;

/// `work` where no more than some bytes are given at once: first those of a list, then twice as many, until it succeeds.
/// How often it was refused, and what it made.
fn refused<T>(mut work: impl FnMut() -> Result<T, EngineError>) -> (usize, T) {
    for times in 0.. {
        LARGEST.store(LIST << times, Ordering::SeqCst);
        let made = work();
        LARGEST.store(usize::MAX, Ordering::SeqCst);
        match made {
            Ok(made) => return (times, made),
            Err(EngineError::Memory(refused)) => {
                assert!(refused.needed >= LIST as u64, "{refused}")
            }
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("there is an end to what it needs")
}

#[test]
fn a_batch_whose_memory_is_not_there_is_refused_and_the_engine_goes_on() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let config = UnetConfig::from_json(FASHION_MNIST).unwrap();
    let engine = CpuEngine::load(FASHION_MNIST, &rule::weights(&config)).unwrap();
    let spec = |side: usize| BatchSpec {
        shape: [1, 1, side, side],
        labels: None,
    };
    let predict = |side: usize| {
        let x = vec![0.5; side * side];
        pollster::block_on(engine.predict(&spec(side), x, &[500.0])).unwrap()
    };
    let expected = predict(32);
    for side in [128, 256] {
        let mut pictures = vec![vec![0.5; side * side]; 20];
        let (times, _) = refused(|| engine.begin(&spec(side), pictures.pop().unwrap()));
        assert!(times > 1, "pictures of {side}");
    }
    assert_eq!(predict(32), expected);
}

/// Twenty steps of training in the memory that the first ones asked for, which may be refused: one picture on all
/// threads, and several.
#[cfg(feature = "train")]
#[test]
fn training_steps_leave_memory_as_it_was() {
    use ddim_web::engine::plan::Plan;
    use ddim_web::engine::{
        CpuLearner, Learner, LearnerState, Level, Optimizer, TrainBatch, Update,
    };

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let config = UnetConfig::from_json(ATTENTION).unwrap();
    let params = Plan::expected_tensors(&config).unwrap();
    let state = LearnerState::new(params.iter().map(rule::fill).collect());
    let mut learner = CpuLearner::new(config, &state).unwrap();
    for images in [1, 5] {
        let shape = [images, 3, 16, 16];
        let numbers = |name: &str| -> Vec<f32> {
            let unit = rule::unit(name).take(shape.iter().product());
            unit.map(|v| v as f32).collect()
        };
        let level = Level {
            signal: 0.6,
            noise: 0.8,
            c_x0: 0.0,
            c_eps: 1.0,
            weight: 1.0,
        };
        let batch = TrainBatch {
            shape,
            x0: numbers("x0"),
            eps: numbers("eps"),
            timesteps: vec![300.0; images],
            levels: vec![level; images],
            labels: None,
            drop_seed: 1,
        };
        let update = |done| Update {
            optimizer: Optimizer::Muon,
            done,
            lr: 1e-4,
            clip: 1.0,
            decay: 0.9,
        };
        let (times, _) = refused(|| pollster::block_on(learner.step(&batch, &update(0))));
        assert!(times > 0, "{images} pictures");
        let mut step = |done| {
            let before = ALLOCATED.load(Ordering::SeqCst);
            pollster::block_on(learner.step(&batch, &update(done))).unwrap();
            ALLOCATED.load(Ordering::SeqCst) - before
        };
        (0..3).for_each(|done| {
            step(done);
        });
        let before = in_use();
        for done in 3..23 {
            let bytes = step(done);
            assert!(
                bytes <= PER_STEP * images,
                "step {done} of {images} pictures: {bytes} bytes"
            );
        }
        let after = in_use();
        assert!(
            after <= before + PER_STEP,
            "{before} bytes in use before, {after} after"
        );
    }
}
