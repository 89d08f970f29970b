//! The readers, each with good bytes and the pieces that its format is made of.

use std::borrow::Cow;

use ddim_web::engine::plan::Plan;
use ddim_web::images::ImageSet;
use ddim_web::model_files::pickle::Pickle;
use ddim_web::model_files::zip::Zip;
use ddim_web::model_files::{Needs, fit, layout, outline, read, read_zip, torch};
use ddim_web::sample_file::{self, Sample};
use ddim_web::scheduler::SchedulerConfig;
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights;
use ddim_web::unet::weights_file::WeightsFile;

use crate::layouts::{files_of, zip_of};
use crate::rule;

/// What a reader says of bytes.
pub type Read = Box<dyn Fn(&[u8]) -> Result<(), String>>;

/// A reader under test.
pub struct Target {
    pub name: &'static str,
    pub read: Read,
    pub seeds: Vec<Vec<u8>>,
    pub tokens: Vec<&'static [u8]>,
    /// Bytes that it may have for each of its input.
    pub times: usize,
    /// Bytes that it may have beside them, whatever the input is.
    pub always: usize,
}

/// What every reader may have.
const TEN: usize = 10;
const JSON: [&[u8]; 34] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"null",
    b"true",
    b"false",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1",
    b"0",
    b"1",
    b"2",
    b"3",
    b"8",
    b"1000",
    b"1000000",
    b"4294967296",
    b"1e-5",
    b"0.5",
    b"\\u0000",
    b"\xEF\xBB\xBF",
    b"\"linear\"",
    b"\"sigmoid\"",
    b"\"DownBlock2D\"",
    b"\"AttnDownBlock2D\"",
    b"\"UpBlock2D\"",
    b"\"conv\"",
    b"\"resnet\"",
    b"\"x\": ",
];

