#names THREADS MODULATED AVERAGE TO BY
// output = resample(act(weight (x - mean) / sqrt(variance + eps) + bias)): group normalisation (Wu & He 2018),
// modulated by time where the network does that, with what follows it. One workgroup per group and image.
//
// Groups that are whole blocks of four channels; for others see normalise_channels.wgsl.

var<workgroup> parts: array<f32, $THREADS>;

// The sum of `value` over the workgroup.
fn total(value: f32, index: u32) -> f32 {
  workgroupBarrier();
  parts[index] = value;
  for (var n = $THREADSu / 2u; n > 0u; n /= 2u) {
    workgroupBarrier();
    if (index < n) { parts[index] += parts[index + n]; }
  }
  workgroupBarrier();
  return parts[0];
}

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = group.z * op.image + op.base;
  let first = group.x * op.size;
  let source = image + op.source + first * op.plane;
  let count = op.size * op.plane;

  var sum = vec4f();
  for (var i = index; i < count; i += $THREADSu) { sum += vec4f(arena[source + i]); }
  let mean = total(dot(sum, vec4f(1.0)), index) / f32(4u * count);
  sum = vec4f();
  for (var i = index; i < count; i += $THREADSu) {
    let x = vec4f(arena[source + i]) - mean;
    sum += x * x;
  }
  let variance = total(dot(sum, vec4f(1.0)), index) / f32(4u * count);
  let factor = inverseSqrt(variance + bitcast<f32>(op.eps));

  for (var block = first; block < first + op.size; block++) {
    var scale = vec4f(weights[op.weight + block]) * factor;
    var shift = vec4f(weights[op.bias + block]) - mean * scale;
#if MODULATED
    let by = 1.0 + vec4f(arena$BY[image + op.modulation + block]);
    scale *= by;
    shift = shift * by + vec4f(arena$BY[image + op.modulation + op.blocks + block]);
#end
    let input = image + op.source + block * op.plane;
    let output = image + op.output + block * op.outplane;
    for (var i = index; i < op.outplane; i += $THREADSu) {
#if AVERAGE
      let corner = input + 2u * (i / (op.width / 2u)) * op.width + 2u * (i % (op.width / 2u));
      arena$TO[output + i] = Stored(0.25 * (act(vec4f(arena[corner]) * scale + shift)
        + act(vec4f(arena[corner + 1u]) * scale + shift)
        + act(vec4f(arena[corner + op.width]) * scale + shift)
        + act(vec4f(arena[corner + op.width + 1u]) * scale + shift)));
#else
      arena$TO[output + i] = Stored(act(vec4f(arena[input + i]) * scale + shift));
#end
    }
  }
}
