// 100,000 points on a canvas: by the graphics card where there is a real one, else in two dimensions.
// A painter has `canvas`, load(from, to, levels, table) and draw(view); places are Float32Array [x, y, ...], levels
// Uint16Array, a colour of the table each; table Uint8Array [r, g, b, a, ...].

const VERTEX = `
attribute vec2 from; attribute vec2 to; attribute vec4 colour;
uniform vec2 centre; uniform vec2 scale; uniform float share; uniform float side;
varying vec4 shade; varying float across;
void main() {
  gl_Position = vec4((mix(from, to, share) - centre) * scale, 0.0, 1.0);
  gl_PointSize = side;
  shade = colour;
  across = side;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 shade;
varying float across;
void main() {
  float edge = length(gl_PointCoord - 0.5) * across;
  float inside = clamp(across * 0.5 - edge, 0.0, 1.0);
  if (inside <= 0.0) discard;
  gl_FragColor = vec4(shade.rgb, 1.0) * shade.a * inside;
}`;

// `lost()` is called when the card is taken away; another painter is wanted then.
export function createPainter(canvas, lost) {
  const painter = cardPainter(canvas);
  if (painter) {
    canvas.addEventListener("webglcontextlost", lost, { once: true });
    return painter;
  }
  return createFlatPainter(canvas);
}

// A canvas that was asked for one kind of context never gives another.
export function createFlatPainter(canvas) {
  const fresh = canvas.cloneNode();
  canvas.replaceWith(fresh);
  return flatPainter(fresh);
}

// Whether the processor plays the card, and pans 50,000 points at a third of the speed of two dimensions. Chromium does
// not count that as a caveat where it was started with SwiftShader, nor do others with Mesa's llvmpipe.
function isImitated(gl) {
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  const name = gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function cardPainter(canvas) {
  const wanted = { alpha: true, antialias: false, premultipliedAlpha: true };
  const gl = canvas.getContext("webgl", { ...wanted, failIfMajorPerformanceCaveat: true });
  if (!gl || isImitated(gl)) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const uniform = Object.fromEntries(
    ["centre", "scale", "share", "side"].map((name) => [name, gl.getUniformLocation(program, name)]),
  );
  const buffers = { from: gl.createBuffer(), to: gl.createBuffer(), colour: gl.createBuffer() };
  let count = 0;

  function fill(name, data, size, type, normalised) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    const place = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, type, normalised, 0, 0);
  }

  return {
    canvas,
    kind: "webgl",
    load(from, to, levels, table) {
      count = levels.length;
      const colours = new Uint8Array(4 * count);
      for (let i = 0; i < count; i++) colours.set(table.subarray(4 * levels[i], 4 * levels[i] + 4), 4 * i);
      fill("from", from, 2, gl.FLOAT, false);
      fill("to", to, 2, gl.FLOAT, false);
      fill("colour", colours, 4, gl.UNSIGNED_BYTE, true);
    },
    draw(view) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2f(uniform.centre, view.x, view.y);
      gl.uniform2f(uniform.scale, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
      gl.uniform1f(uniform.share, view.share);
      gl.uniform1f(uniform.side, view.side * view.ratio);
      if (count) gl.drawArrays(gl.POINTS, 0, count);
    },
  };
}

const FEW = 4000; // points that are drawn as discs; more are small squares, written pixel by pixel

function flatPainter(canvas) {
  const context = canvas.getContext("2d");
  let points = null;
  let pixels = null; // of the whole canvas, kept from frame to frame
  return {
    canvas,
    kind: "2d",
    load(from, to, levels, table) {
      points = arranged(from, to, levels, table);
    },
    draw(view) {
      const { width, height } = canvas;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      if (!points?.count) return;
      if (points.count <= FEW) return drawDiscs(context, points, view);
      if (pixels?.width !== width || pixels.height !== height) pixels = context.createImageData(width, height);
      drawSquares(pixels, points, view);
      context.putImageData(pixels, 0, 0);
    },
  };
}

// The points in the order of drawing, colour by colour, the faint ones first: -> {count, from, to, levels, table, shades},
// `shades` a colour each as the bytes of four channels.
function arranged(from, to, levels, table) {
  const count = levels.length;
  const kinds = table.length / 4;
  const drawn = [...Array(kinds).keys()].sort((a, b) => table[4 * a + 3] - table[4 * b + 3] || a - b);
  const starts = new Uint32Array(kinds);
  for (let i = 0; i < count; i++) starts[levels[i]]++;
  let sum = 0;
  for (const level of drawn) [starts[level], sum] = [sum, sum + starts[level]];
  const colours = new Uint32Array(table.slice().buffer);
  const sorted = { from: new Float32Array(2 * count), to: new Float32Array(2 * count), levels: new Uint16Array(count) };
  const shades = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const at = starts[levels[i]]++;
    for (const axis of [0, 1]) {
      sorted.from[2 * at + axis] = from[2 * i + axis];
      sorted.to[2 * at + axis] = to[2 * i + axis];
    }
    sorted.levels[at] = levels[i];
    shades[at] = colours[levels[i]];
  }
  return { count, ...sorted, table, shades };
}

function drawDiscs(context, { count, from, to, levels, table }, view) {
  const side = view.side;
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  let at = 0;
  while (at < count) {
    const level = levels[at];
    const [r, g, b, a] = table.subarray(4 * level, 4 * level + 4);
    context.fillStyle = `rgb(${r} ${g} ${b} / ${a / 255})`;
    context.beginPath();
    for (; at < count && levels[at] === level; at++) {
      const i = 2 * at;
      const x = (from[i] + (to[i] - from[i]) * view.share - view.x) * view.scale + view.width / 2;
      const y = view.height / 2 - (from[i + 1] + (to[i + 1] - from[i + 1]) * view.share - view.y) * view.scale;
      if (x < -side || y < -side || x > view.width + side || y > view.height + side) continue;
      context.moveTo(x + side / 2, y);
      context.arc(x, y, side / 2, 0, 7);
    }
    context.fill();
  }
}

// A path of so many squares takes a canvas without a graphics card ten times as long as their pixels do.
function drawSquares(pixels, { count, from, to, shades }, view) {
  const { width, height } = pixels;
  const target = new Uint32Array(pixels.data.buffer);
  target.fill(0);
  const side = Math.max(1, Math.round(view.side * view.ratio));
  const scale = view.scale * view.ratio;
  const left = (width - side) / 2 - view.x * scale;
  const top = (height - side) / 2 + view.y * scale;
  const share = view.share;
  for (let n = 0, i = 0; n < count; n++, i += 2) {
    const x = Math.round((from[i] + (to[i] - from[i]) * share) * scale + left);
    const y = Math.round(top - (from[i + 1] + (to[i + 1] - from[i + 1]) * share) * scale);
    if (x <= -side || y <= -side || x >= width || y >= height) continue;
    const shade = shades[n];
    const end = Math.min(x + side, width);
    for (let row = Math.max(y, 0); row < Math.min(y + side, height); row++) {
      for (let at = row * width + Math.max(x, 0); at < row * width + end; at++) target[at] = shade;
    }
  }
}
