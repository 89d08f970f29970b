#names SCALARS KEEP NEAREST AVERAGE
// The gradient of what a convolution read, at a pixel of what it was made of by a change of resolution.

#if SCALARS
alias Value = f32;
fn pick(at: u32, lane: u32) -> Value { return arena[4u * at + lane]; }
#else
alias Value = vec4f;
fn pick(at: u32, lane: u32) -> Value { return arena[at]; }
#end

fn incoming(image: u32, block: u32, lane: u32, pixel: u32) -> Value {
  let begin = image + op.gradient;
#if KEEP
  return pick(begin + block * op.plane + pixel, lane);
#end
#if NEAREST
  let width = 2u * op.width;
  let at = begin + block * 4u * op.plane + 2u * (pixel / op.width) * width + 2u * (pixel % op.width);
  return pick(at, lane) + pick(at + 1u, lane) + pick(at + width, lane) + pick(at + width + 1u, lane);
#end
#if AVERAGE
  let size = vec2u(op.plane / op.width, op.width) / 2u;
  let at = vec2u(pixel / op.width, pixel % op.width) / 2u;
  if (any(at >= size)) { return Value(); }
  return 0.25 * pick(begin + (block * size.x + at.x) * size.y + at.y, lane);
#end
}

