/** BOUNDING_BOX: four numbers. BOUNDING_BOXES: rectangles that are drawn. Both in px of the picture. */

import { h } from "../../core/dom.js";
import { labelOf, setValue } from "./fields.js";
import { evaluate } from "./numbers.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Widgets } from "./widgets.js" */

/** @typedef {{x: number, y: number, width: number, height: number}} Rectangle */

const KEYS = /** @type {const} */ (["x", "y", "width", "height"]);
const CORNER = 8;

/** @param {any} value @returns {Rectangle} */
function rectangleIn(value) {
  const found = /** @type {any} */ ({});
  KEYS.forEach((key, i) => (found[key] = Number(Array.isArray(value) ? value[i] : value?.[key]) || 0));
  return found;
}

/** In the form that the value had. @param {any} before @param {Rectangle} rectangle */
function like(before, rectangle) {
  return Array.isArray(before) ? [rectangle.x, rectangle.y, rectangle.width, rectangle.height] : { ...before, ...rectangle };
}

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function boxKind(editor, widgets) {
  /** @param {Box} box @param {number} i @returns {Box} */
  const cell = (box, i) => {
    const middle = (box.left + box.right) / 2;
    const top = box.top + 18 + (i >> 1) * 22;
    return { left: i % 2 ? middle + 2 : box.left, right: i % 2 ? box.right : middle - 2, top, bottom: top + 20 };
  };
  /** @param {Node} node @param {InputSpec} input @param {number} i */
  const open = (node, input, i) => {
    const before = node.values[input.name];
    widgets.fields.open(node, input, "input", String(rectangleIn(before)[KEYS[i]]), {
      commit(text) {
        const number = evaluate(text);
        if (number !== null) setValue(editor, node, input.name, like(before, { ...rectangleIn(before), [KEYS[i]]: Math.round(i > 1 ? Math.max(0, number) : number) }));
      },
      part: (box) => cell(box, i),
      onTab: (step) => (KEYS[i + step] ? open(node, input, i + step) : widgets.editNext(node, input, step)),
    });
  };
  return {
    height: () => 62,
    text: (value) => Object.values(rectangleIn(value)).join(" "),
    edit: (node, input) => {
      open(node, input, 0);
      return true;
    },
    draw(pen, node, input, box) {
      const found = rectangleIn(node.values[input.name]);
      if (pen.isNear) pen.text(labelOf(node, input), box.left + 2, box.top + 8, { colour: pen.onBodyFaint, width: box.right - box.left });
      KEYS.forEach((key, i) => pen.field(cell(box, i), editor.text(`widgets.box.${key}`), String(found[key])));
    },
    press: (_, node, input, box, press) => ({
      end(__, moved) {
        const at = KEYS.findIndex((___, i) => {
          const { left, right, top, bottom } = cell(box, i);
          return press.x >= left && press.x <= right && press.y >= top && press.y <= bottom;
        });
        if (!moved && at >= 0) open(node, input, at);
      },
    }),
    control(_, node, input) {
      const fields = KEYS.map((key) => {
        const field = h("input", { type: "text", inputmode: "numeric", "aria-label": `${labelOf(node, input)}: ${editor.text(`widgets.box.${key}`)}` });
        field.addEventListener("change", () => {
          const number = evaluate(field.value);
          field.setAttribute("aria-invalid", String(number === null));
          if (number !== null) setValue(editor, node, input.name, like(node.values[input.name], { ...rectangleIn(node.values[input.name]), [key]: Math.round(number) }));
        });
        return field;
      });
      return widgets.controls.add(h("span", { class: "control control-box" }, ...fields), () => {
        const found = rectangleIn(node.values[input.name]);
        KEYS.forEach((key, i) => {
          if (document.activeElement !== fields[i]) fields[i].value = String(found[key]);
        });
      });
    },
  };
}

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function boxesKind(editor, widgets) {
  /** @param {Node} node @param {InputSpec} input @returns {any[]} */
  const listOf = (node, input) => (Array.isArray(node.values[input.name]) ? node.values[input.name] : []);
  /** The picture that they lie on, as large as it fits. @param {Node} node @param {Box} box */
  const areaOf = (node, box) => {
    const [width, height] = [Number(node.values.width) || 512, Number(node.values.height) || 512];
    const scale = Math.min((box.right - box.left) / width, (box.bottom - box.top) / height);
    const [left, top] = [box.left + (box.right - box.left - width * scale) / 2, box.top + (box.bottom - box.top - height * scale) / 2];
    return { left, top, right: left + width * scale, bottom: top + height * scale, scale, width, height };
  };
  return {
    height: (_, __, width) => Math.min(240, width - 30),
    grows: () => true,
    text: (value) => (Array.isArray(value) ? value.map((each) => Object.values(rectangleIn(each)).join(" ")).join("; ") : ""),
    draw(pen, node, input, box) {
      const area = areaOf(node, box);
      pen.box(box, pen.theme.title, { radius: 6 });
      pen.box(area, pen.theme.field);
      listOf(node, input).forEach((each, i) => {
        const { x, y, width, height } = rectangleIn(each);
        const [left, top] = [area.left + x * area.scale, area.top + y * area.scale];
        const rectangle = { left, top, right: left + width * area.scale, bottom: top + height * area.scale };
        pen.box(rectangle, "", { edge: pen.theme.accent, edgeWidth: 1.5 });
        pen.box({ left: rectangle.right - 4, right: rectangle.right, top: rectangle.bottom - 4, bottom: rectangle.bottom }, pen.theme.accent);
        if (pen.isNear) pen.text(String(i + 1), left + 4, top + 8, { px: 11, colour: pen.theme.fieldText });
      });
    },
    press(_, node, input, box, press) {
      const area = areaOf(node, box);
      const list = listOf(node, input);
      const at = list.findLastIndex((each) => {
        const { x, y, width, height } = rectangleIn(each);
        const [px, py] = [(press.x - area.left) / area.scale, (press.y - area.top) / area.scale];
        return px >= x && py >= y && px <= x + width + 2 && py <= y + height + 2;
      });
      if (press.alt && at >= 0) {
        setValue(editor, node, input.name, list.filter((__, i) => i !== at));
        return true;
      }
      const start = at >= 0 ? rectangleIn(list[at]) : null;
      const isCorner = start && press.x > area.left + (start.x + start.width) * area.scale - CORNER && press.y > area.top + (start.y + start.height) * area.scale - CORNER;
      /** @type {{commit: () => void, cancel: () => void} | null} */
      let gesture = null;
      /** @param {number} value @param {number} most */
      const within = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
      return {
        cursor: start && !isCorner ? "grabbing" : "crosshair",
        move(now) {
          gesture ??= node.graph.document.journal.begin("undo.value");
          const [dx, dy] = [(now.x - press.x) / area.scale, (now.y - press.y) / area.scale];
          const [px, py] = [(press.x - area.left) / area.scale, (press.y - area.top) / area.scale];
          /** @type {Rectangle} */
          let next;
          if (start && isCorner) next = { ...start, width: within(start.width + dx, area.width - start.x), height: within(start.height + dy, area.height - start.y) };
          else if (start) next = { ...start, x: within(start.x + dx, area.width - start.width), y: within(start.y + dy, area.height - start.height) };
          else {
            const [x0, x1] = [within(Math.min(px, px + dx), area.width), within(Math.max(px, px + dx), area.width)];
            const [y0, y1] = [within(Math.min(py, py + dy), area.height), within(Math.max(py, py + dy), area.height)];
            next = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
          }
          const index = at >= 0 ? at : list.length;
          const now_ = [...list];
          now_[index] = like(list[index], next);
          node.graph.setValue(node, input.name, now_);
        },
        end: () => gesture?.commit(),
        cancel: () => gesture?.cancel(),
      };
    },
    control(_, node, input) {
      const field = h("textarea", { rows: 3, spellcheck: "false", "aria-label": labelOf(node, input) });
      field.addEventListener("change", () => {
        const rows = field.value.split("\n").filter((each) => each.trim()).map((each) => (each.match(/-?\d+/g) ?? []).map(Number));
        const isGood = rows.every((each) => each.length === 4);
        field.setAttribute("aria-invalid", String(!isGood));
        if (isGood) setValue(editor, node, input.name, rows.map(([x, y, width, height], i) => like(listOf(node, input)[i], { x, y, width, height })));
      });
      return widgets.controls.add(h("span", { class: "control control-text" }, field), () => {
        if (document.activeElement !== field) field.value = listOf(node, input).map((each) => Object.values(rectangleIn(each)).join(" ")).join("\n");
      });
    },
  };
}
