//! Diffusion models that are not diffusers' UNet2DModel, known by the names of their tensors and classes: named, and
//! refused with the reason. Nothing is guessed.

/// A family by its tensors: the beginning of a name, after any prefix that ends in a dot, that no UNet2DModel has.
const BY_TENSOR: [(&str, &str); 10] = [
    (
        "model.diffusion_model.",
        "a latent diffusion model (CompVis, Stable Diffusion): it makes latents, which need an autoencoder",
    ),
    (
        "first_stage_model.",
        "a latent diffusion model (CompVis, Stable Diffusion): it makes latents, which need an autoencoder",
    ),
    (
        "down_blocks.0.attentions.0.transformer_blocks.",
        "a UNet2DConditionModel, which is conditioned on texts",
    ),
    (
        "input_blocks.0.0.",
        "a network of OpenAI's guided-diffusion or improved-diffusion, whose blocks are others than UNet2DModel's",
    ),
    (
        "temb.dense.0.",
        "a network of the DDIM paper's own code, whose weights diffusers' convert_ddpm_original_checkpoint_to_diffusers.py rewrites",
    ),
    (
        "init_conv.",
        "a Unet of lucidrains' denoising-diffusion-pytorch, whose blocks are others than UNet2DModel's",
    ),
    (
        "all_modules.0.",
        "a network of score_sde (NCSN++, DDPM++), which is trained on other noise levels",
    ),
    (
        "map_layer0.",
        "a network of EDM (Karras et al.), which is trained on other noise levels",
    ),
    (
        "transformer_blocks.0.",
        "a transformer (DiT), where this program runs convolutional UNets",
    ),
    (
        "quant_conv.",
        "an autoencoder, which is a part of a latent diffusion model",
    ),
];

/// The family of a network with tensors of these names.
pub fn of_tensors<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    let has = |part: &str| {
        names.clone().any(|name| {
            name.starts_with(part)
                || name
                    .match_indices(part)
                    .any(|(at, _)| name[..at].ends_with('.'))
        })
    };
    BY_TENSOR
        .iter()
        .find(|(part, _)| has(part))
        .map(|(_, family)| *family)
}

/// The family of a network whose `config.json` has this `_class_name`.
pub fn of_class(class: &str) -> Option<&'static str> {
    Some(match class {
        "UNet2DConditionModel" => {
            "a UNet2DConditionModel, which is conditioned on texts or other pictures"
        }
        "AutoencoderKL" | "VQModel" | "AutoencoderTiny" => {
            "an autoencoder, which is a part of a latent diffusion model"
        }
        "Transformer2DModel" | "DiTTransformer2DModel" => {
            "a transformer (DiT), where this program runs convolutional UNets"
        }
        "UNet1DModel" => "a UNet1DModel, which makes sounds or sequences",
        "UNet3DConditionModel" | "UNetMotionModel" => "a network that makes films",
        _ => return None,
    })
}

/// The family of a pipeline with these parts (the keys of `model_index.json`).
pub fn of_parts<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    parts.find_map(|part| match part {
        "vae" | "vqvae" | "movq" => {
            Some("a latent diffusion model: it makes latents, which need an autoencoder")
        }
        "text_encoder" | "tokenizer" | "image_encoder" => {
            Some("a pipeline that is conditioned on texts or other pictures")
        }
        _ => None,
    })
}
