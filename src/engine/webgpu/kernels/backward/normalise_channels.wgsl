#names MODULATED ADD THREADS
// What normalise.wgsl does, for groups that begin or end within a block of four channels: number by number.

// The lane of a channel: from `split` on, channels stand `gap` lanes further.
fn lane_of(channel: u32) -> u32 {
  return channel + select(0u, op.gap, channel >= op.split);
}

// What a channel is multiplied by and added to: weight, bias, 1 + s, t.
fn affine(image: u32, channel: u32) -> vec4f {
  var r = vec4f(weights[4u * op.weight + channel], weights[4u * op.bias + channel], 1.0, 0.0);
#if MODULATED
  let at = 4u * (image + op.modulation) + channel;
  r.z += arena[at];
  r.w = arena[at + op.channels];
#end
  return r;
}

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = group.z * op.image + op.base;
  let source = image + op.source;
  let first = group.x * op.size;
  let numbers = f32(op.size * op.plane);

  var sum = 0.0;
  for (var channel = first; channel < first + op.size; channel++) {
    let lane = lane_of(channel);
    for (var i = index; i < op.plane; i += $THREADSu) { sum += pick(source + lane / 4u * op.plane + i, lane % 4u); }
  }
  let mean = total(vec4f(sum), index).x / numbers;
  sum = 0.0;
  for (var channel = first; channel < first + op.size; channel++) {
    let lane = lane_of(channel);
    for (var i = index; i < op.plane; i += $THREADSu) {
      let x = pick(source + lane / 4u * op.plane + i, lane % 4u) - mean;
      sum += x * x;
    }
  }
  let factor = inverseSqrt(total(vec4f(sum), index).x / numbers + bitcast<f32>(op.eps));

  // Sums of what goes back, and of it times xhat.
  var all = vec2f();
  for (var channel = first; channel < first + op.size; channel++) {
    let lane = lane_of(channel);
    let by = affine(image, channel);
    var own = vec2f();
    for (var i = index; i < op.plane; i += $THREADSu) {
      let x = (pick(source + lane / 4u * op.plane + i, lane % 4u) - mean) * factor;
      let d = incoming(image, lane / 4u, lane % 4u, i) * slope(vec4f((by.x * x + by.y) * by.z + by.w)).x;
      own += vec2f(d, d * x);
    }
    own = total(vec4f(own, own), index).xy;
    if (index == 0u) {
      let to = 4u * (image + op.affine) + channel;
      arena[to] = by.z * own.y;
      arena[to + 4u * ((op.channels + 3u) / 4u)] = by.z * own.x;
#if MODULATED
      let modulated = 4u * (image + op.modulated) + channel;
      arena[modulated] = by.x * own.y + by.y * own.x;
      arena[modulated + op.channels] = own.x;
#end
    }
    all += by.x * by.z * own;
  }
  all /= numbers;

  // With the lanes up to the next group's, or up to the end.
  var end = lane_of(first + op.size);
  if (first + op.size == op.channels) {
    end = 4u * op.blocks;
    for (var rest = op.channels + index; rest < 4u * ((op.channels + 3u) / 4u); rest += $THREADSu) {
      let to = 4u * (image + op.affine) + rest;
      arena[to] = 0.0;
      arena[to + 4u * ((op.channels + 3u) / 4u)] = 0.0;
    }
#if MODULATED
    for (var rest = 2u * op.channels + index; rest < 4u * ((op.channels + 1u) / 2u); rest += $THREADSu) {
      arena[4u * (image + op.modulated) + rest] = 0.0;
    }
#end
  }
  for (var lane = lane_of(first); lane < end; lane++) {
    let second = lane >= op.split + op.gap;
    let channel = lane - select(0u, op.gap, second);
    let empty = channel >= op.channels || (lane >= op.split && !second);
    let by = affine(image, min(channel, op.channels - 1u));
    let at = lane / 4u * op.plane;
    for (var i = index; i < op.plane; i += $THREADSu) {
      var r = 0.0;
      if (!empty) {
        let x = (pick(source + at + i, lane % 4u) - mean) * factor;
        let d = incoming(image, lane / 4u, lane % 4u, i) * slope(vec4f((by.x * x + by.y) * by.z + by.w)).x;
        r = bitcast<f32>(op.scale) * factor * (by.x * by.z * d - all.x - x * all.y);
#if ADD
        r += pick(image + op.add + at + i, lane % 4u);
#end
      }
      arena[4u * (image + op.output + at + i) + lane % 4u] = r;
    }
  }
}
