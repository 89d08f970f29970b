// Attention, first half: softmax(scale q kᵀ) for four queries of one head, over all keys.
//
// A vector holds the four queries of a tile; [head][key][tile] is how kernels/mix.wgsl reads it.

var<workgroup> parts: array<vec4f, $THREADS>;

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = group.z * op.image + op.base;
  let head = group.y;
  let queries = image + op.source + head * op.depth * op.pixels;
  let keys = queries + op.heads * op.depth * op.pixels;
  let tile = min(vec4u(0u, 1u, 2u, 3u) + 4u * group.x, vec4u(op.pixels - 1u));
  let tiles = (op.pixels + 3u) / 4u;
  let output = image + op.output + head * op.pixels * tiles + group.x;

  var top = vec4f(-3.4e38);
  for (var key = index; key < op.pixels; key += $THREADSu * $Ku) {
#for k in K
    let key$k = min(key + $ku * $THREADSu, op.pixels - 1u);
    var s$k = vec4f();
#end
    for (var block = 0u; block < op.depth; block++) {
      let at = block * op.pixels;
      let q = mat4x4f(arena[queries + at + tile.x], arena[queries + at + tile.y],
        arena[queries + at + tile.z], arena[queries + at + tile.w]);
#for k in K
      s$k += arena[keys + at + key$k] * q;
#end
    }
#for k in K
    s$k *= bitcast<f32>(op.scale);
    if (key + $ku * $THREADSu < op.pixels) { arena[output + key$k * tiles] = s$k; }
    top = max(top, s$k);
#end
  }
  parts[index] = top;
  for (var n = $THREADSu / 2u; n > 0u; n /= 2u) {
    workgroupBarrier();
    if (index < n) { parts[index] = max(parts[index], parts[index + n]); }
  }
  workgroupBarrier();
  top = parts[0];
  workgroupBarrier();

  var sum = vec4f();
  for (var key = index; key < op.pixels; key += $THREADSu) {
    let e = exp(arena[output + key * tiles] - top);
    arena[output + key * tiles] = e;
    sum += e;
  }
  parts[index] = sum;
  for (var n = $THREADSu / 2u; n > 0u; n /= 2u) {
    workgroupBarrier();
    if (index < n) { parts[index] += parts[index + n]; }
  }
  workgroupBarrier();
  let factor = 1.0 / parts[0];
  for (var key = index; key < op.pixels; key += $THREADSu) {
    arena[output + key * tiles] *= factor;
  }
}
