//! What a step costs.

use crate::fixture::{CIFAR10, CLASSES, FOURIER, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS};
use crate::subjects::plan;
use crate::test;

/// The network that `ddim-web train` makes for Fashion-MNIST.
const FASHION_MNIST: &str = include_str!("../../www/models/fashion-mnist/config.json");

test!(a_step_is_few_operations, async {
    for (name, json, most) in [
        ("google/ddpm-cifar10-32", CIFAR10.config, 140),
        ("fashion-mnist", FASHION_MNIST, 110),
    ] {
        let count = plan(json).ops.len();
        assert!(count <= most, "{name}: {count} operations, allowed {most}");
    }
});

test!(multiply_adds_are_those_that_pytorch_counts, async {
    // Half of what torch.utils.flop_counter counts while diffusers' network runs on one image.
    for (fixture, expected) in [
        (CIFAR10, 6_221_856_768),
        (THREE_LEVELS, 172_482_560),
        (SCALE_SHIFT, 79_974_400),
        (GREY_28, 190_039_552),
        (FOURIER, 75_547_392),
        (CLASSES, 57_971_952),
        // Without a middle the coarsest level's last convolution, 8x8 pixels and 32 channels, is made twice.
        (NO_MIDDLE, 5_124_096 + 64 * 9 * 32 * 32),
    ] {
        assert_eq!(
            plan(fixture.config).multiply_adds(),
            expected,
            "{}",
            fixture.config
        );
    }
});

test!(the_text_says_how_many_of_everything, async {
    let plan = plan(NO_MIDDLE.config);
    let text = plan.to_string();
    let listed = text.lines().take_while(|line| !line.is_empty()).count();
    assert_eq!(listed, plan.ops.len());
    assert!(text.ends_with(&plan.summary().to_string()));
    for part in [
        "one step of one image of 3 x 8 x 8",
        "0.006 billion",
        "operations",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
});
