//! Kernels as text: no device is needed for these.

use std::collections::BTreeMap;

use serde_json::json;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::maker::Dice;
use super::{convolution, style};
use crate::engine::Storage;
use crate::engine::plan::{ALIGNMENT, Plan};
use crate::engine::webgpu::conv::CONV;
use crate::engine::webgpu::draft::{
    ACTIVATION, BINDINGS, Draft, Drafter, INPUT, LINEAR, MIX, NORMALISE, NORMALISE_CHANNELS,
    SCORES, STEP,
};
use crate::engine::webgpu::layout::{Lanes, Places, Shelves};
use crate::engine::webgpu::template::Template;
use crate::engine::webgpu::tile::TILES;
use crate::unet::config::UnetConfig;

/// Everything in kernels/.
const ALL: [&Template; 10] = [
    &ACTIVATION,
    &BINDINGS,
    &CONV,
    &INPUT,
    &LINEAR,
    &MIX,
    &NORMALISE,
    &NORMALISE_CHANNELS,
    &SCORES,
    &STEP,
];

/// The names that the template declares, and which of them are conditions.
fn names(template: &Template) -> Vec<(&'static str, bool)> {
    let lines = || template.text.lines().map(str::trim);
    let is_condition = |name: &str| {
        let tested = lines().filter_map(|line| line.strip_prefix("#if "));
        let mut tested = tested.map(|condition| condition.trim_start_matches('!'));
        tested.any(|tested| tested == name)
    };
    lines()
        .filter_map(|line| line.strip_prefix("#names "))
        .flat_map(str::split_whitespace)
        .map(|name| (name, is_condition(name)))
        .collect()
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn every_kernel_is_tested() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine/webgpu/kernels");
    let files = std::fs::read_dir(folder).unwrap();
    // Those that training alone has are in a folder of their own.
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|file| file.is_file());
    let mut files: Vec<String> = files
        .map(|file| file.file_name().unwrap().to_str().unwrap().into())
        .collect();
    files.sort();
    assert_eq!(files, ALL.map(|template| template.file));
}

#[test]
fn every_kernel_renders_in_every_combination_of_its_conditions() {
    for template in ALL {
        let names = names(template);
        let conditions = names.iter().filter(|(_, condition)| *condition).count();
        for combination in 0..1usize << conditions {
            let mut bits = (0..).map(|i| combination >> i & 1);
            let numbers: Vec<(&str, usize)> = names
                .iter()
                .map(|(name, condition)| match condition {
                    true => (*name, bits.next().unwrap()),
                    false => (*name, 3),
                })
                .collect();
            let code = template.render(&numbers).unwrap();
            assert!(!code.contains(['$', '#']), "{numbers:?}: {code}");
        }
    }
}

/// Plans with everything that a kernel is told about: convolutions of every kind, and networks.
fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for seed in 0..40 {
        let (maker, _) = convolution(seed, seed % 2 == 0);
        plans.push(maker.plan);
    }
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let groups = dice.pick(&[1, 3, 4]);
        let config = json!({
            "sample_size": [6, 10], "in_channels": 3, "out_channels": 3, "layers_per_block": 1,
            "center_input_sample": dice.pick(&[true, false]), "norm_num_groups": groups,
            "block_out_channels": [groups * dice.between(1, 5), groups * dice.between(1, 5)],
            "attention_head_dim": null, "num_class_embeds": dice.pick(&[None, Some(3)]), "freq_shift": 0.25,
            "act_fn": dice.pick(&["silu", "mish", "gelu", "relu"]),
            "resnet_time_scale_shift": dice.pick(&["default", "scale_shift"]),
            "down_block_types": [dice.pick(&["AttnDownBlock2D", "ResnetDownsampleBlock2D"]), "DownBlock2D"],
            "up_block_types": ["UpBlock2D", dice.pick(&["AttnUpBlock2D", "ResnetUpsampleBlock2D"])],
        });
        let config = UnetConfig::from_json(&config.to_string()).unwrap();
        plans.push(Plan::trained(&config).unwrap());
    }
    plans
}

/// Those of all plans, with one bank and with as many as there may be.
fn drafts() -> impl Iterator<Item = Draft> {
    plans().into_iter().enumerate().flat_map(|(i, plan)| {
        let lanes = Lanes::new(&plan);
        let longest = Places::new(&plan, &lanes, 0).err().unwrap();
        let places = [usize::MAX, longest.next_multiple_of(ALIGNMENT)]
            .map(|most| Places::new(&plan, &lanes, most).ok().unwrap());
        let shelves = Shelves::new(&plan, &lanes, usize::MAX);
        let mut drafts = Vec::new();
        for (j, tile) in TILES.iter().enumerate() {
            let storage = [Storage::F32, Storage::F16][(i + j) % 2];
            let drafter = Drafter {
                plan: &plan,
                lanes: &lanes,
                places: &places[(i + j / 2) % 2],
                batch: 2,
                style: style(tile, storage, (i + j) % 3 == 0),
                masters: false,
            };
            drafts.extend(drafter.all(&shelves.ops));
        }
        drafts
    })
}

#[test]
fn a_kernel_that_sees_one_bank_knows_of_no_other() {
    let mut most = 0;
    for draft in drafts() {
        let code = draft.code().unwrap();
        let count = draft.banks.len();
        let numbered = (10..20).filter(|n| code.contains(&format!("arena{n}")));
        assert_eq!(numbered.count(), count - 1, "{code}");
        let named = code.matches("arena").count();
        let plain = code.matches("arena[").count() + code.matches("> arena:").count();
        assert_eq!(named == plain, count == 1, "{code}");
        most = most.max(count);
    }
    assert!(most >= 3);
}

#[test]
fn whoever_uses_a_kernel_gives_it_what_it_takes() {
    // Of every condition whether it was seen not to hold, and to hold.
    let mut seen: BTreeMap<(&str, &str), [bool; 2]> = BTreeMap::new();
    for draft in drafts() {
        draft.code().unwrap();
        for (template, numbers) in draft.parts() {
            for (name, number) in numbers {
                let holds = usize::from(number != 0);
                seen.entry((template.file, name)).or_default()[holds] = true;
            }
        }
    }
    for template in ALL {
        for (name, condition) in names(template) {
            if ["TRANSPOSED", "INSERT", "SECOND"].contains(&name) {
                // Training alone sets them.
                continue;
            }
            let seen = seen[&(template.file, name)];
            assert!(seen[1], "{}: {name} is always 0", template.file);
            assert!(
                seen[0] || !condition,
                "{}: {name} is never 0",
                template.file
            );
        }
    }
}

/// What a device's compiler would say.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn every_kernel_is_correct_wgsl() {
    use wgpu::naga;
    let codes: std::collections::BTreeSet<String> =
        drafts().map(|draft| draft.code().unwrap()).collect();
    for code in codes {
        let module = naga::front::wgsl::parse_str(&code)
            .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&code)));
        let capabilities = naga::valid::Capabilities::SHADER_FLOAT16;
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities)
            .validate(&module)
            .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&code)));
    }
}
