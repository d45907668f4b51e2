/** COLOR and lists of colours: the browser's own picker, opened at the widget. */

import { CLOSE, h, icon } from "../../core/dom.js";
import { labelOf, setValue } from "./fields.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Widgets } from "./widgets.js" */

const SWATCH = 14;

/** @param {any} value @returns {string} "#rrggbb", as pickers want it */
export function hexOf(value) {
  if (typeof value === "number" && Number.isFinite(value)) return `#${(value & 0xffffff).toString(16).padStart(6, "0")}`;
  const text = String(value ?? "").trim();
  const short = /^#?([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text);
  if (short) return `#${short.slice(1).map((each) => each + each).join("")}`.toLowerCase();
  return /^#?([0-9a-f]{6})([0-9a-f]{2})?$/i.exec(text)?.[1].toLowerCase().replace(/^/, "#") ?? "#000000";
}

/** In the form that the value had: a number, with or without opacity. @param {any} before @param {string} hex */
function like(before, hex) {
  if (typeof before === "number") return Number.parseInt(hex.slice(1), 16);
  const opacity = /^#?[0-9a-f]{6}([0-9a-f]{2})$/i.exec(String(before ?? ""))?.[1] ?? "";
  return hex + opacity;
}

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function colourKind(editor, widgets) {
  /** @type {WidgetKind["edit"]} */
  const edit = (node, input, box) => {
    const before = node.values[input.name];
    pick(editor, box, hexOf(before), (hex) => setValue(editor, node, input.name, like(before, hex)));
    return true;
  };
  return {
    height: () => 20,
    edit,
    text: (value) => String(value ?? ""),
    draw(pen, node, input, box) {
      const value = node.values[input.name];
      const y = (box.top + box.bottom) / 2;
      pen.box(box, pen.theme.field, { radius: 6 });
      pen.box({ left: box.right - 34, right: box.right - 6, top: y - SWATCH / 2, bottom: y + SWATCH / 2 }, hexOf(value), { radius: 4, edge: pen.theme.faint });
      if (pen.isNear) pen.pair({ ...box, right: box.right - 30 }, labelOf(node, input), typeof value === "number" ? hexOf(value) : String(value ?? ""));
    },
    press: (_, node, input, box) => ({ end: (__, moved) => void (moved || edit(node, input, box)) }),
    control(_, node, input) {
      const field = h("input", { type: "color", "aria-label": labelOf(node, input) });
      const word = h("span", { class: "control-word" });
      field.addEventListener("change", () => setValue(editor, node, input.name, like(node.values[input.name], field.value)));
      return widgets.controls.add(h("span", { class: "control control-colour" }, field, word), () => {
        field.value = hexOf(node.values[input.name]);
        word.textContent = field.value;
      });
    },
  };
}

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function coloursKind(editor, widgets) {
  /** @param {Node} node @param {InputSpec} input @returns {any[]} */
  const listOf = (node, input) => (Array.isArray(node.values[input.name]) ? node.values[input.name] : []);
  /** @param {Node} node @param {InputSpec} input @param {number} at @param {Box} box */
  const change = (node, input, at, box) => {
    const list = listOf(node, input);
    pick(editor, box, hexOf(list[at] ?? "#ffffff"), (hex) => {
      const next = [...listOf(node, input)];
      next[at] = like(list[at], hex);
      setValue(editor, node, input.name, next);
    });
  };
  /** @param {Box} box @param {number} at */
  const cellOf = (box, at) => ({ left: box.left + 8 + at * 22, right: box.left + 26 + at * 22, top: box.top + 20, bottom: box.top + 38 });
  return {
    height: () => 44,
    text: (value) => (Array.isArray(value) ? value.join(" ") : ""),
    draw(pen, node, input, box) {
      pen.box(box, pen.theme.field, { radius: 6 });
      if (pen.isNear) pen.text(labelOf(node, input), box.left + 10, box.top + 10, { colour: pen.theme.faint });
      const list = listOf(node, input);
      list.forEach((each, i) => {
        const cell = cellOf(box, i);
        if (cell.right < box.right) pen.box(cell, hexOf(each), { radius: 4, edge: pen.theme.faint });
      });
      const more = cellOf(box, list.length);
      if (more.right < box.right) pen.text("+", (more.left + more.right) / 2, (more.top + more.bottom) / 2, { align: "center", px: 16, colour: pen.theme.faint });
    },
    press: (_, node, input, box, press) => ({
      end(__, moved) {
        const list = listOf(node, input);
        const at = Math.floor((press.x - box.left - 8) / 22);
        if (moved || at < 0 || at > list.length || press.y < box.top + 16) return;
        if (press.alt && at < list.length) setValue(editor, node, input.name, list.filter((___, i) => i !== at));
        else change(node, input, at, cellOf(box, at));
      },
    }),
    control(_, node, input) {
      const row = h("span", { class: "control control-colours" });
      return widgets.controls.add(row, () => {
        const list = listOf(node, input);
        row.replaceChildren(...list.map((each, i) => {
          const field = h("input", { type: "color", value: hexOf(each), "aria-label": `${labelOf(node, input)} ${i + 1}` });
          field.addEventListener("change", () => setValue(editor, node, input.name, listOf(node, input).with(i, like(each, field.value))));
          return h("span", {}, field, h("button", { type: "button", class: "quiet", "aria-label": editor.text("widgets.remove"), on: { click: () => setValue(editor, node, input.name, listOf(node, input).filter((__, at) => at !== i)) } }, icon(CLOSE)));
        }), h("button", { type: "button", on: { click: () => setValue(editor, node, input.name, [...listOf(node, input), "#ffffff"]) } }, editor.text("widgets.add")));
      });
    },
  };
}

/**
 * Opens the browser's picker at a place of the graph.
 * @param {Editor} editor
 * @param {Box} box
 * @param {string} hex
 * @param {(hex: string) => void} choose
 */
function pick(editor, box, hex, choose) {
  const { view, shell } = editor;
  const { x, y } = view.toScreen(box.left, box.bottom);
  const field = h("input", { type: "color", class: "widget-picker", value: hex, tabindex: "-1", "aria-hidden": "true", style: { left: `${x}px`, top: `${y}px` } });
  shell.over.append(field);
  field.addEventListener("change", () => {
    choose(field.value);
    field.remove();
  });
  field.addEventListener("blur", () => setTimeout(() => field.remove(), 500));
  field.focus({ preventScroll: true });
  field.click();
}
