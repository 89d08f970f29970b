#!/usr/bin/env python3
"""Pictures that a model was not trained on, side by side in one PNG, for the page's view Reconstruct.

    venv/bin/python tools/make_samples.py www/models/fashion-mnist --idx /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz
    venv/bin/python tools/make_samples.py www/models/avatars --folder data/avatars-test
    venv/bin/python tools/make_samples.py www/models/faces --folder data/faces-test

Writes samples.png into the model's folder. The first pictures are taken; small ones are put on black as in training.
models/index.json says how many there are and whose they are (`samples`).
"""
import json

from PIL import Image

from pictures import fitted, parser_for, real

COUNT = 12


def main():
    parser = parser_for(__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    arguments = parser.parse_args()

    config = json.loads((arguments.model / "config.json").read_text())
    size, mode = config["sample_size"], "RGB" if config["in_channels"] == 3 else "L"
    side = size if isinstance(size, int) else size[0]
    sheet = Image.new(mode, (side * arguments.count, side))
    for i, picture in enumerate(real(arguments, arguments.count)):
        sheet.paste(fitted(picture, mode, side), (side * i, 0))
    sheet.save(arguments.model / "samples.png", optimize=True)


if __name__ == "__main__":
    main()
