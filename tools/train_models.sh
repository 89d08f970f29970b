#!/bin/sh
# Trains a model of www/models from nothing, as its card (README.md) tells: the commands that made the weights there.
#
#   python3 -m venv venv && venv/bin/pip install -r tools/requirements.txt
#   sudo apt-get install dataset-fashion-mnist    # for fashion-mnist
#   npm ci                                        # for avatars
#   tools/train_models.sh fashion-mnist|avatars [PYTHON]
#
# The model appears in runs/NAME; PYTHON is venv/bin/python if not given. Run again, it goes on from its last
# checkpoint. It takes a few hours on two CPU cores.
set -eu
name=${1:?expected fashion-mnist or avatars}
python=${2:-venv/bin/python}
config=www/models/$name/config.json
cd "$(dirname "$0")/.."
case $name in
    fashion-mnist | avatars) ;;
    *)
        echo "train_models.sh: expected fashion-mnist or avatars, found $name" >&2
        exit 2
        ;;
esac
mkdir -p runs

train() {
    "$python" tools/train_twin.py "$@" --bf16 --compile
}

# The first run predicts the noise and normalises every channel of the finest level alone.
eps=runs/$name-eps
sed 's/"norm_num_groups": 8/"norm_num_groups": 32/' "$config" > "$eps.json"
second="--prediction v_prediction --steps 3200 --decay-steps 1700 --warmup 20 --ema 0.999"
case $name in
    fashion-mnist)
        train --out "$eps" --config "$eps.json" --steps 3400 --decay-steps 1400
        train --out "$eps" --config "$eps.json" --steps 7000 --decay-steps 2500 --lr 5e-4 --warmup 1
        train --out "runs/$name" --config "$config" --init "$eps" $second
        ;;
    avatars)
        node tools/make_avatars.mjs --out data/avatars
        train --data data/avatars --out "$eps" --config "$eps.json" --steps 6000 --decay-steps 2500
        train --data data/avatars --out "runs/$name" --config "$config" --init "$eps" $second
        ;;
esac
