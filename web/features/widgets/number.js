/** INT and FLOAT: arrows, dragging, sliders, and a field that calculates. */

import { h } from "../../core/dom.js";
import { labelOf, setValue } from "./fields.js";
import { format, isValid, isWhole, onGrid, parse, rangeOf, shareOf, stepOf, stepped } from "./numbers.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Pen } from "../../core/view/pen.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Widgets } from "./widgets.js" */

const ARROW = 18; // width of the part that steps, graph px
const STEP_PX = 6; // way of the pointer that is one step, CSS px

/** @param {InputSpec} input */
function isSlider({ options }) {
  return options.display === "slider" || options.display === "knob" || options.display === "gradient" || options.display === "gradient_slider";
}

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function numberKind(editor, widgets) {
  /** @param {Node} node @param {InputSpec} input */
  const edit = (node, input) => {
    widgets.fields.open(node, input, "input", format(input, node.values[input.name]), {
      commit(text) {
        const value = parse(input, text);
        if (value === null) editor.shell.note(editor.text("widgets.no-number", { text }), { kind: "error", lasts: false });
        else setValue(editor, node, input.name, value);
      },
      onTab: (step) => widgets.editNext(node, input, step),
    });
    return true;
  };
  return {
    height: () => 20,
    text: (value) => String(value ?? ""),
    edit,
    draw(pen, node, input, box) {
      const value = node.values[input.name];
      const colour = isValid(input, value) ? pen.theme.fieldText : pen.theme.error;
      if (isSlider(input)) return drawSlider(pen, node, input, box, colour);
      const inner = { ...box, left: box.left + ARROW - 10, right: box.right - ARROW + 10 };
      pen.box(box, pen.theme.field, { radius: 6 });
      if (!pen.isNear) return undefined;
      drawArrow(pen, box.left + ARROW / 2 + 1, (box.top + box.bottom) / 2, -1);
      drawArrow(pen, box.right - ARROW / 2 - 1, (box.top + box.bottom) / 2, 1);
      if (!widgets.fields.isOpen(node, input.name)) pen.pair(inner, labelOf(node, input), format(input, value), { colour });
      return undefined;
    },
    press(_, node, input, box, press) {
      const before = node.values[input.name];
      const far = press.x < box.left + ARROW ? -1 : press.x > box.right - ARROW ? 1 : 0;
      if (press.kind === "touch") return { end: (now, moved) => { if (!moved) far && !isSlider(input) ? setValue(editor, node, input.name, stepped(input, before, far)) : edit(node, input); } };
      const asSlider = isSlider(input) && shareOf(input, before) !== null;
      /** @type {{commit: () => void, cancel: () => void} | null} */
      let gesture = null;
      let [steps, at] = [0, press.screenX];
      return {
        cursor: "ew-resize",
        move(now) {
          gesture ??= node.graph.document.journal.begin("undo.value");
          if (asSlider) {
            const [low, high] = rangeOf(input);
            node.graph.setValue(node, input.name, onGrid(input, low + (high - low) * Math.min(1, Math.max(0, (now.x - box.left) / (box.right - box.left)))));
            return;
          }
          steps += ((now.screenX - at) / STEP_PX) * (now.shift ? 10 : now.alt ? 0.1 : 1);
          at = now.screenX;
          const whole = isWhole(input) || !now.alt ? Math.trunc(steps) : steps;
          node.graph.setValue(node, input.name, stepped(input, before, whole));
        },
        end(now, moved) {
          gesture?.commit();
          if (moved) return;
          if (far && !isSlider(input)) setValue(editor, node, input.name, stepped(input, before, far * (press.shift ? 10 : 1)));
          else edit(node, input);
        },
        cancel: () => gesture?.cancel(),
      };
    },
    control(_, node, input) {
      const [low, high] = rangeOf(input);
      const field = h("input", { type: "text", inputmode: isWhole(input) ? "numeric" : "decimal", class: "control-number", "aria-label": labelOf(node, input) });
      const range = isSlider(input) && Number.isFinite(high - low)
        ? h("input", { type: "range", min: low, max: high, step: isWhole(input) ? stepOf(input) : "any", "aria-label": labelOf(node, input) })
        : null;
      field.addEventListener("change", () => {
        const value = parse(input, field.value);
        field.setAttribute("aria-invalid", String(value === null));
        if (value !== null) setValue(editor, node, input.name, value);
        if (value !== null) field.value = format(input, node.values[input.name]);
      });
      field.addEventListener("keydown", (event) => {
        if (event.isComposing || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
        event.preventDefault();
        const count = (event.key === "ArrowUp" ? 1 : -1) * (event.shiftKey ? 10 : 1);
        setValue(editor, node, input.name, stepped(input, parse(input, field.value) ?? node.values[input.name], count));
      });
      range?.addEventListener("change", () => setValue(editor, node, input.name, onGrid(input, Number(range.value))));
      range?.addEventListener("input", () => (field.value = format(input, onGrid(input, Number(range.value)))));
      return widgets.controls.add(h("span", { class: "control control-numbers" }, range, field), () => {
        const value = node.values[input.name];
        if (document.activeElement !== field || parse(input, field.value) !== value) field.value = format(input, value);
        if (range) range.value = String(value);
        field.setAttribute("aria-invalid", String(!isValid(input, value)));
      });
    },
  };
}

/** @param {Pen} pen @param {number} x @param {number} y @param {number} direction */
function drawArrow(pen, x, y, direction) {
  const { context } = pen;
  context.beginPath();
  context.moveTo(x - 2.5 * direction, y - 4);
  context.lineTo(x + 2.5 * direction, y);
  context.lineTo(x - 2.5 * direction, y + 4);
  context.fillStyle = pen.theme.faint;
  context.fill();
}

/** @param {Pen} pen @param {Node} node @param {InputSpec} input @param {Box} box @param {string} colour */
function drawSlider(pen, node, input, box, colour) {
  const value = node.values[input.name];
  const share = shareOf(input, value) ?? 0;
  const right = box.left + (box.right - box.left) * share;
  const { context } = pen;
  pen.box(box, pen.theme.field, { radius: 6 });
  const stops = /** @type {any[]} */ (input.options.gradient_stops ?? []);
  if (input.options.display !== "knob" && right - box.left > 1) {
    context.save();
    context.beginPath();
    context.roundRect(box.left, box.top, box.right - box.left, box.bottom - box.top, 6);
    context.clip();
    if (stops.length > 1) {
      const gradient = context.createLinearGradient(box.left, 0, box.right, 0);
      for (const each of stops) gradient.addColorStop(Math.min(1, Math.max(0, Number(each.offset) || 0)), Array.isArray(each.color) ? `rgb(${each.color.join(" ")})` : String(each.color));
      context.globalAlpha *= 0.6;
      pen.box({ ...box, top: box.bottom - 5 }, "");
      context.fillStyle = gradient;
      context.fillRect(box.left, box.bottom - 5, box.right - box.left, 5);
      context.globalAlpha /= 0.6;
    } else {
      pen.box({ ...box, right }, pen.theme.slider);
    }
    context.restore();
    pen.box({ left: right - 1.5, right: right + 1.5, top: box.top + 2, bottom: box.bottom - 2 }, pen.theme.accent, { radius: 1.5 });
  }
  if (!pen.isNear) return;
  let left = box.left;
  if (input.options.display === "knob") {
    const [x, y] = [box.left + 14, (box.top + box.bottom) / 2];
    const start = 0.75 * Math.PI;
    context.lineWidth = 2.5;
    for (const [end, stroke] of /** @type {[number, string][]} */ ([[1, pen.theme.title], [share, pen.theme.accent]])) {
      context.beginPath();
      context.arc(x, y, 7, start, start + end * 1.5 * Math.PI);
      context.strokeStyle = stroke;
      context.stroke();
    }
    left += 18;
  }
  pen.pair({ ...box, left }, labelOf(node, input), format(input, value), { colour });
}
