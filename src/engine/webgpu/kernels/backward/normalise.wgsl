#names THREADS MODULATED ADD PAIRS SINGLES
// Backwards through a normalisation and what follows it: one workgroup per group and image, or per block of four
// channels where groups are smaller.
//
//   u = (1 + s) (w xhat + b) + t,  xhat = (x - mean) / deviation,  y = act(u)
//   d = dy act'(u),  output = add + scale ((1 + s) w d - mean of it - xhat mean of (it xhat)) / deviation
//   gradients: w: Σ (1 + s) d xhat, b: Σ (1 + s) d, s: Σ d (w xhat + b), t: Σ d

// The sum of a group's lanes in each of them.
fn spread(v: vec4f) -> vec4f {
#if PAIRS
  return v + v.yxwz;
#else
#if SINGLES
  return v;
#else
  return vec4f(dot(v, vec4f(1.0)));
#end
#end
}

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = group.z * op.image + op.base;
  let first = group.x * op.size;
  let source = image + op.source + first * op.plane;
  let count = op.size * op.plane;
  let numbers = f32(op.numbers);

  var sum = vec4f();
  for (var i = index; i < count; i += $THREADSu) { sum += arena[source + i]; }
  let mean = spread(total(sum, index)) / numbers;
  sum = vec4f();
  for (var i = index; i < count; i += $THREADSu) {
    let x = arena[source + i] - mean;
    sum += x * x;
  }
  let factor = inverseSqrt(spread(total(sum, index)) / numbers + bitcast<f32>(op.eps));

  var means = vec4f();
  var slopes = vec4f();
  for (var block = first; block < first + op.size; block++) {
    let weight = weights[op.weight + block];
    let bias = weights[op.bias + block];
#if MODULATED
    let by = 1.0 + arena[image + op.modulation + block];
    let plus = arena[image + op.modulation + op.blocks + block];
#else
    let by = vec4f(1.0);
    let plus = vec4f();
#end
    let input = image + op.source + block * op.plane;
    var a = vec4f();
    var b = vec4f();
    for (var i = index; i < op.plane; i += $THREADSu) {
      let x = (arena[input + i] - mean) * factor;
      let d = incoming(image, block, 0u, i) * slope((weight * x + bias) * by + plus);
      a += d;
      b += d * x;
    }
    a = total(a, index);
    b = total(b, index);
    if (index == 0u) {
      arena[image + op.affine + block] = by * b;
      arena[image + op.affine + op.blocks + block] = by * a;
#if MODULATED
      arena[image + op.modulated + block] = weight * b + bias * a;
      arena[image + op.modulated + op.blocks + block] = a;
#end
    }
    means += weight * by * a;
    slopes += weight * by * b;
  }
  means = spread(means) / numbers;
  slopes = spread(slopes) / numbers;
  for (var block = first; block < first + op.size; block++) {
    let weight = weights[op.weight + block];
    let bias = weights[op.bias + block];
#if MODULATED
    let by = 1.0 + arena[image + op.modulation + block];
    let plus = arena[image + op.modulation + op.blocks + block];
#else
    let by = vec4f(1.0);
    let plus = vec4f();
#end
    let input = image + op.source + block * op.plane;
    for (var i = index; i < op.plane; i += $THREADSu) {
      let x = (arena[input + i] - mean) * factor;
      let d = incoming(image, block, 0u, i) * slope((weight * x + bias) * by + plus);
      var r = bitcast<f32>(op.scale) * factor * (weight * by * d - means - x * slopes);
#if ADD
      r += arena[image + op.add + block * op.plane + i];
#end
      arena[image + op.output + block * op.plane + i] = r;
    }
  }
}