fn told<T, E: ToString>(result: Result<T, E>) -> Result<(), String> {
    result.map(|_| ()).map_err(|error| error.to_string())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file of a folder of tests/fixtures/layouts.
fn layout_file(folder: &str, ending: &str) -> Vec<u8> {
    let files = files_of(folder);
    files
        .into_iter()
        .find(|(name, _)| name.ends_with(ending))
        .unwrap()
        .1
}

/// Reads a model of `files` in which `changed` has the bytes under test.
fn model_with(files: Vec<(&'static str, Vec<u8>)>, changed: &'static str) -> Read {
    let mut names: Vec<String> = files.iter().map(|(name, _)| name.to_string()).collect();
    names.push(changed.into());
    Box::new(move |bytes| {
        told(read(&names, &mut |name| {
            let found = files.iter().find(|(file, _)| *file == name);
            Ok(found.map_or(Cow::Borrowed(bytes), |(_, own)| {
                Cow::Borrowed(own.as_slice())
            }))
        }))
    })
}

/// The network that the files of weights under test are for.
const SMALL: &str = include_str!("../fixtures/unet/no-middle.json");

/// What is known of a model before its weights are there, of which `bytes` are the `config.json`.
fn outlined(bytes: &[u8]) -> Result<(), String> {
    let names = ["config.json", "model.safetensors"].map(String::from);
    let outline = outline(&names, &mut |_| Ok(Cow::Borrowed(bytes)));
    let config = outline.map_err(|error| error.to_string())?.config;
    told(Needs::of(&config))
}

/// Where the header of a `.safetensors` file ends, if it does.
fn end_of_header(bytes: &[u8]) -> Option<usize> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    (length <= rest.len()).then(|| 8 + length)
}

/// What is said of a file by its first bytes is what is said of all of it; and what is no file of its network's is named.
fn announced(bytes: &[u8]) -> Result<(), String> {
    let size = Some(bytes.len() as u64);
    let whole = fit(SMALL, &[(bytes, size)]);
    if let Some(end) = end_of_header(bytes) {
        assert_eq!(fit(SMALL, &[(&bytes[..end], size)]), whole);
        // A part of it may be all that has come, of a file whose size nobody knows.
        for part in [0, 8, end / 2] {
            fit(SMALL, &[(&bytes[..part.min(end - 1)], None)]).unwrap_err();
        }
    }
    let named = outline(&["unet.safetensors".into()], &mut |_| {
        Ok(Cow::Borrowed(bytes))
    });
    let twice = fit(SMALL, &[(bytes, size), (bytes, None)]);
    [
        told(named),
        told(twice),
        whole.map(|_| ()).map_err(|error| error.to_string()),
    ]
    .into_iter()
    .fold(Ok(()), Result::and)
}

/// The numbers that are read piece by piece are those that are read at once, and so are refusals.
fn in_pieces(expected: &[weights::TensorSpec], bytes: &[u8]) -> Result<(), String> {
    let file = WeightsFile::new(expected, bytes.into());
    let whole = weights::tensors(expected, bytes);
    let (file, whole) = match (file, whole) {
        (Ok(file), Ok(whole)) => (file, whole),
        (Err(file), Err(whole)) => {
            assert_eq!(file.to_string(), whole.to_string());
            return Err(file.to_string());
        }
        (file, whole) => panic!("{:?} and {:?}", file.err(), whole.err()),
    };
    let same = |file: &WeightsFile, rounded: bool| {
        for (index, spec) in expected.iter().enumerate() {
            let numbers = &whole[&spec.name];
            assert_eq!(file.count(index), numbers.len());
            let mut piece = [0.0; 7];
            for (i, some) in numbers.chunks(piece.len()).enumerate() {
                let piece = &mut piece[..some.len()];
                file.read(index, 7 * i, piece);
                for (found, expected) in piece.iter().zip(some) {
                    let near = half::f16::from_f32(*expected).to_f32();
                    let right = *found == *expected || rounded && *found == near;
                    assert!(right, "{}: {found}, not {expected}", spec.name);
                }
            }
        }
    };
    same(&file, false);
    match file.halve() {
        Ok(halved) => same(&halved, true),
        Err(number) => assert!(number.abs() > half::f16::MAX.to_f32(), "{number}"),
    }
    Ok(())
}

/// The smallest network of which a file has all tensors, which its mutations may still be.
fn tiny_network() -> Vec<weights::TensorSpec> {
    let spec = |name: &str, shape: &[usize]| weights::TensorSpec {
        name: name.into(),
        shape: shape.to_vec(),
    };
    vec![
        spec("conv_in.weight", &[2, 1, 3, 3]),
        spec("conv_in.bias", &[2]),
        spec("mid_block.attentions.0.to_q.weight", &[2, 2]),
    ]
}

/// Files of that network: of 32 bits, of both kinds of 16, and one whose names are old and have a prefix.
fn tiny_files() -> Vec<Vec<u8>> {
    use safetensors::Dtype::{BF16, F16, F32};
    let file = |types: [safetensors::Dtype; 3], prefix: &str| {
        let stored: Vec<rule::Stored> = (tiny_network().iter().zip(types))
            .map(|(spec, dtype)| rule::Stored {
                name: format!("{prefix}{}", spec.name),
                dtype,
                shape: spec.shape.clone(),
                bytes: rule::fill(spec)
                    .into_iter()
                    .flat_map(|v| match dtype {
                        F16 => half::f16::from_f32(v).to_le_bytes().to_vec(),
                        BF16 => half::bf16::from_f32(v).to_le_bytes().to_vec(),
                        _ => v.to_le_bytes().to_vec(),
                    })
                    .collect(),
            })
            .collect();
        rule::file(&stored)
    };
    vec![
        file([F32; 3], ""),
        file([F16, F32, BF16], ""),
        file([BF16, F16, F16], "module."),
    ]
}

pub fn targets() -> Vec<Target> {
    let config = layout_file("flat", "config.json");
    let scheduler = layout_file("flat", "scheduler_config.json");
    let json = JSON.to_vec();
    #[cfg_attr(not(feature = "train"), expect(unused_mut))]
    let mut list = vec![
        Target {
            name: "config",
            read: Box::new(|bytes| told(UnetConfig::from_json(&text(bytes)))),
            seeds: vec![
                config.clone(),
                include_bytes!("../fixtures/unet/cifar10-32.json").to_vec(),
                include_bytes!("../fixtures/unet/fourier.json").to_vec(),
                include_bytes!("../fixtures/unet/scale-shift-heads.json").to_vec(),
            ],
            tokens: json.clone(),
            times: TEN,
            always: 1 << 16,
        },
        Target {
            name: "scheduler",
            read: Box::new(|bytes| told(SchedulerConfig::from_json(&text(bytes)))),
            seeds: vec![
                scheduler.clone(),
                layout_file("sharded", "scheduler_config.json"),
                format!("\"{}\"", "long ".repeat(500)).into_bytes(),
            ],
            tokens: json.clone(),
            // A chain of a million steps, the longest there may be.
            times: TEN,
            always: 64 << 20,
        },
        Target {
            name: "safetensors",
            read: {
                let expected = Plan::expected_tensors(&UnetConfig::from_json(SMALL).unwrap()).unwrap();
                Box::new(move |bytes| {
                    let _ = weights::remarks(bytes);
                    told(weights::tensors(&expected, bytes))
                })
            },
            seeds: vec![small_safetensors(), small_safetensors()[..200].to_vec(), long_names(), tiny_tensors(40)],
            tokens: [&json[..10], &[b"\"F32\"", b"\"F16\"", b"\"I64\"", b"\"data_offsets\"", b"module.", b"[0,0]"]].concat(),
            // Names of a network's tensors, and what is said of those that are missing.
            times: TEN,
            always: 1 << 18,
        },
        Target {
            name: "outline",
            read: Box::new(outlined),
            seeds: vec![config.clone(), include_bytes!("../fixtures/unet/scale-shift-heads.json").to_vec()],
            tokens: [&json[..], &[b"\"sample_size\": ", b"\"layers_per_block\": ", b"\"_class_name\"", b"[8, 8]"]].concat(),
            // The tensors and operations of a network, as large as config.json wants it.
            times: TEN,
            always: 16 << 20,
        },
        Target {
            name: "header",
            read: Box::new(announced),
            seeds: vec![small_safetensors(), small_safetensors()[..200].to_vec(), long_names(), tiny_tensors(40)],
            tokens: [&json[..10], &[b"\"F32\"", b"\"BF16\"", b"\"I64\"", b"\"data_offsets\"", b"module.", b"init_conv.", b"[0,0]"]].concat(),
            times: TEN,
            always: 1 << 18,
        },
        Target {
            name: "pieces",
            read: {
                let expected = tiny_network();
                Box::new(move |bytes| in_pieces(&expected, bytes))
            },
            seeds: tiny_files(),
            tokens: vec![
                b"\"F32\"", b"\"F16\"", b"\"BF16\"", b".to_q.", b".query.", b"module.", b"\x00\x7C", b"\x80\x7F", b"\0\0\x80\x7F",
                b"\xFF\xFF\x7F\x7F",
            ],
            times: TEN,
            always: 1 << 16,
        },
        Target {
            name: "idx",
            read: Box::new(|bytes| told(ImageSet::from_idx(bytes.to_vec()))),
            seeds: vec![[&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4][..], &[7; 32]].concat()],
            tokens: vec![b"\0\0\x08\x01", b"\0\0\0\0", b"\xFF\xFF\xFF\xFF", b"\0\0\x10\0", b"\x1F\x8B"],
            times: TEN,
            always: 1 << 12,
        },
        Target {
            name: "sample",
            read: Box::new(|bytes| told(Sample::read(bytes))),
            seeds: vec![
                sample_file::write(&[0.5; 12], &[1, 3, 2, 2], Default::default()).unwrap(),
                long_names(),
                tiny_tensors(40),
            ],
            tokens: [&json[..10], &[b"\"F32\"", b"\"F16\"", b"\"sample\"", b"[1,3,2,2]"]].concat(),
            times: TEN,
            always: 1 << 16,
        },
        Target {
            name: "pickle",
            read: Box::new(|bytes| told(Pickle::read(bytes))),
            seeds: vec![pickle_of("pipeline"), pickle_of("checkpoint"), pickle_of("hostile")],
            tokens: PICKLE.to_vec(),
            // The most values there may be.
            times: TEN,
            always: 16 << 20,
        },
        Target {
            name: "torch",
            read: Box::new(|bytes| told(torch::read(bytes))),
            seeds: vec![small_torch(), layout_file("hostile", ".bin"), layout_file("legacy", ".bin")],
            tokens: [PICKLE, &[b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"a/data/0", b"data.pkl"]].concat(),
            times: TEN,
            always: 16 << 20,
        },
        Target {
            name: "zip",
            read: Box::new(|bytes| {
                if let Ok(zip) = Zip::new(bytes) {
                    for entry in zip.entries().iter().take(50) {
                        told(zip.read(entry))?;
                    }
                }
                told(read_zip(bytes))
            }),
            seeds: [false, true]
                .map(|deflate| {
                    let files = [
                        ("m/config.json".to_string(), config.clone()),
                        ("m/scheduler_config.json".to_string(), scheduler.clone()),
                        ("m/model.safetensors".to_string(), small_safetensors()[..300].to_vec()),
                    ];
                    zip_of(&files, deflate)
                })
                .to_vec(),
            tokens: vec![
                b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"m/", b"../", b"config.json", b"unet/", b"\x08\0", b"\0\0",
                b"\x01\0",
            ],
            // A text of 64 KiB, and its tree.
            times: TEN,
            always: 1 << 20,
        },
        Target {
            name: "shards",
            read: model_with(
                vec![
                    ("config.json", config.clone()),
                    ("a-00001-of-00002.safetensors", small_safetensors()[..0].to_vec()),
                ],
                "a.safetensors.index.json",
            ),
            seeds: vec![layout_file("sharded", "index.json"), br#"{"weight_map": {"a": "a-00001-of-00002.safetensors", "b": "b"}}"#.to_vec()],
            tokens: [&json[..16], &[b"\"weight_map\"", b"../", b"\"a-00001-of-00002.safetensors\""]].concat(),
            times: TEN,
            always: 1 << 16,
        },
        Target {
            name: "labels",
            read: model_with(
                vec![("config.json", config.clone()), ("model.safetensors", small_safetensors()[..300].to_vec())],
                "class_labels.json",
            ),
            seeds: vec![br#"{"0": "cat", "1": "dog"}"#.to_vec(), br#"["cat", "dog", "\u00e4"]"#.to_vec()],
            tokens: [&json[..16], &[b"\"0\"", b"\"10000\"", b"\"cat\""]].concat(),
            times: TEN,
            always: 1 << 16,
        },
        Target {
            name: "names",
            read: Box::new(|bytes| {
                let text = text(bytes);
                told(layout::choose(&text.lines().collect::<Vec<_>>()))
            }),
            seeds: vec![
                b"config.json\nscheduler_config.json\ndiffusion_pytorch_model.safetensors".to_vec(),
                b"m/unet/config.json\nm/unet_ema/config.json\nm/unet_ema/a.bin\nm/scheduler/scheduler_config.json".to_vec(),
            ],
            tokens: vec![
                b"/", b"//", b"..", b"\n", b"unet", b"unet_ema/", b"config.json", b".fp16.", b".bin", b".safetensors",
                b".index.json", b"-of-0", b"vae/", b"\xF0\x9F\x98\x80", b"\xC3",
            ],
            times: TEN,
            always: 1 << 16,
        },
    ];
    #[cfg(feature = "train")]
    list.push(Target {
        name: "checkpoint",
        read: Box::new(|bytes| told(ddim_web::train::Checkpoint::from_bytes(bytes))),
        seeds: vec![
            include_bytes!("../fixtures/train/checkpoint-2.safetensors")[..12_000].to_vec(),
            small_checkpoint(),
            tiny_tensors(40),
        ],
        tokens: [
            &json[..16],
            &[
                b"\\\"lr\\\":",
                b"ddim-web checkpoint 1",
                b"ddim-web checkpoint 2",
                b"losses",
                b"\"F32\"",
            ],
        ]
        .concat(),
        // The tensors of a network of the most channels, and its schedule.
        times: TEN,
        always: 64 << 20,
    });
    list
}

/// A file of tensors whose names and sides are more than a line holds.
fn long_names() -> Vec<u8> {
    let view =
        |rank| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![0; rank], &[]);
    let tensors = (0..50).map(|i| (format!("{}{i}", "name".repeat(50)), view(300).unwrap()));
    let tensors = tensors.chain([("sample".to_string(), view(900).unwrap())]);
    safetensors::serialize(tensors.collect::<Vec<_>>(), None).unwrap()
}

/// A file of `count` tensors without a number, each in as few letters as there may be, and of as many texts.
pub fn tiny_tensors(count: usize) -> Vec<u8> {
    let tensors = (0..count).map(|i| {
        let shape = if i % 2 == 0 { "0" } else { "0,0,0,0,0,0,0,0" };
        format!(r#""{i:x}":{{"dtype":"F4","shape":[{shape}],"data_offsets":[0,0]}}"#)
    });
    let texts: Vec<String> = (0..count.min(512))
        .map(|i| format!(r#""{i:x}":"""#))
        .collect();
    let texts = format!(r#""__metadata__":{{{}}}"#, texts.join(","));
    let header = format!(
        "{{{}}}",
        tensors.chain([texts]).collect::<Vec<_>>().join(",")
    );
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

/// A file of the smallest tensors of a network.
fn small_safetensors() -> Vec<u8> {
    let config = UnetConfig::from_json(include_str!("../fixtures/unet/no-middle.json")).unwrap();
    let mut tensors = rule::tensors(&config);
    tensors.retain(|tensor| tensor.bytes.len() <= 256);
    rule::file(&tensors)
}

/// The pickle in a file of PyTorch.
fn pickle_of(folder: &str) -> Vec<u8> {
    let ending = if folder == "checkpoint" {
        "model.pt"
    } else {
        ".bin"
    };
    let bytes = layout_file(folder, ending);
    let zip = Zip::new(&bytes).unwrap();
    let entry = zip
        .entries()
        .iter()
        .find(|entry| entry.name.ends_with("data.pkl"))
        .unwrap();
    zip.read(entry).unwrap().into_owned()
}

/// Two tensors, one of them turned around.
fn small_torch() -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    for (name, stride) in [(b"aa", b"K\x04K\x01"), (b"bb", b"K\x01K\x02")] {
        pickle.extend(b"X\x02\0\0\0");
        pickle.extend(name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000NK\x08tQK\0K\x02K\x04\x86");
        pickle.extend(stride);
        pickle.extend(b"\x86\x89NtR");
    }
    pickle.extend(b"u.");
    let files = [
        ("a/data.pkl".to_string(), pickle),
        ("a/data/0".to_string(), vec![0; 32]),
    ];
    zip_of(&files, false)
}

#[cfg(feature = "train")]
fn small_checkpoint() -> Vec<u8> {
    let header = r#"{"config":"{}","scheduler":"{}","step":0,"options":{},"data":{"count":1,"shape":[1,8,8],"fingerprint":1},"hash":0}"#;
    let metadata = [("ddim-web checkpoint 1".to_string(), header.to_string())];
    let none: [(String, safetensors::tensor::TensorView<'_>); 0] = [];
    safetensors::serialize(none, Some(metadata.into())).unwrap()
}

const PICKLE: &[&[u8]] = &[
    b"\x80\x02",
    b"\x95\0\0\0\0\0\0\0\0",
    b"(",
    b".",
    b"0",
    b"1",
    b"N",
    b"\x88",
    b"K\x01",
    b"M\0\x01",
    b"J\xFF\xFF\xFF\xFF",
    b"\x8a\x01\x01",
    b"X\x01\0\0\0a",
    b"\x8c\x01a",
    b"]",
    b")",
    b"}",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"a",
    b"e",
    b"s",
    b"u",
    b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nFloatStorage\n",
    b"cos\nsystem\n",
    b"R",
    b"\x81",
    b"Q",
    b"b",
    b"q\0",
    b"q\x01",
    b"h\0",
    b"h\x01",
    b"r\0\0\0\0",
    b"j\0\0\0\0",
    b"\x94",
    b"\x93",
];
