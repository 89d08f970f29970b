#!/usr/bin/env python3
"""Small pictures in the kinds of file that Pillow writes and the page's tests do not, for tests/fixtures/pictures/.

    python3 -m venv venv && venv/bin/pip install pillow==13.0.0 pillow-heif==1.8.1
    venv/bin/python tools/make_picture_fixtures.py

All show the same 16 x 16 pixels, black on the left and white on the right; the animation goes on with a black frame,
and in the one with alpha what would be black is transparent and hides magenta.
"""
from pathlib import Path

import pillow_heif
from PIL import Image

FOLDER = Path(__file__).parent.parent / "tests/fixtures/pictures"
SIDE = 16


def halves():
    image = Image.new("RGB", (SIDE, SIDE))
    image.paste((255, 255, 255), (SIDE // 2, 0, SIDE, SIDE))
    return image


def with_alpha():
    image = Image.new("RGBA", (SIDE, SIDE), (255, 0, 255, 0))
    image.paste((0, 0, 0, 255), (SIDE // 2, 0, SIDE, SIDE))
    return image


def main():
    pillow_heif.register_heif_opener()
    picture = halves()
    picture.save(FOLDER / "lossless.webp", lossless=True)
    picture.save(FOLDER / "lossy.webp", quality=90)
    with_alpha().save(FOLDER / "alpha.webp", lossless=True, exact=True)
    picture.save(FOLDER / "animated.webp", save_all=True, append_images=[Image.new("RGB", picture.size)], lossless=True)
    picture.save(FOLDER / "halves.avif", quality=90)
    picture.save(FOLDER / "animated.avif", save_all=True, append_images=[Image.new("RGB", picture.size)], quality=90)
    picture.save(FOLDER / "halves.heic", quality=90)


if __name__ == "__main__":
    main()
