//! Files that are not what they should be: one line that names the thing, never a panic.

use ddim_web::engine::CpuEngine;
use ddim_web::engine::plan::Plan;
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::{WeightsError, remarks, tensors};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::fixture::{GREY_28, NO_MIDDLE};
use crate::{rule, test};

fn refusal(config: &str, weights: &[u8]) -> String {
    let error = CpuEngine::load(config, weights)
        .err()
        .expect("this must be refused");
    let text = error.to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    text
}

test!(a_long_list_of_tensors_is_cut_to_its_first_few, async {
    let specs = Plan::expected_tensors(&NO_MIDDLE.unet_config()).unwrap();
    let long = "x".repeat(5_000);
    let file: Vec<(String, TensorView)> = specs
        .iter()
        .enumerate()
        .map(|(i, spec)| {
            let name = format!("{long}{i}.{}", spec.name);
            (name, TensorView::new(Dtype::F32, vec![0], &[]).unwrap())
        })
        .collect();
    let weights = safetensors::serialize(file, None).unwrap();
    let text = refusal(NO_MIDDLE.config, &weights);
    let more = format!("and {} more", specs.len() - 2);
    assert!(
        text.chars().count() <= 500,
        "{} letters",
        text.chars().count()
    );
    assert_eq!(text.matches(&more).count(), 2, "{text}");
});

test!(
    a_prefix_that_all_tensors_share_is_left_out_and_that_is_said,
    async {
        let config = GREY_28.unet_config();
        let expected = Plan::expected_tensors(&config).unwrap();
        let plain = rule::weights(&config);
        assert!(remarks(&plain).is_empty());
        for prefix in ["_orig_mod.", "module.", "module._orig_mod.", "model.unet."] {
            let mut wrapped = rule::tensors(&config);
            for tensor in &mut wrapped {
                tensor.name = format!("{prefix}{}", tensor.name.replace("to_q", "query"));
            }
            let file = rule::file(&wrapped);
            let told = remarks(&file);
            assert!(
                matches!(&told[..], [one] if one.contains(&format!(" {prefix} "))),
                "{told:?}"
            );
            assert!(tensors(&expected, &file).unwrap() == tensors(&expected, &plain).unwrap());

            // One tensor without it: nothing is left out, and the line stays short.
            wrapped[5].name = "conv_out.other".into();
            let mixed = rule::file(&wrapped);
            assert!(remarks(&mixed).is_empty());
            let text = refusal(GREY_28.config, &mixed);
            assert!(text.chars().count() <= 500, "{text}");
        }
    }
);

test!(
    a_sample_size_that_the_network_cannot_halve_is_refused_at_once,
    async {
        let text = (GREY_28.config).replace("\"sample_size\": 28", "\"sample_size\": [28, 30]");
        assert_ne!(text, GREY_28.config);
        let error = UnetConfig::from_json(&text).unwrap_err().to_string();
        assert!(
            error.contains("sample_size: expected multiples of 4") && error.contains("[28,30]"),
            "{error}"
        );
    }
);

test!(block_names_of_the_first_diffusers_are_todays, async {
    let old = NO_MIDDLE
        .config
        .replace("DownBlock2D", "UNetResDownBlock2D");
    assert_ne!(old, NO_MIDDLE.config);
    assert_eq!(
        UnetConfig::from_json(&old).unwrap(),
        NO_MIDDLE.unet_config()
    );
});

test!(damaged_weights_files_are_named_as_such, async {
    let whole = rule::weights(&NO_MIDDLE.unet_config());
    let mut huge_header = whole.clone();
    huge_header[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    let cases: [(&[u8], &str); 7] = [
        (&[], "an empty file"),
        (&whole[..whole.len() / 2], "truncated or damaged"),
        (&whole[..5], "safetensors"),
        (&huge_header, "header length of 1152921504606846976"),
        (b"<!doctype html><title>404</title>", "a web page (HTML)"),
        (b"PK\x03\x04torch", "a PyTorch file"),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "Git LFS pointer",
        ),
    ];
    for (bytes, words) in cases {
        let text = refusal(NO_MIDDLE.config, bytes);
        assert!(text.contains(words), "expected “{words}” in: {text}");
    }
});

test!(
    every_prefix_of_a_weights_file_is_refused_without_a_panic,
    async {
        let whole = rule::weights(&NO_MIDDLE.unet_config());
        for end in (0..300).chain((300..whole.len()).step_by(40_009)) {
            refusal(NO_MIDDLE.config, &whole[..end]);
        }
    }
);

