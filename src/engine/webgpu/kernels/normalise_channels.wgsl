#names THREADS MODULATED AVERAGE TO BY
// What normalise.wgsl does, for groups that begin or end within a block of four channels: number by number.
//
// The lanes of a block that hold no channel become 0, because the next kernel multiplies all four.

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

// The lane of a channel: from `split` on, channels stand `gap` lanes further.
fn lane(channel: u32) -> u32 {
  return channel + select(0u, op.gap, channel >= op.split);
}

// Where the numbers of a lane begin; they are four apart.
fn start(lane: u32, plane: u32) -> u32 {
  return lane / 4u * 4u * plane + lane % 4u;
}

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = 4u * (group.z * op.image + op.base);
  let source = image + 4u * op.source;
  let first = group.x * op.size;
  let count = f32(op.size * op.plane);

  var sum = 0.0;
  for (var channel = first; channel < first + op.size; channel++) {
    let at = source + start(lane(channel), op.plane);
    for (var i = index; i < op.plane; i += $THREADSu) { sum += f32(arena[at + 4u * i]); }
  }
  let mean = total(sum, index) / count;
  sum = 0.0;
  for (var channel = first; channel < first + op.size; channel++) {
    let at = source + start(lane(channel), op.plane);
    for (var i = index; i < op.plane; i += $THREADSu) {
      let x = f32(arena[at + 4u * i]) - mean;
      sum += x * x;
    }
  }
  let factor = inverseSqrt(total(sum, index) / count + bitcast<f32>(op.eps));

  // With the lanes up to the next group's, or up to the end.
  var end = lane(first + op.size);
  if (first + op.size == op.channels) { end = 4u * op.blocks; }
  for (var lane = lane(first); lane < end; lane++) {
    let second = lane >= op.split + op.gap;
    let channel = lane - select(0u, op.gap, second);
    let empty = channel >= op.channels || (lane >= op.split && !second);
    var scale = 0.0;
    var shift = 0.0;
    if (!empty) {
      scale = f32(weights[4u * op.weight + channel]) * factor;
      shift = f32(weights[4u * op.bias + channel]) - mean * scale;
#if MODULATED
      let modulation = image + 4u * op.modulation;
      let by = 1.0 + f32(arena$BY[modulation + channel]);
      scale *= by;
      shift = shift * by + f32(arena$BY[modulation + op.channels + channel]);
#end
    }
    let input = source + start(lane, op.plane);
    let output = image + 4u * op.output + start(lane, op.outplane);
    for (var i = index; i < op.outplane; i += $THREADSu) {
#if AVERAGE
      let corner = input + 8u * (i / (op.width / 2u)) * op.width + 8u * (i % (op.width / 2u));
      let x = vec4f(f32(arena[corner]), f32(arena[corner + 4u]),
        f32(arena[corner + 4u * op.width]), f32(arena[corner + 4u * op.width + 4u]));
      var y = dot(act(x * scale + shift), vec4f(0.25));
#else
      var y = act(vec4f(f32(arena[input + 4u * i]) * scale + shift)).x;
#end
      if (empty) { y = 0.0; }
      arena$TO[output + 4u * i] = Stored(y);
    }
  }
}
