#names HALF SCALARS MORE
#if HALF
#if SCALARS
alias Stored = f16;
#else
alias Stored = vec4<f16>;
#end
#else
#if SCALARS
alias Stored = f32;
#else
alias Stored = vec4f;
#end
#end
@group(0) @binding(0) var<storage, read_write> arena: array<Stored>;
@group(0) @binding(1) var<storage, read> weights: array<Stored>;
@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
#for b in MORE
@group(0) @binding(1$b) var<storage, read_write> arena1$b: array<Stored>;
#end

