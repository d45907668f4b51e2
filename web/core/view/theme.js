/** Colours and text of the canvas, taken from the style sheet, so that a theme is one file of CSS. */

const NAMES = /** @type {const} */ ({
  ground: "--canvas-ground", grid: "--canvas-grid", node: "--node-body", nodeEdge: "--node-edge", title: "--node-title",
  text: "--node-text", faint: "--node-faint", field: "--node-field", fieldText: "--node-field-text", accent: "--accent", accentGround: "--accent-ground", slider: "--node-slider", bypassed: "--node-bypassed", unknown: "--node-unknown",
  error: "--error", errorGround: "--error-ground", good: "--good", selected: "--selected", shadow: "--node-shadow", link: "--link", groupText: "--group-text",
  font: "--font", mono: "--font-mono",
});

/** @typedef {Record<keyof typeof NAMES, string> & {isLight: boolean}} Theme */

/** @param {Element} root @returns {Theme} */
export function readTheme(root) {
  const style = getComputedStyle(root);
  const colours = Object.fromEntries(Object.entries(NAMES).map(([key, name]) => [key, style.getPropertyValue(name).trim() || "#888"]));
  if (matchMedia("(forced-colors: active)").matches) resolveSystemColours(root, colours);
  return /** @type {any} */ ({ ...colours, isLight: style.colorScheme.startsWith("light") });
}

/**
 * The person's own colours have names ("CanvasText") that a canvas reads in another way than the page.
 * @param {Element} root
 * @param {Record<string, string>} colours  changed in place
 */
function resolveSystemColours(root, colours) {
  const probe = document.createElement("i");
  probe.style.setProperty("forced-color-adjust", "none");
  root.append(probe);
  for (const [key, colour] of Object.entries(colours)) {
    if (key === "font" || key === "mono") continue;
    probe.style.color = "";
    probe.style.color = colour;
    if (probe.style.color) colours[key] = getComputedStyle(probe).color;
  }
  probe.remove();
}

/** @type {Map<string, number>} colour -> how light it is, 0..1 */
const lightnesses = new Map();

/**
 * Whether dark text is read better than light text on a colour.
 * @param {CanvasRenderingContext2D} context  any: it reads the colour
 * @param {string} colour  of CSS
 */
export function isLight(context, colour) {
  let lightness = lightnesses.get(colour);
  if (lightness === undefined) {
    const [r, g, b] = readColour(context, colour);
    /** @param {number} each  of sRGB */
    const linear = (each) => ((each / 255 + 0.055) / 1.055) ** 2.4;
    lightness = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    lightnesses.set(colour, lightness);
  }
  return lightness > 0.18; // where black and white contrast as much with it
}

/** @param {CanvasRenderingContext2D} context @param {string} colour  of CSS @returns {number[]} red, green, blue, 0..255 */
function readColour(context, colour) {
  const before = context.fillStyle;
  context.fillStyle = "#000";
  context.fillStyle = colour;
  const read = String(context.fillStyle);
  context.fillStyle = before;
  return read.startsWith("#") ? [1, 3, 5].map((at) => Number.parseInt(read.slice(at, at + 2), 16)) : (read.match(/[\d.]+/g) ?? []).map(Number);
}

/** A colour that stands out on a light ground. @param {CanvasRenderingContext2D} context @param {string} colour */
export function darkened(context, colour) {
  const [r, g, b] = readColour(context, colour).map((each) => Math.round(each * 0.62));
  return `rgb(${r}, ${g}, ${b})`;
}

/** @type {Map<string, string>} */
const lighter = new Map();

/**
 * The colour of a file in a light theme, where texts are dark: the same hue, far lighter.
 * @param {string} colour
 * @returns {string}  as it was, if it is not written as #rgb or #rrggbb
 */
export function lightened(colour) {
  const known = lighter.get(colour);
  if (known) return known;
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(colour);
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  const parts = short ? short.slice(1).map((each) => parseInt(each + each, 16)) : long?.slice(1).map((each) => parseInt(each, 16));
  const made = parts ? `rgb(${parts.map((each) => Math.round(255 - (255 - each) * 0.3)).join(" ")})` : colour;
  lighter.set(colour, made);
  return made;
}

/** Sockets and links of well-known types. The hues are apart for people who see few colours, too. */
const TYPE_COLOURS = new Map(Object.entries({
  MODEL: "#b39ddb", CLIP: "#ffd54f", VAE: "#ff8a80", CONDITIONING: "#ffa931", LATENT: "#ff9cf9", IMAGE: "#64b5f6",
  MASK: "#81c784", CONTROL_NET: "#6ee7b7", CLIP_VISION: "#a8dadc", CLIP_VISION_OUTPUT: "#ad7452", STYLE_MODEL: "#c2ffae",
  NOISE: "#b0b0b0", GUIDER: "#66ffff", SAMPLER: "#ecb4b4", SIGMAS: "#cdffcd", UPSCALE_MODEL: "#9fa8da", AUDIO: "#f48fb1",
  VIDEO: "#80cbc4", INT: "#90caf9", FLOAT: "#a5d6a7", STRING: "#c5e1a5", BOOLEAN: "#ef9a9a", COMBO: "#bcaaa4", "*": "#9e9e9e",
}));

/** @param {string} type @returns {string} */
export function colourOfType(type) {
  const known = TYPE_COLOURS.get(type);
  if (known) return known;
  const first = type.split(",")[0];
  let colour = TYPE_COLOURS.get(first);
  if (!colour) {
    let hash = 0;
    for (const letter of first) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
    colour = `hsl(${hash % 360} 55% 68%)`;
  }
  TYPE_COLOURS.set(type, colour);
  return colour;
}
