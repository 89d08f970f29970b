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
  let q = min(vec4u(0u, 1u, 2u, 3u) + 4u * group.x, vec4u(op.pixels - 1u));
  let tiles = (op.pixels + 3u) / 4u;
  let output = image + op.output + head * op.pixels * tiles + group.x;

  var top = vec4f(-3.4e38);
  for (var key = index; key < op.pixels; key += $THREADSu) {
    var s = vec4f();
    for (var block = 0u; block < op.depth; block++) {
      let at = block * op.pixels;
      let k = arena[keys + at + key];
      s += vec4f(dot(arena[queries + at + q.x], k), dot(arena[queries + at + q.y], k),
        dot(arena[queries + at + q.z], k), dot(arena[queries + at + q.w], k));
    }
    s *= bitcast<f32>(op.scale);
    arena[output + key * tiles] = s;
    top = max(top, s);
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
