/** What is done to a whole mask: arithmetic on bytes, 255 is masked. Runs in a worker; knows no page. */

/** @param {Uint8Array} mask @returns {Uint8Array} */
export function invert(mask) {
  return mask.map((value) => 255 - value);
}

/**
 * Adds a selection to a mask, or takes it out.
 * @param {Uint8Array} mask
 * @param {Uint8Array} selection  255 is selected
 * @param {boolean} erases
 * @param {number} opacity  0..1
 * @returns {Uint8Array}
 */
export function combine(mask, selection, erases, opacity) {
  return mask.map((value, i) => {
    const strength = (selection[i] / 255) * opacity;
    return erases ? Math.round(value * (1 - strength)) : Math.round(value + (255 - value) * strength);
  });
}

/**
 * The area around a point whose colours are near to the colour there.
 * @param {Uint8ClampedArray | Uint8Array} rgba  of the picture
 * @param {number} width
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {number} tolerance  0..255, the largest difference of a channel
 * @returns {Uint8Array} a selection
 */
export function flood(rgba, width, height, x, y, tolerance) {
  const found = new Uint8Array(width * height);
  if (x < 0 || y < 0 || x >= width || y >= height) return found;
  const start = (y * width + x) * 4;
  const [r, g, b] = [rgba[start], rgba[start + 1], rgba[start + 2]];
  /** @param {number} at */
  const isNear = (at) => found[at] === 0 && Math.abs(rgba[at * 4] - r) <= tolerance && Math.abs(rgba[at * 4 + 1] - g) <= tolerance && Math.abs(rgba[at * 4 + 2] - b) <= tolerance;
  const waiting = [y * width + x];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (!isNear(at)) continue;
    const row = Math.floor(at / width) * width;
    let left = at;
    while (left > row && isNear(left - 1)) left--;
    let [isAbove, isBelow] = [false, false];
    for (let i = left; i < row + width && isNear(i); i++) {
      found[i] = 255;
      const above = i >= width && isNear(i - width);
      if (above && !isAbove) waiting.push(i - width);
      isAbove = above;
      const below = i + width < found.length && isNear(i + width);
      if (below && !isBelow) waiting.push(i + width);
      isBelow = below;
    }
  }
  return found;
}

const LINES = 4; // a pixel is cut into, for smooth edges

/**
 * The inside of a polygon, by the even-odd rule, edges smooth.
 * @param {number[]} points  x, y, x, y ...
 * @param {number} width
 * @param {number} height
 * @returns {Uint8Array} a selection
 */
export function polygon(points, width, height) {
  const found = new Uint8Array(width * height);
  const sums = new Float32Array(width);
  const count = points.length / 2;
  let [top, bottom] = [Infinity, -Infinity];
  for (let i = 0; i < count; i++) [top, bottom] = [Math.min(top, points[2 * i + 1]), Math.max(bottom, points[2 * i + 1])];
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, Math.ceil(bottom)); y++) {
    sums.fill(0);
    for (let line = 0; line < LINES; line++) {
      const at = y + (line + 0.5) / LINES;
      /** @type {number[]} */
      const crossings = [];
      for (let i = 0; i < count; i++) {
        const [x0, y0, x1, y1] = [points[2 * i], points[2 * i + 1], points[2 * ((i + 1) % count)], points[2 * ((i + 1) % count) + 1]];
        if (y0 <= at !== y1 <= at) crossings.push(x0 + ((at - y0) / (y1 - y0)) * (x1 - x0));
      }
      crossings.sort((a, b) => a - b);
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        const [from, to] = [Math.max(0, crossings[i]), Math.min(width, crossings[i + 1])];
        for (let x = Math.floor(from); x < to; x++) sums[x] += (Math.min(x + 1, to) - Math.max(x, from)) / LINES;
      }
    }
    for (let x = 0; x < width; x++) found[y * width + x] = Math.round(255 * Math.min(1, sums[x]));
  }
  return found;
}

/**
 * Soft edges: three averages one after the other come near to a Gaussian.
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {number} height
 * @param {number} radius  px, whole
 * @returns {Uint8Array}
 */