test!(
    missing_extra_and_misshapen_tensors_are_all_named_at_once,
    async {
        let mut tensors = rule::tensors(&NO_MIDDLE.unet_config());
        let removed = tensors.remove(3).name;
        let twin = tensors
            .iter_mut()
            .find(|t| t.name == "conv_out.bias")
            .unwrap();
        twin.shape = vec![3, 1];
        tensors
            .iter_mut()
            .find(|t| t.name == "conv_in.bias")
            .unwrap()
            .name = "conv_in.surprise".into();
        let text = refusal(NO_MIDDLE.config, &rule::file(&tensors));
        for part in [
            removed.as_str(),
            "conv_in.bias",
            "conv_in.surprise",
            "conv_out.bias expected [3] found [3, 1]",
        ] {
            assert!(text.contains(part), "expected “{part}” in: {text}");
        }
    }
);

test!(numbers_that_are_not_finite_are_found, async {
    let mut tensors = rule::tensors(&NO_MIDDLE.unet_config());
    let bias = tensors
        .iter_mut()
        .find(|t| t.name == "conv_in.bias")
        .unwrap();
    bias.bytes[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    let text = refusal(NO_MIDDLE.config, &rule::file(&tensors));
    assert!(
        text.contains("conv_in.bias") && text.contains("NaN") && text.contains("element 2"),
        "{text}"
    );
});

test!(element_types_other_than_floats_are_named, async {
    let mut tensors = rule::tensors(&NO_MIDDLE.unet_config());
    let bias = tensors
        .iter_mut()
        .find(|t| t.name == "conv_in.bias")
        .unwrap();
    bias.dtype = Dtype::I32;
    let text = refusal(NO_MIDDLE.config, &rule::file(&tensors));
    assert!(
        text.contains("conv_in.bias") && text.contains("I32"),
        "{text}"
    );
});

test!(
    half_precision_and_old_attention_names_load_the_same_network,
    async {
        let config = GREY_28.unet_config();
        let expected = Plan::expected_tensors(&config).unwrap();
        let values = |bytes: &[u8]| -> Vec<f32> {
            bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect()
        };
        let read_back = |bytes: Vec<u8>| tensors(&expected, &bytes).unwrap();
        for (dtype, round) in [
            (
                Dtype::F16,
                (|v| f16::from_f32(v).to_le_bytes()) as fn(f32) -> [u8; 2],
            ),
            (Dtype::BF16, |v| bf16::from_f32(v).to_le_bytes()),
        ] {
            let mut halves = rule::tensors(&config);
            let mut rounded = rule::tensors(&config);
            for (half, full) in halves.iter_mut().zip(&mut rounded) {
                half.dtype = dtype;
                half.bytes = values(&half.bytes).into_iter().flat_map(round).collect();
                let widen = |b: &[u8]| match dtype {
                    Dtype::F16 => f16::from_le_bytes([b[0], b[1]]).to_f32(),
                    _ => bf16::from_le_bytes([b[0], b[1]]).to_f32(),
                };
                full.bytes = half
                    .bytes
                    .chunks_exact(2)
                    .flat_map(|b| widen(b).to_le_bytes())
                    .collect();
                for (new, old) in [
                    ("to_q", "query"),
                    ("to_k", "key"),
                    ("to_v", "value"),
                    ("to_out.0", "proj_attn"),
                ] {
                    half.name = half.name.replace(new, old);
                }
            }
            assert!(halves.iter().any(|t| t.name.contains("proj_attn")));
            assert_eq!(
                read_back(rule::file(&halves)),
                read_back(rule::file(&rounded))
            );
        }
    }
);

#[cfg(feature = "burn")]
test!(saved_weights_are_what_was_loaded, async {
    use burn::tensor::Device;
    use ddim_web::unet::Unet;
    use ddim_web::unet::weights::Precision;
    let config = GREY_28.unet_config();
    let unet = Unet::from_safetensors(&config, &rule::weights(&config), &Device::flex()).unwrap();
    let saved = unet.to_safetensors(Precision::F32).unwrap();
    let file = safetensors::SafeTensors::deserialize(&saved).unwrap();
    for tensor in rule::tensors(&config) {
        let view = file.tensor(&tensor.name).unwrap();
        assert_eq!(
            (view.shape(), view.data()),
            (tensor.shape.as_slice(), tensor.bytes.as_slice()),
            "{}",
            tensor.name
        );
    }
    assert_eq!(file.len(), rule::tensors(&config).len());
    let half = unet.to_safetensors(Precision::F16).unwrap();
    assert!(Unet::from_safetensors(&config, &half, &Device::flex()).is_ok());
});

test!(
    a_tensor_under_its_old_and_its_new_name_at_once_is_extra,
    async {
        let mut tensors = rule::tensors(&GREY_28.unet_config());
        let mut twins = rule::tensors(&GREY_28.unet_config());
        let at = twins
            .iter()
            .position(|t| t.name.ends_with("to_q.bias"))
            .unwrap();
        let mut old = twins.swap_remove(at);
        old.name = old.name.replace("to_q", "query");
        let name = old.name.clone();
        tensors.push(old);
        let text = refusal(GREY_28.config, &rule::file(&tensors));
        assert!(
            text.contains(&format!("not part of this network: {name}")),
            "{text}"
        );
    }
);

test!(weights_errors_compare_by_what_they_say, async {
    let expected = Plan::expected_tensors(&NO_MIDDLE.unet_config()).unwrap();
    let error = tensors(&expected, b"").err();
    assert_eq!(
        error,
        Some(WeightsError::NotSafetensors("an empty file".into()))
    );
});

test!(
    impossible_configurations_are_refused_with_the_fields_name,
    async {
        let edit = |key: &str, value: &str| {
            let mut object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(GREY_28.config).unwrap();
            match value {
                "" => object.remove(key),
                text => object.insert(key.into(), serde_json::from_str(text).unwrap()),
            };
            serde_json::to_string(&object).unwrap()
        };
        let cases = [
            ("block_out_channels", ""),
            ("block_out_channels", "[]"),
            ("block_out_channels", "[32, -64, 64]"),
            ("block_out_channels", "[1e300]"),
            ("down_block_types", ""),
            ("down_block_types", r#"["DownBlock2D"]"#),
            (
                "down_block_types",
                r#"["DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]"#,
            ),
            (
                "up_block_types",
                r#"["UpBlock2D", "SkipUpBlock2D", "UpBlock2D"]"#,
            ),
            ("mid_block_type", r#""UNetMidBlock2DCrossAttn""#),
            ("norm_num_groups", "0"),
            ("norm_num_groups", "7"),
            ("norm_num_groups", "null"),
            ("attention_head_dim", "0"),
            ("attention_head_dim", "65"),
            ("layers_per_block", "18446744073709551615"),
            ("in_channels", "-1"),
            ("sample_size", "[28]"),
            ("sample_size", "0"),
            ("downsample_padding", "3"),
            ("downsample_type", r#""fir""#),
            ("act_fn", r#""tanh""#),
            ("time_embedding_type", r#""learned""#),
            ("resnet_time_scale_shift", r#""spatial""#),
            ("class_embed_type", r#""timestep""#),
            ("freq_shift", "16"),
            ("norm_eps", "-1"),
            ("dropout", "1"),
            ("_class_name", r#""UNet2DConditionModel""#),
        ];
        for (key, value) in cases {
            let text = refusal(&edit(key, value), b"");
            assert!(
                text.starts_with("config.json: ") && text.contains(key),
                "{key} = {value}: {text}"
            );
        }
        assert!(refusal("not json", b"").starts_with("config.json: not a JSON object"));
        assert!(refusal("[1]", b"").starts_with("config.json: not a JSON object"));
    }
);

test!(
    unknown_keys_are_kept_and_a_written_config_reads_the_same,
    async {
        let text = GREY_28
            .config
            .replacen('{', r#"{"favourite_colour": "blue", "#, 1);
        let config = UnetConfig::from_json(&text).unwrap();
        assert_eq!(config.unknown_keys, ["favourite_colour"]);
        for fixture in [
            crate::fixture::SCALE_SHIFT,
            crate::fixture::FOURIER,
            crate::fixture::CLASSES,
            crate::fixture::CIFAR10,
        ] {
            let config = fixture.unet_config();
            assert_eq!(config.unknown_keys, [""; 0]);
            assert_eq!(UnetConfig::from_json(&config.to_json()).unwrap(), config);
        }
        // As diffusers has it: one number for a square.
        for (size, written) in [([8, 8], "8"), ([8, 16], "[8,16]")] {
            let mut config = crate::fixture::FOURIER.unet_config();
            config.sample_size = Some(size);
            let file: serde_json::Value = serde_json::from_str(&config.to_json()).unwrap();
            assert_eq!(file["sample_size"].to_string(), written);
        }
    }
);
