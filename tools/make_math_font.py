#!/usr/bin/env python3
"""The font of the page's equations, www/style/math/math.woff2: STIX Two Math (OFL) with no more than what the page writes.

Roots, brackets and norms keep the taller forms and the pieces they are built of, and the table MATH says how to set them.
The whole font is that of the npm package @fontsource/stix-two-math, as package-lock.json has it:

    npm ci
    python3 -m venv venv && venv/bin/pip install fonttools==4.68.0 brotli==1.2.0
    venv/bin/python tools/make_math_font.py

A sign that is missing is found by tests/e2e/equations.test.mjs; add it to SIGNS.
"""

import shutil
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "node_modules/@fontsource/stix-two-math"
FONT = PACKAGE / "files/stix-two-math-latin-400-normal.woff2"
OUT = ROOT / "www/style/math"

ASCII = range(0x20, 0x7F)
GREEK = [*range(0x391, 0x3AA), *range(0x3B1, 0x3CA)]
# What MathML makes of a letter that stands alone; the italic h is an older character.
ITALIC = [*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)]
SIGNS = "−±×·⋅∏∑√‖|∣∼≈≠≤≥⊂∈∇∞…⋯′→←∂∫ˆˉ¯˜–—𝒩\u2061\u2062\u2063"

LARGEST = 30 * 1024

# Thousandths of the letters' size. Chromium leaves as much room for a root as its widest form takes, so all are as narrow
# as in TeX; it draws lines on whole pixels, where one of 1.2 pixels is at times twice as thick as its neighbour.
ROOT_WIDTH = 900
RULE = 60
# What accents are made for: without some air they touch the letters below.
ACCENT_BASE = 430


def narrow(font, name, width):
    """Squeezes a glyph to a width, if it is wider."""
    advance, _ = font["hmtx"][name]
    if advance <= width:
        return
    glyph = font["glyf"][name]
    glyph.coordinates.scale((width / advance, 1))
    glyph.coordinates.toInt()
    glyph.recalcBounds(font["glyf"])
    font["hmtx"][name] = (width, glyph.xMin)


def adjust(font):
    """What browsers need of the table MATH to set equations well."""
    table = font["MATH"].table
    constants, variants = table.MathConstants, table.MathVariants
    constants.RadicalRuleThickness.Value = constants.FractionRuleThickness.Value = RULE
    constants.AccentBaseHeight.Value = ACCENT_BASE
    root = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(font.getBestCmap()[ord("√")])]
    forms = [record.VariantGlyph for record in root.MathGlyphVariantRecord]
    for name in {*forms, *(part.glyph for part in root.GlyphAssembly.PartRecords)}:
        narrow(font, name, ROOT_WIDTH)


def main():
    options = subset.Options(flavor="woff2", hinting=False, layout_features=[], name_IDs=[0, 5, 13, 14])
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "gasp"]
    font = TTFont(FONT, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes={*ASCII, *GREEK, *ITALIC, *map(ord, SIGNS)})
    subsetter.subset(font)
    adjust(font)
    OUT.mkdir(exist_ok=True)
    subset.save_font(font, str(OUT / "math.woff2"), options)
    shutil.copyfile(PACKAGE / "LICENSE", OUT / "LICENSE")
    size = (OUT / "math.woff2").stat().st_size
    print(f"{OUT / 'math.woff2'}: {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"larger than {LARGEST} bytes")


main()
