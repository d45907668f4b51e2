/** The icon of the tab while a job runs: a ring that fills. */

/** @import { Theme } from "../../core/view/theme.js" */

/**
 * @param {number} part  0..1
 * @param {Theme} theme
 * @returns {string} address of the picture
 */
export function drawIcon(part, theme) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 32;
  const context = canvas.getContext("2d");
  if (!context) return "";
  context.lineWidth = 6;
  context.strokeStyle = theme.faint;
  context.beginPath();
  context.arc(16, 16, 12, 0, 2 * Math.PI);
  context.stroke();
  context.strokeStyle = theme.accent;
  context.lineCap = "round";
  context.beginPath();
  context.arc(16, 16, 12, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.max(0.02, part));
  context.stroke();
  return canvas.toDataURL();
}
