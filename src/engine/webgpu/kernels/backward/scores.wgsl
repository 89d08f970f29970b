#names THREADS FOUR
// The gradient of attention, first part: out of e = exp(s - max s), which kernels/scores.wgsl left, and the gradient g
// of the result become, for four queries of one head over all keys,
//
//   p = e / Σ e,  dp = g vᵀ,  ds = scale p (dp - Σ p dp)
//
// p in the place of e, ds beside it; a vector holds the four queries of a tile, [head][key][tile].

// g vᵀ of four keys: a column each.
fn products(queries: u32, tile: vec4u, keys: u32, key: vec4u) -> mat4x4f {
  var s = mat4x4f();
  for (var block = 0u; block < op.depth; block++) {
    let at = block * op.pixels;
    let q = mat4x4f(arena[queries + at + tile.x], arena[queries + at + tile.y],
      arena[queries + at + tile.z], arena[queries + at + tile.w]);
    s[0] += arena[keys + at + key.x] * q;
    s[1] += arena[keys + at + key.y] * q;
    s[2] += arena[keys + at + key.z] * q;
    s[3] += arena[keys + at + key.w] * q;
  }
  return s;
}

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = group.z * op.image + op.base;
  let head = group.y;
  let queries = image + op.gradient + head * op.depth * op.pixels;
  let keys = image + op.source + (2u * op.heads + head) * op.depth * op.pixels;
  let tile = min(vec4u(0u, 1u, 2u, 3u) + 4u * group.x, vec4u(op.pixels - 1u));
  let tiles = (op.pixels + 3u) / 4u;
  let shares = image + op.shares + head * op.pixels * tiles + group.x;
  let output = image + op.output + head * op.pixels * tiles + group.x;
  let beside = vec4u(0u, 1u, 2u, 3u) * $THREADSu;

  var sum = vec4f();
  var mean = vec4f();
  for (var first = index; first < op.pixels; first += 4u * $THREADSu) {
    let key = min(first + beside, vec4u(op.pixels - 1u));
    let s = products(queries, tile, keys, key);
#for k in FOUR
    if (first + beside[$k] < op.pixels) {
      let e = arena[shares + key[$k] * tiles];
      sum += e;
      mean += e * s[$k];
      arena[output + key[$k] * tiles] = s[$k];
    }
#end
  }
  sum = total(sum, index);
  mean = total(mean, index) / sum;
  // A tile's queries beyond the last pixel count nowhere.
  let real = vec4u(0u, 1u, 2u, 3u) + 4u * group.x < vec4u(op.pixels);
  for (var key = index; key < op.pixels; key += $THREADSu) {
    let p = select(vec4f(), arena[shares + key * tiles] / sum, real);
    arena[shares + key * tiles] = p;
    arena[output + key * tiles] = bitcast<f32>(op.scale) * p * (arena[output + key * tiles] - mean);
  }
}
