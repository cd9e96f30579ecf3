// Perceptually even colour maps: ten stops each, sRGB, as published with matplotlib and plotly.
export const PALETTES = {
  viridis: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
  magma: ["#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf"],
  cividis: ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"],
};

// 256 colours as opaque pixels in the byte order of ImageData on a little-endian machine (all that run browsers).
export function palettePixels(name) {
  const stops = PALETTES[name].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const pixels = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const first = Math.min(Math.floor(place), stops.length - 2);
    const part = place - first;
    const [r, g, b] = stops[first].map((from, k) => Math.round(from + (stops[first + 1][k] - from) * part));
    pixels[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return pixels;
}

export function paletteGradient(name) {
  return `linear-gradient(to right, ${PALETTES[name].join(", ")})`;
}
