#!/bin/sh
# Trains a model of www/models from nothing, as its card (README.md) tells: the commands that made the weights there, when
# time steps were still drawn uniformly.
#
#   cargo build --release
#   sudo apt-get install dataset-fashion-mnist    # for fashion-mnist
#   npm ci                                        # for avatars and faces
#   tools/train_models.sh fashion-mnist|avatars|faces [OPTION...]
#
# The model appears in runs/NAME. Run again, it goes on from the last checkpoint there, with the options that the run was
# begun with, whoever began it. It takes hours on two CPU cores;
# `--device gpu` trains on the graphics card. Faces begin with the weights of avatars.
set -eu
cd "$(dirname "$0")/.."
name=${1:-}
case $name in
    fashion-mnist | avatars | faces) shift ;;
    *)
        echo "train_models.sh: expected fashion-mnist, avatars or faces, found '$name'" >&2
        exit 2
        ;;
esac
out=runs/$name

alone="--config www/models/$name/config.json --prediction v_prediction --lr 1e-3 --warmup 500 --ema 0.999"
case $name in
    fashion-mnist)
        images="--data /usr/share/datasets/fashion-mnist"
        new="$alone --optimizer muon --loss min-snr --batch 64 --steps 16000 --decay-steps 9000"
        ;;
    avatars)
        node tools/make_avatars.mjs --out data/avatars
        images="--data data/avatars"
        new="$alone --optimizer adam --loss simple --batch 128 --steps 12933 --decay-steps 9933"
        ;;
    faces)
        node tools/make_faces.mjs --out data/faces
        images="--data data/faces --labels folders"
        new="--init www/models/avatars --scheduler www/models/faces/scheduler_config.json --optimizer adam --loss simple --batch 32 --lr 6e-4 --warmup 200 --ema 0.999 --steps 9000 --decay-steps 5000"
        ;;
esac
if [ -f "$out/checkpoint.safetensors" ]; then new=--resume; fi
# Both are lists of options.
# shellcheck disable=SC2086
exec target/release/ddim-web train --out "$out" $images $new "$@"
