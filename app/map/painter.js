// 50,000 points on a canvas: by the graphics card where there is a real one, else in two dimensions.
// A painter has `canvas`, load(from, to, levels, table) and draw(view); places are Float32Array [x, y, ...], levels
// Uint8Array, table 256 colours as Uint8Array [r, g, b, a, ...].

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

function flatPainter(canvas) {
  const context = canvas.getContext("2d");
  let from, to, order, levels, table;
  return {
    canvas,
    kind: "2d",
    load(newFrom, newTo, newLevels, newTable) {
      [from, to, levels, table] = [newFrom, newTo, newLevels, newTable];
      order = Uint32Array.from(levels.keys()).sort((a, b) => levels[a] - levels[b]); // one path a colour
    },
    draw(view) {
      context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
      context.clearRect(0, 0, view.width, view.height);
      if (!levels) return;
      const side = view.side;
      let at = 0;
      while (at < order.length) {
        const level = levels[order[at]];
        const [r, g, b, a] = table.subarray(4 * level, 4 * level + 4);
        context.fillStyle = `rgb(${r} ${g} ${b} / ${a / 255})`;
        context.beginPath();
        for (; at < order.length && levels[order[at]] === level; at++) {
          const i = 2 * order[at];
          const worldX = from[i] + (to[i] - from[i]) * view.share;
          const worldY = from[i + 1] + (to[i + 1] - from[i + 1]) * view.share;
          const x = (worldX - view.x) * view.scale + view.width / 2;
          const y = view.height / 2 - (worldY - view.y) * view.scale;
          if (x < -side || y < -side || x > view.width + side || y > view.height + side) continue;
          if (order.length > 4000) context.rect(x - side / 2, y - side / 2, side, side);
          else {
            context.moveTo(x + side / 2, y);
            context.arc(x, y, side / 2, 0, 7);
          }
        }
        context.fill();
      }
    },
  };
}
