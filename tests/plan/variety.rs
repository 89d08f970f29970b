//! That the networks drawn at random are of every kind.

use ddim_web::unet::config::{BlockKind, TimeEmbedding, UnetConfig};

use crate::random::draw;

crate::test!(the_networks_of_the_parity_tests_have_every_feature, async {
    let drawn: Vec<UnetConfig> = (0..crate::parity::NETWORKS)
        .map(|seed| draw(seed).config)
        .collect();
    let attends = |c: &UnetConfig| {
        c.down_blocks.contains(&BlockKind::Attention) || c.up_blocks.contains(&BlockKind::Attention)
    };
    let inner_is_narrower = |c: &UnetConfig| {
        let narrower = |width: &usize| {
            c.attention_head_dim
                .is_some_and(|d| !width.is_multiple_of(d))
        };
        attends(c) && c.block_out_channels.iter().any(narrower)
    };
    type Has<'a> = &'a dyn Fn(&UnetConfig) -> bool;
    let features: [(&str, Has); 20] = [
        ("one level", &|c| c.block_out_channels.len() == 1),
        ("three levels", &|c| c.block_out_channels.len() == 3),
        ("33 x 47", &|c| c.sample_size == Some([33, 47])),
        ("28 x 28", &|c| c.sample_size == Some([28, 28])),
        ("12 x 20", &|c| c.sample_size == Some([12, 20])),
        ("channels that are no multiple of 8", &|c| {
            c.block_out_channels.iter().any(|n| !n.is_multiple_of(8))
        }),
        ("resampling by residual blocks", &|c| {
            c.block_out_channels.len() > 1 && c.down_blocks[0] == BlockKind::Resnet
        }),
        ("strided convolution without padding", &|c| {
            c.downsample_padding == 0
                && c.block_out_channels.len() > 1
                && c.down_blocks[0] == BlockKind::Plain
        }),
        ("attention in a level", &attends),
        ("heads that leave channels out", &inner_is_narrower),
        ("one head", &|c| {
            c.attention_head_dim.is_none() && attends(c)
        }),
        ("groups of their own in the middle's attention", &|c| {
            c.mid_block && c.add_attention && c.attn_norm_num_groups.is_some()
        }),
        ("no middle", &|c| !c.mid_block),
        ("a middle without attention", &|c| {
            c.mid_block && !c.add_attention
        }),
        ("a scaled middle", &|c| {
            c.mid_block && c.mid_block_scale_factor != 1.0
        }),
        ("Fourier features", &|c| {
            c.time_embedding == TimeEmbedding::Fourier
        }),
        ("classes", &|c| c.num_class_embeds.is_some()),
        ("a centred input", &|c| c.center_input_sample),
        ("one group", &|c| c.norm_num_groups == 1),
        ("three groups", &|c| c.norm_num_groups == 3),
    ];
    for (name, has) in features {
        assert!(drawn.iter().any(has), "none has {name}");
    }
    for pair in drawn.iter().map(|c| (c.act_fn, c.time_injection)) {
        let twins = drawn
            .iter()
            .filter(|c| (c.act_fn, c.time_injection) == pair);
        assert!(twins.count() < drawn.len() / 2, "{pair:?} is most of them");
    }
});
