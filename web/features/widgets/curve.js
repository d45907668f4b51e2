/** CURVE: points that are dragged; a click adds one, a click with Alt takes one away. */

import { h } from "../../core/dom.js";
import { heightAt, pointsOf, withPoints } from "./curves.js";
import { labelOf, setValue } from "./fields.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Widgets } from "./widgets.js" */
/** @import { CurvePoint } from "./curves.js" */

const HEIGHT = 140;
const EDGE = 10;
const REACH = 9;

/** @param {number} value */
const inside = (value) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function curveKind(editor, widgets) {
  /** @param {Box} box @param {CurvePoint} point */
  const toBox = (box, [x, y]) => ({ x: box.left + EDGE + x * (box.right - box.left - 2 * EDGE), y: box.bottom - EDGE - y * (box.bottom - box.top - 2 * EDGE) });
  /** @param {Box} box @param {{x: number, y: number}} place @returns {CurvePoint} */
  const fromBox = (box, { x, y }) => [inside((x - box.left - EDGE) / (box.right - box.left - 2 * EDGE)), inside((box.bottom - EDGE - y) / (box.bottom - box.top - 2 * EDGE))];
  return {
    height: () => HEIGHT,
    grows: () => true,
    draw(pen, node, input, box) {
      const value = node.values[input.name];
      const points = pointsOf(value);
      const { context, theme } = pen;
      pen.box(box, theme.field, { radius: 6 });
      context.strokeStyle = theme.title;
      context.lineWidth = 1;
      context.beginPath();
      for (let i = 0; i <= 4; i++) {
        const [a, b] = [toBox(box, [i / 4, 0]), toBox(box, [i / 4, 1])];
        const [c, d] = [toBox(box, [0, i / 4]), toBox(box, [1, i / 4])];
        context.moveTo(a.x, a.y);
        context.lineTo(b.x, b.y);
        context.moveTo(c.x, c.y);
        context.lineTo(d.x, d.y);
      }
      context.stroke();
      fillHistogram(context, editor.services.content?.get(node)?.histogram ?? null, (x, y) => toBox(box, [x, y]), theme.faint);
      context.beginPath();
      for (let i = 0; i <= 64; i++) {
        const { x, y } = toBox(box, [i / 64, inside(heightAt(points, i / 64, value?.interpolation === "linear"))]);
        if (i) context.lineTo(x, y);
        else context.moveTo(x, y);
      }
      context.strokeStyle = theme.accent;
      context.lineWidth = 2;
      context.stroke();
      for (const each of points) {
        const { x, y } = toBox(box, each);
        context.beginPath();
        context.arc(x, y, 4, 0, 2 * Math.PI);
        context.fillStyle = theme.fieldText;
        context.fill();
      }
    },
    press(_, node, input, box, press) {
      const before = node.values[input.name];
      let points = pointsOf(before);
      let at = points.findIndex((each) => {
        const { x, y } = toBox(box, each);
        return Math.hypot(x - press.x, y - press.y) <= REACH;
      });
      if (press.alt) {
        if (at >= 0 && points.length > 2) setValue(editor, node, input.name, withPoints(before, points.filter((__, i) => i !== at)));
        return true;
      }
      const gesture = node.graph.document.journal.begin("undo.value");
      /** @param {CurvePoint} point */
      const put = (point) => {
        // A point stays between its neighbours: two at one place would have no slope.
        const low = at > 0 ? points[at - 1][0] + 0.001 : 0;
        const high = at < points.length - 1 ? points[at + 1][0] - 0.001 : 1;
        points = points.with(at, [Math.min(high, Math.max(low, point[0])), point[1]]);
        node.graph.setValue(node, input.name, withPoints(before, points));
      };
      if (at < 0) {
        const point = fromBox(box, press);
        at = points.findIndex((each) => each[0] > point[0]);
        if (at < 0) at = points.length;
        points = points.toSpliced(at, 0, point);
        put(point);
      }
      return { cursor: "grabbing", move: (now) => put(fromBox(box, now)), end: () => gesture.commit(), cancel: () => gesture.cancel() };
    },
    control(_, node, input) {
      const field = h("input", { type: "text", "aria-label": labelOf(node, input), spellcheck: "false" });
      field.addEventListener("change", () => {
        const numbers = (field.value.match(/-?\d*\.?\d+/g) ?? []).map(Number);
        const points = numbers.flatMap((x, i) => (i % 2 ? [] : [/** @type {CurvePoint} */ ([inside(x), inside(numbers[i + 1] ?? 0)])]));
        const isGood = points.length > 1 && numbers.length % 2 === 0;
        field.setAttribute("aria-invalid", String(!isGood));
        if (isGood) setValue(editor, node, input.name, withPoints(node.values[input.name], points.sort((a, b) => a[0] - b[0])));
      });
      return widgets.controls.add(h("span", { class: "control control-text" }, field), () => {
        if (document.activeElement !== field) field.value = pointsOf(node.values[input.name]).map(([x, y]) => `${x}, ${y}`).join("; ");
      });
    },
  };
}

/**
 * How often each brightness is there, as a hill behind the curve; the highest is as high as the box.
 * @param {CanvasRenderingContext2D} context
 * @param {number[] | null} counts
 * @param {(x: number, y: number) => {x: number, y: number}} place
 * @param {string} colour
 */
function fillHistogram(context, counts, place, colour) {
  const most = counts ? Math.max(...counts) : 0;
  if (!counts || !(most > 0)) return;
  context.beginPath();
  const start = place(0, 0);
  context.moveTo(start.x, start.y);
  counts.forEach((count, i) => {
    const { x, y } = place(i / (counts.length - 1), Math.max(0, count) / most);
    context.lineTo(x, y);
  });
  const end = place(1, 0);
  context.lineTo(end.x, end.y);
  context.globalAlpha = 0.4;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}
