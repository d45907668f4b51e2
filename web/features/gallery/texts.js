/** Times and amounts, as people read them in their language. */

/** @import { Editor } from "../../core/editor.js" */

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** @param {Editor} editor @param {number} bytes */
export function bytesText(editor, bytes) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log(Math.max(1, bytes)) / Math.log(1000)));
  const value = bytes / 1000 ** power;
  return value.toLocaleString(editor.messages.locale, { style: "unit", unit: UNITS[power], maximumFractionDigits: value < 10 && power ? 1 : 0 });
}

/** @param {number} seconds @returns {string} "1:05" */
export function durationText(seconds) {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((each, i) => (i ? String(each).padStart(2, "0") : String(each))).join(":");
}

/** @param {Editor} editor @param {number} time_ms */
export function timeText(editor, time_ms) {
  return new Date(time_ms).toLocaleString(editor.messages.locale, { dateStyle: "medium", timeStyle: "short" });
}

/** @param {Editor} editor @param {number} time_ms */
export function dateText(editor, time_ms) {
  return new Date(time_ms).toLocaleDateString(editor.messages.locale, { dateStyle: "medium" });
}
