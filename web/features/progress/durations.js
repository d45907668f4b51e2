/** Times as people say them. */

/** @import { Editor } from "../../core/editor.js" */

/**
 * @param {Editor} editor
 * @param {number} ms
 * @returns {string} "0.8 s", "12 s", "3 min 20 s", "1 h 5 min"
 */
export function durationText(editor, ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return editor.text("time.s", { s: s < 0.95 ? Math.max(0.1, Math.round(s * 10) / 10) : Math.round(s * 10) / 10 });
  if (s < 60) return editor.text("time.s", { s: Math.round(s) });
  const min = Math.floor(s / 60);
  if (min < 60) return editor.text("time.min", { min, s: Math.floor(s % 60) });
  return editor.text("time.h", { h: Math.floor(min / 60), min: min % 60 });
}
