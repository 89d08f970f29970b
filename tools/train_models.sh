#!/bin/sh
# Trains a model of www/models from nothing, as its card (README.md) tells: the commands that made the weights there.
#
#   cargo build --release
#   sudo apt-get install dataset-fashion-mnist    # for fashion-mnist
#   npm ci                                        # for avatars and faces
#   tools/train_models.sh fashion-mnist|avatars|faces [OPTION...]
#
# The model appears in runs/NAME. Run again, it goes on from its last checkpoint. It takes hours on two CPU cores;
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

# train OPTION...: begins the run, or goes on with the one that is there.
train() {
    if [ -f "$out/checkpoint.safetensors" ]; then
        target/release/ddim-web train --data "$data" --out "$out" --resume "$@"
    else
        target/release/ddim-web train --data "$data" --out "$out" $new "$@"
    fi
}

alone="--config www/models/$name/config.json --prediction v_prediction --batch 128 --lr 1e-3 --warmup 500 --ema 0.999"
case $name in
    fashion-mnist)
        data=/usr/share/datasets/fashion-mnist
        new="$alone --steps 10678 --decay-steps 7678"
        ;;
    avatars)
        data=data/avatars
        node tools/make_avatars.mjs --out "$data"
        new="$alone --steps 12933 --decay-steps 9933"
        ;;
    faces)
        data=data/faces
        node tools/make_faces.mjs --out "$data"
        new="--labels folders --init www/models/avatars --batch 32 --lr 6e-4 --ema 0.999 --steps @N@ --decay-steps @D@"
        ;;
esac
train "$@"
