/** BOOLEAN: a switch, with words for both states where the type has them. */

import { h } from "../../core/dom.js";
import { labelOf, setValue } from "./fields.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Widgets } from "./widgets.js" */

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function toggleKind(editor, widgets) {
  /** @param {any} value @param {Record<string, any>} options */
  const wordOf = (value, options) => String((value ? options.label_on : options.label_off) ?? editor.text(value ? "widgets.on" : "widgets.off"));
  /** @param {Node} node @param {InputSpec} input */
  const edit = (node, input) => {
    setValue(editor, node, input.name, !node.values[input.name]);
    return true;
  };
  return {
    height: () => 20,
    edit,
    draw(pen, node, input, box) {
      const value = Boolean(node.values[input.name]);
      pen.box(box, pen.theme.field, { radius: 6 });
      const y = (box.top + box.bottom) / 2;
      const [left, right] = [box.right - 30, box.right - 6];
      pen.box({ left, right, top: y - 6, bottom: y + 6 }, value ? pen.theme.accentGround : pen.theme.title, { radius: 6 });
      pen.context.beginPath();
      pen.context.arc(value ? right - 6 : left + 6, y, 4.5, 0, 2 * Math.PI);
      pen.context.fillStyle = value ? "#ffffff" : pen.theme.faint;
      pen.context.fill();
      if (pen.isNear) pen.pair({ ...box, right: left + 2 }, labelOf(node, input), wordOf(value, input.options));
    },
    press: (_, node, input) => ({ end: (__, moved) => void (moved || edit(node, input)) }),
    control(_, node, input) {
      const check = h("input", { type: "checkbox", role: "switch", "aria-label": labelOf(node, input) });
      const word = h("span", { class: "control-word" });
      check.addEventListener("change", () => setValue(editor, node, input.name, check.checked));
      return widgets.controls.add(h("label", { class: "control control-toggle" }, check, word), () => {
        check.checked = Boolean(node.values[input.name]);
        word.textContent = wordOf(check.checked, input.options);
      });
    },
  };
}