export function feather(mask, width, height, radius) {
  const reach = Math.max(1, Math.round(radius / 2));
  let from = Float32Array.from(mask);
  let to = new Float32Array(mask.length);
  for (let pass = 0; pass < 3; pass++) {
    for (const isDown of [false, true]) {
      const [lines, length, lineStep, step] = isDown ? [width, height, 1, width] : [height, width, width, 1];
      for (let line = 0; line < lines; line++) averageLine(from, to, line * lineStep, step, length, reach);
      [from, to] = [to, from];
    }
  }
  return Uint8Array.from(from, Math.round);
}

/**
 * @param {Float32Array} from
 * @param {Float32Array} to
 * @param {number} start
 * @param {number} step
 * @param {number} length
 * @param {number} reach  to both sides; what lies outside is as the edge
 */
function averageLine(from, to, start, step, length, reach) {
  const end = length - 1;
  const count = 2 * reach + 1;
  let sum = 0;
  for (let i = -reach; i <= reach; i++) sum += from[start + Math.min(end, Math.max(0, i)) * step];
  for (let i = 0; i < length; i++) {
    to[start + i * step] = sum / count;
    sum += from[start + Math.min(end, i + reach + 1) * step] - from[start + Math.max(0, i - reach) * step];
  }
}

/**
 * A mask that reaches further, or less far. What is more than half masked counts.
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {number} height
 * @param {number} px  negative: it shrinks
 * @returns {Uint8Array}
 */
export function grow(mask, width, height, px) {
  const isShrinking = px < 0;
  const reach = Math.abs(px);
  const distances = squaredDistances(mask, width, height, isShrinking);
  const grown = new Uint8Array(mask.length);
  for (let i = 0; i < grown.length; i++) {
    const share = Math.min(1, Math.max(0, reach + 0.5 - Math.sqrt(distances[i])));
    grown[i] = Math.round(255 * (isShrinking ? 1 - share : share));
  }
  return grown;
}

const FAR = 1e12;

/**
 * Of each pixel to the nearest one that is masked, or that is not: exact, in the time of two passes.
 * Source: Felzenszwalb and Huttenlocher 2012, Distance transforms of sampled functions.
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {number} height
 * @param {boolean} ofUnmasked
 */
function squaredDistances(mask, width, height, ofUnmasked) {
  const distances = new Float32Array(mask.length);
  for (let i = 0; i < mask.length; i++) distances[i] = mask[i] >= 128 !== ofUnmasked ? 0 : FAR;
  const longest = Math.max(width, height);
  const [line, places, bounds] = [new Float64Array(longest), new Int32Array(longest), new Float64Array(longest + 1)];
  for (let x = 0; x < width; x++) lowerEnvelope(distances, x, width, height, line, places, bounds);
  for (let y = 0; y < height; y++) lowerEnvelope(distances, y * width, 1, width, line, places, bounds);
  return distances;
}

/**
 * @param {Float32Array} values
 * @param {number} start
 * @param {number} step
 * @param {number} length
 * @param {Float64Array} line
 * @param {Int32Array} places  of the parabolas
 * @param {Float64Array} bounds  between them
 */
function lowerEnvelope(values, start, step, length, line, places, bounds) {
  for (let i = 0; i < length; i++) line[i] = values[start + i * step];
  let last = 0;
  places[0] = 0;
  bounds[0] = -Infinity;
  bounds[1] = Infinity;
  for (let i = 1; i < length; i++) {
    let at;
    do {
      const place = places[last];
      at = (line[i] + i * i - (line[place] + place * place)) / (2 * i - 2 * place);
    } while (at <= bounds[last] && --last >= 0);
    places[++last] = i;
    bounds[last] = at;
    bounds[last + 1] = Infinity;
  }
  let parabola = 0;
  for (let i = 0; i < length; i++) {
    while (bounds[parabola + 1] < i) parabola++;
    const away = i - places[parabola];
    values[start + i * step] = away * away + line[places[parabola]];
  }
}
