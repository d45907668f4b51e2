/** Numbers of widgets: what a typed text, a step or a drag makes of them, and how they are written. No DOM. */

import { textOfValue } from "../../core/json.js";
import { addWhole, clampWhole, plainWhole, readWhole } from "../../core/numbers.js";

/** @import { Whole } from "../../core/numbers.js" */
/** @import { InputSpec } from "../../core/spec.js" */

const MOST_DECIMALS = 6;
const LARGEST_SEED = 2n ** 64n - 1n; // as a limit it reaches us as the number nearest to it, which is 2^64

/** @param {InputSpec} input */
export function isWhole(input) {
  return input.widget === "INT";
}

/** @param {InputSpec} input @returns {number} one click of an arrow */
export function stepOf(input) {
  const step = Number(input.options.step);
  if (isWhole(input)) return step >= 1 ? Math.round(step) : 1;
  return step > 0 ? step : 0.1;
}

/** @param {InputSpec} input @returns {[number, number]} */
export function rangeOf({ options }) {
  const low = options.min === undefined || options.min === null ? -Infinity : Number(options.min);
  const high = options.max === undefined || options.max === null ? Infinity : Number(options.max);
  return [Number.isNaN(low) ? -Infinity : low, Number.isNaN(high) ? Infinity : high];
}

/** Digits behind the point that a number like 0.25 has. @param {number} value */
function decimalsOf(value) {
  for (let digits = 0; digits < MOST_DECIMALS; digits++) if (Math.abs(value * 10 ** digits - Math.round(value * 10 ** digits)) < 1e-9 * 10 ** digits) return digits;
  return MOST_DECIMALS;
}

/** @param {InputSpec} input @param {number} value @returns {number} within its range, on its grid */
export function tidy(input, value) {
  const [low, high] = rangeOf(input);
  let tidied = value;
  if (isWhole(input)) {
    const step = stepOf(input);
    const start = Number.isFinite(low) ? low : 0;
    tidied = step > 1 ? start + Math.round((value - start) / step) * step : Math.round(value);
  } else {
    const round = Number(input.options.round);
    if (round > 0) tidied = Number((Math.round(value / round) * round).toFixed(decimalsOf(round)));
    else tidied = Number(value.toPrecision(12)); // 0.1 + 0.2
  }
  return Math.min(high, Math.max(low, tidied));
}

/** On a multiple of its step, as a slider leaves it. @param {InputSpec} input @param {number} value */
export function onGrid(input, value) {
  const step = stepOf(input);
  const [low] = rangeOf(input);
  const start = Number.isFinite(low) ? low : 0;
  return tidy(input, Number((start + Math.round((value - start) / step) * step).toFixed(MOST_DECIMALS)));
}

/**
 * @param {InputSpec} input
 * @param {string} text
 * @returns {Whole | null} null: it is no number
 */
export function parse(input, text) {
  const whole = isWhole(input) ? readWhole(text.replaceAll(/[_\s]/g, "")) : null;
  if (typeof whole === "bigint") return within(input, whole);
  const value = evaluate(text);
  return value === null ? null : tidy(input, value);
}

/** @param {InputSpec} input @param {bigint} value @returns {Whole} */
function within(input, value) {
  const [low, high] = rangeOf(input);
  const kept = clampWhole(value, low, high >= 2 ** 64 ? LARGEST_SEED : high);
  return plainWhole(kept);
}

/**
 * @param {InputSpec} input
 * @param {any} value
 * @param {number} count  steps up; negative ones go down
 * @returns {Whole}
 */
export function stepped(input, value, count) {
  const way = count * stepOf(input);
  if (isWhole(input) && (typeof value === "bigint" || Number.isInteger(value))) {
    const sum = addWhole(value, Math.round(way));
    return typeof sum === "bigint" ? within(input, sum) : tidy(input, sum);
  }
  const number = Number(value);
  return tidy(input, (Number.isFinite(number) ? number : 0) + way);
}

/** @param {InputSpec} input @param {any} value @returns {string} */
export function format(input, value) {
  if (typeof value !== "number") return textOfValue(value);
  if (!Number.isFinite(value) || Math.abs(value) >= 1e15) return Number.isInteger(value) ? BigInt(value).toString() : String(value);
  if (isWhole(input)) return String(value);
  const round = Number(input.options.round);
  const usual = Math.min(MOST_DECIMALS, decimalsOf(stepOf(input)), round > 0 ? decimalsOf(round) : MOST_DECIMALS);
  const own = decimalsOf(value);
  if (value !== 0 && own === MOST_DECIMALS) return String(Number(value.toPrecision(6)));
  return value.toFixed(Math.max(usual, own));
}

/** Whether the server would take it. @param {InputSpec} input @param {any} value */
export function isValid(input, value) {
  if (typeof value === "bigint") return isWhole(input) && value >= rangeOf(input)[0] && value <= rangeOf(input)[1];
  if (typeof value === "string" ? !/^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(value) : typeof value !== "number" || Number.isNaN(value)) return false;
  const [low, high] = rangeOf(input);
  const number = Number(value);
  return number >= low && number <= high && (!isWhole(input) || Number.isInteger(number));
}

/** Where it lies between its least and its largest, 0..1; null: it has no such ends. @param {InputSpec} input @param {any} value */
export function shareOf(input, value) {
  const [low, high] = rangeOf(input);
  if (!Number.isFinite(high - low) || high <= low) return null;
  return Math.min(1, Math.max(0, (Number(value) - low) / (high - low)));
}

/**
 * Arithmetic that people type into number fields: `512*2`, `(1024 + 64) / 8`, `2^10`.
 * @param {string} text
 * @returns {number | null} null: it is no arithmetic, or its result is no number
 */
export function evaluate(text) {
  const tokens = text.replace(/,(?=\d{3}\b)/g, "").match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|[-+*/^%()]|\S/gi) ?? [];
  let at = 0;
  /** @param {string} token */
  const take = (token) => (tokens[at] === token ? Boolean(++at) : false);

  /** @returns {number} */
  const sum = () => {
    let value = product();
    for (;;) {
      if (take("+")) value += product();
      else if (take("-")) value -= product();
      else return value;
    }
  };
  /** @returns {number} */
  const product = () => {
    let value = power();
    for (;;) {
      if (take("*")) value *= power();
      else if (take("/")) value /= power();
      else if (take("%")) value %= power();
      else return value;
    }
  };
  /** @returns {number} binds tighter than a sign: -2^2 is -4 */
  const power = () => {
    if (take("-")) return -power();
    if (take("+")) return power();
    const base = operand();
    return take("^") ? base ** power() : base;
  };
  /** @returns {number} */
  const operand = () => {
    if (take("(")) {
      const value = sum();
      return take(")") ? value : NaN;
    }
    const token = tokens[at++];
    return token !== undefined && /^[\d.]/.test(token) ? Number(token) : NaN;
  };
  const value = tokens.length ? sum() : NaN;
  return at >= tokens.length && Number.isFinite(value) ? value : null;
}
