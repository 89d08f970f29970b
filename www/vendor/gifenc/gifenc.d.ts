// The part of gifenc that the page uses; the package has no types of its own.

type Palette = [number, number, number][];

export function GIFEncoder(): {
  writeFrame(indices: Uint8Array, width: number, height: number, options: { palette: Palette | null; delay: number }): void;
  finish(): void;
  bytes(): Uint8Array<ArrayBuffer>;
};
export function quantize(rgba: Uint8ClampedArray, colours: number): Palette;
export function applyPalette(rgba: Uint8ClampedArray, palette: Palette): Uint8Array<ArrayBuffer>;
export function snapColorsToPalette(palette: Palette, colours: Palette, threshold: number): void;
