/**
 * JSON as workflows have it: whole numbers beyond 2^53 keep their digits (as BigInt, see numbers.js), and the bare NaN
 * and Infinity that other programs write are read as null instead of making the file unreadable.
 */

/**
 * @param {string} text
 * @returns {{value: any, notNumbers: number}} `notNumbers`: how many NaN and infinities there were
 * @throws {SyntaxError} if it is no JSON
 */
export function parseExactly(text) {
  if (!MAY_BE_LONG.test(text)) {
    try {
      return { value: JSON.parse(text), notNumbers: 0 };
    } catch (error) {
      if (!NOT_NUMBER.test(text)) throw error;
    }
  }
  return parseSlowly(text);
}

/** A whole number of 16 digits or more, or something like one within a text: then a closer look decides. */
const MAY_BE_LONG = /[[:,\s-]\d{16,}[\s,\]}]/;
const NOT_NUMBER = /\b(?:NaN|Infinity)\b/;

/** Texts are passed over whole, so what looks like a number inside one stays. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b|(?<![\d.eE+])-?\d{16,}(?![\d.eE])/gs;

/** How a long number travels through the parser: no text of a file begins like this, for it is made anew each time. */
const MARK = "\u0000whole ";

/** @param {string} text */
function parseSlowly(text) {
  let notNumbers = 0;
  let isMarked = false;
  const mark = MARK + Math.random() + " ";
  const readable = text.replace(TOKENS, (token) => {
    const first = token[0];
    if (first === '"') return token;
    if (first === "N" || first === "I" || token === "-Infinity" || token === "-NaN") {
      notNumbers++;
      return "null";
    }
    if (Number.isSafeInteger(Number(token))) return token;
    isMarked = true;
    return JSON.stringify(mark + token);
  });
  const value = JSON.parse(readable);
  return { value: isMarked ? unmark(value, mark) : value, notNumbers };
}

/** Puts the numbers in place of their marks: several times as fast as a reviver of `JSON.parse`. @param {any} value @param {string} mark */
function unmark(value, mark) {
  /** @type {any} */
  const whole = { value };
  const waiting = [whole];
  for (let holder = waiting.pop(); holder; holder = waiting.pop()) {
    for (const key of Object.keys(holder)) {
      const each = holder[key];
      if (typeof each === "string") {
        if (each.startsWith(mark)) holder[key] = BigInt(each.slice(mark.length));
      } else if (each !== null && typeof each === "object") {
        waiting.push(each);
      }
    }
  }
  return whole.value;
}

/**
 * The text of a value that may hold BigInts, with all their digits.
 * @param {any} value
 * @param {number} [indent]
 * @returns {string}
 */
export function writeExactly(value, indent) {
  const isExact = "rawJSON" in JSON || !("toJSON" in BigInt.prototype); // else BigInts are rounded, see below
  try {
    if (isExact) return JSON.stringify(value, undefined, indent);
  } catch (error) {
    if (error instanceof RangeError) return writeDeep(value); // nested deeper than the engine's own writer goes
    if (!(error instanceof TypeError)) throw error;
  }
  const mark = MARK + Math.random() + " ";
  const quoted = JSON.stringify(mark).slice(1, -1);
  /** @this {any} @param {string} key @param {any} each */
  function marked(key, each) {
    const own = this[key];
    return typeof own === "bigint" ? mark + own : each;
  }
  const text = JSON.stringify(value, marked, indent);
  return text.replaceAll(new RegExp(`"${quoted.replace(/[\\.]/g, "\\$&")}(-?\\d+)"`, "g"), "$1");
}

/**
 * Lets every `JSON.stringify` of the page write BigInts with all digits, where the browser can: a value of a widget may
 * be one wherever values travel. Called once, where the page is built.
 */
export function letNumbersBeLong() {
  const { rawJSON } = /** @type {any} */ (JSON);
  Object.defineProperty(BigInt.prototype, "toJSON", {
    configurable: true,
    /** @this {bigint} */
    value() {
      return rawJSON ? rawJSON(String(this)) : Number(this);
    },
  });
}

/** A list or object that is being written, and how far. @typedef {{keys: string[] | null, values: any[], at: number}} Open */

/** @param {any} value @returns {string} */
function writeDeep(value) {
  /** @type {string[]} */
  const parts = [];
  /** @type {Open[]} */
  const open = [];
  /** @param {any} each */
  const begin = (each) => {
    if (each === null || typeof each !== "object") {
      parts.push(typeof each === "bigint" ? String(each) : (JSON.stringify(each) ?? "null"));
    } else if (Array.isArray(each)) {
      parts.push("[");
      open.push({ keys: null, values: each, at: 0 });
    } else {
      parts.push("{");
      const keys = Object.keys(each).filter((key) => each[key] !== undefined);
      open.push({ keys, values: keys.map((key) => each[key]), at: 0 });
    }
  };
  begin(value);
  while (open.length) {
    const top = open[open.length - 1];
    if (top.at === top.values.length) {
      parts.push(top.keys ? "}" : "]");
      open.pop();
      continue;
    }
    const at = top.at++;
    if (at) parts.push(",");
    if (top.keys) parts.push(JSON.stringify(top.keys[at]), ":");
    begin(top.values[at]);
  }
  return parts.join("");
}

/** What a widget shows of a value, also of one that its type cannot have. @param {any} value @returns {string} */
export function textOfValue(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? writeExactly(value) : String(value);
}
