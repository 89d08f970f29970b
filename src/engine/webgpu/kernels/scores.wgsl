#names THREADS FOUR HALF TO
// Attention, first half: exp(s - max s) with s = scale q kᵀ, for four queries of one head, over all keys. The second
// half divides by their sum.
//
// A vector holds the four queries of a tile; [head][key][tile] is how kernels/mix.wgsl reads it.

var<workgroup> parts: array<vec4f, $THREADS>;

// s of four keys: a column each.
fn products(queries: u32, tile: vec4u, keys: u32, key: vec4u) -> mat4x4f {
  var s = mat4x4f();
  for (var block = 0u; block < op.depth; block++) {
    let at = block * op.pixels;
    let q = mat4x4f(vec4f(arena[queries + at + tile.x]), vec4f(arena[queries + at + tile.y]),
      vec4f(arena[queries + at + tile.z]), vec4f(arena[queries + at + tile.w]));
    s[0] += vec4f(arena[keys + at + key.x]) * q;
    s[1] += vec4f(arena[keys + at + key.y]) * q;
    s[2] += vec4f(arena[keys + at + key.z]) * q;
    s[3] += vec4f(arena[keys + at + key.w]) * q;
  }
  return s * bitcast<f32>(op.scale);
}

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = group.z * op.image + op.base;
  let head = group.y;
  let queries = image + op.source + head * op.depth * op.pixels;
  let keys = queries + op.heads * op.depth * op.pixels;
  let tile = min(vec4u(0u, 1u, 2u, 3u) + 4u * group.x, vec4u(op.pixels - 1u));
  let tiles = (op.pixels + 3u) / 4u;
  let output = image + op.output + head * op.pixels * tiles + group.x;
  let beside = vec4u(0u, 1u, 2u, 3u) * $THREADSu;

  var top = vec4f(-3.4e38);
  for (var first = index; first < op.pixels; first += 4u * $THREADSu) {
    let key = min(first + beside, vec4u(op.pixels - 1u));
    let s = products(queries, tile, keys, key);
#for k in FOUR
    top = max(top, s[$k]);
#if !HALF
    if (first + beside[$k] < op.pixels) { arena$TO[output + key[$k] * tiles] = s[$k]; }
#end
#end
  }
  parts[index] = top;
  for (var n = $THREADSu / 2u; n > 0u; n /= 2u) {
    workgroupBarrier();
    if (index < n) { parts[index] = max(parts[index], parts[index + n]); }
  }
  workgroupBarrier();
  top = parts[0];

#if HALF
  // f16 holds s to 3 digits, and exp would make an error of the difference: s is made again.
  for (var first = index; first < op.pixels; first += 4u * $THREADSu) {
    let key = min(first + beside, vec4u(op.pixels - 1u));
    let s = products(queries, tile, keys, key);
#for k in FOUR
    if (first + beside[$k] < op.pixels) { arena$TO[output + key[$k] * tiles] = Stored(exp(s[$k] - top)); }
#end
  }
#else
  for (var key = index; key < op.pixels; key += $THREADSu) {
    arena$TO[output + key * tiles] = exp(arena$TO[output + key * tiles] - top);
  }
#end
}
