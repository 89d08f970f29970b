//! The classifier against PyTorch, and the files that are none.

use ddim_web::evaluate::FeatureNetwork;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::support::{fixture, shipped};

/// A tensor of zeros in place of another; `None` leaves it out.
type Replacement = Option<(Dtype, Vec<usize>)>;

fn tensor(file: &SafeTensors, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    let values = view.data().chunks_exact(4);
    let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    (view.shape().to_vec(), values.collect())
}

fn agrees(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let worst = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    // `max` passes over NaN.
    assert!(
        worst <= 1e-4 && found.iter().all(|v| v.is_finite()),
        "{name}: max abs error {worst}"
    );
}

#[test]
fn features_and_logits_are_those_of_pytorch() {
    let cases = [
        ("grey", fixture("grey.safetensors")),
        ("colour", fixture("colour.safetensors")),
        ("fashion-mnist", shipped("fashion-mnist")),
        ("avatars", shipped("avatars")),
    ];
    for (name, bytes) in cases {
        let network = FeatureNetwork::from_bytes(&bytes).unwrap();
        let outputs = fixture(&format!("{name}-outputs.safetensors"));
        let outputs = SafeTensors::deserialize(&outputs).unwrap();
        let (shape, images) = tensor(&outputs, "images");
        let shape: [usize; 4] = shape.try_into().unwrap();
        let (_, features) = tensor(&outputs, "features");
        let (_, logits) = tensor(&outputs, "logits");
        agrees(name, &network.features(&images, shape).unwrap(), &features);
        agrees(name, &network.logits(&images, shape).unwrap(), &logits);
        assert_eq!(network.dimension(), features.len() / shape[0]);
        assert_eq!(network.classes(), logits.len() / shape[0]);
        assert_eq!(network.in_channels(), shape[1]);
        assert!(features.iter().any(|v| *v > 0.01), "{name}: dead features");
    }
}

#[test]
fn the_classifiers_that_are_shipped_are_small_and_say_how_good_they_are() {
    for name in ["fashion-mnist", "avatars"] {
        let bytes = shipped(name);
        assert!(bytes.len() <= 2 << 20, "{name}");
        let network = FeatureNetwork::from_bytes(&bytes).unwrap();
        let about = |key: &str| network.metadata()[key].as_str();
        for key in ["architecture", "data", "command"] {
            assert!(!about(key).is_empty(), "{name}: {key}");
        }
        let accuracy = about("accuracy").split(' ').next().unwrap();
        let accuracy: f64 = accuracy.parse().unwrap();
        assert!((0.9..=1.0).contains(&accuracy), "{name}: {accuracy}");
    }
}

/// `[C, H, W]` after one 3×3 convolution with padding 1 and its ReLU, loop by loop.
fn convolved(
    (shape, values): &([usize; 3], Vec<f32>),
    file: &SafeTensors,
    layer: usize,
    stride: usize,
) -> ([usize; 3], Vec<f32>) {
    let [inputs, height, width] = *shape;
    let (of, weight) = tensor(file, &format!("conv.{layer}.weight"));
    let (_, bias) = tensor(file, &format!("conv.{layer}.bias"));
    let shape = [of[0], height.div_ceil(stride), width.div_ceil(stride)];
    let mut result = Vec::new();
    for (o, bias) in bias.iter().enumerate() {
        for at in 0..shape[1] * shape[2] {
            let (top, left) = (at / shape[2] * stride, at % shape[2] * stride);
            let mut sum = *bias;
            for tap in 0..inputs * 9 {
                let (i, y, x) = (tap / 9, top + tap % 9 / 3, left + tap % 3);
                if (1..=height).contains(&y) && (1..=width).contains(&x) {
                    let value = values[(i * height + y - 1) * width + x - 1];
                    sum += weight[o * inputs * 9 + tap] * value;
                }
            }
            result.push(sum.max(0.0));
        }
    }
    (shape, result)
}

