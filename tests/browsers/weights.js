// The weights of the networks in tests/fixtures/unet, by the rule that made them; for the browser and for Node.

/**
 * Numbers in [-1, 1): SplitMix64 started from the FNV-1a hash of `name`, top 24 bits. The twin of `unit` in
 * tools/make_unet_fixtures.py and tests/network/rule.rs.
 * @param {string} name @param {number} count
 */
export function unit(name, count) {
  const u64 = (/** @type {bigint} */ z) => BigInt.asUintN(64, z);
  let state = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) state = u64((state ^ BigInt(byte)) * 0x100000001b3n);
  return Float64Array.from({ length: count }, () => {
    state = u64(state + 0x9e3779b97f4a7c15n);
    let z = u64((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = u64((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    z ^= z >> 31n;
    return Number(z >> 40n) / 2 ** 23 - 1;
  });
}

/**
 * The value of every weight: near 1 for a normalisation's scale, else scaled by the fan-in. The twin of `fill` there.
 * @param {{name: string, shape: number[]}} tensor
 */
function fill({ name, shape }) {
  const product = (/** @type {number[]} */ sizes) => sizes.reduce((a, b) => a * b, 1);
  const values = unit(name, product(shape));
  const bound = Math.sqrt(1.5 / product(shape.slice(1)));
  if (shape.length > 1) return Float32Array.from(values, (v) => v * bound);
  if (name.includes('norm') && name.endsWith('weight')) return Float32Array.from(values, (v) => 1 + 0.2 * v);
  return Float32Array.from(values, (v) => 0.1 * v);
}

/** The bytes of a .safetensors file with all weights of a network. @param {{name: string, shape: number[]}[]} expected  what `expected_tensors` of the package says */
export function weightsOf(expected) {
  return fileOf(expected.map((tensor) => ({ ...tensor, values: fill(tensor) })));
}

/** The bytes of a .safetensors file with these tensors. @param {{name: string, shape: number[], values: Float32Array}[]} tensors */
export function fileOf(tensors) {
  let end = 0;
  const entries = tensors.map(({ name, shape, values }) => {
    const start = end;
    end += values.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const file = new Uint8Array(8 + header.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  let offset = 8 + header.length;
  for (const { values } of tensors) {
    file.set(new Uint8Array(values.buffer), offset);
    offset += values.byteLength;
  }
  return file;
}