#[test]
fn every_stride_and_the_smallest_images_are_those_of_plain_loops() {
    let bytes = fixture("grey.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (first, second) in [(1, 1), (2, 1), (1, 4), (3, 2), (4, 3)] {
        let metadata = [("strides".to_string(), format!("{first},{second}"))].into();
        let bytes = safetensors::serialize(file.iter(), Some(metadata)).unwrap();
        let network = FeatureNetwork::from_bytes(&bytes).unwrap();
        for (height, width) in (1..8).flat_map(|h| (1..8).map(move |w| (h, w))) {
            let image: Vec<f32> = (0..height * width)
                .map(|i| (i as f32 * 0.7).sin())
                .collect();
            let maps = ([1, height, width], image.clone());
            let maps = convolved(&maps, &file, 0, first);
            let (shape, values) = convolved(&maps, &file, 1, second);
            let each = values.chunks_exact(shape[1] * shape[2]);
            let means: Vec<f32> = each
                .map(|map| map.iter().sum::<f32>() / map.len() as f32)
                .collect();
            let found = network.features(&image, [1, 1, height, width]).unwrap();
            agrees(
                &format!("{height} × {width}, strides {first} and {second}"),
                &found,
                &means,
            );
        }
    }
}

#[test]
fn files_that_are_no_classifier_are_refused_by_name() {
    let good = fixture("grey.safetensors");
    let file = SafeTensors::deserialize(&good).unwrap();
    // The good file with some tensors replaced or left out, and other strides.
    let changed = |change: &[(&str, Replacement)], strides: &str| {
        let zeros = vec![0; 1 << 12];
        let mut views: Vec<(&str, TensorView)> = file
            .iter()
            .filter(|(name, _)| change.iter().all(|(other, _)| other != name))
            .collect();
        for (name, new) in change {
            if let Some((dtype, shape)) = new {
                let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
                let view = TensorView::new(*dtype, shape.clone(), &zeros[..bytes]).unwrap();
                views.push((name, view));
            }
        }
        let metadata = [("strides".to_string(), strides.to_string())].into();
        safetensors::serialize(views, Some(metadata)).unwrap()
    };
    let refused = |bytes: &[u8], words: &[&str]| {
        let error = FeatureNetwork::from_bytes(bytes).unwrap_err();
        let text = error.to_string();
        assert!(
            words.iter().all(|word| text.contains(word)) && !text.contains('\n'),
            "{text}"
        );
    };
    let f32_of = |shape: &[usize]| Some((Dtype::F32, shape.to_vec()));
    assert!(FeatureNetwork::from_bytes(&changed(&[], "2,1")).is_ok());
    refused(b"", &["empty"]);
    refused(b"<html>", &["web page"]);
    refused(
        &changed(&[], "2"),
        &["linear.weight", "expected [any, 3]", "[3, 4]"],
    );
    refused(
        &changed(&[], "2,1,1"),
        &["conv.2.weight", "missing", "3 convolutions"],
    );
    for strides in ["", "2,x", "0,1", "2,5", "-1,1"] {
        refused(&changed(&[], strides), &["strides", strides]);
    }
    refused(
        &changed(&[("linear.bias", None)], "2,1"),
        &["linear.bias", "missing"],
    );
    refused(
        &changed(&[("conv.1.weight", f32_of(&[4, 2, 3, 3]))], "2,1"),
        &["conv.1.weight", "[any, 3, 3, 3]", "[4, 2, 3, 3]"],
    );
    refused(
        &changed(&[("conv.0.weight", f32_of(&[0, 1, 3, 3]))], "2,1"),
        &["conv.0.weight", "[0, 1, 3, 3]"],
    );
    refused(
        &changed(&[("conv.0.weight", f32_of(&[3, 9]))], "2,1"),
        &["conv.0.weight", "[3, 9]"],
    );
    refused(
        &changed(&[("more", f32_of(&[1]))], "2,1"),
        &["more", "not part"],
    );
    refused(
        &changed(&[("linear.bias", Some((Dtype::I64, vec![3])))], "2,1"),
        &["linear.bias", "I64"],
    );

    let network = FeatureNetwork::from_bytes(&good).unwrap();
    for shape in [[1, 3, 8, 8], [2, 1, 8, 8], [0, 1, 8, 8]] {
        let error = network.features(&[0.0; 64], shape).unwrap_err();
        assert!(error.to_string().starts_with("images: "), "{error}");
    }
}
