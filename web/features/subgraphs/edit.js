/** A subgraph's name, what it says of itself, its sockets, and which widgets inside its node shows: all from the keyboard, too. */

import { h, icon } from "../../core/dom.js";
import { addSlot, demote, moveSlot, promote, promotedBy, removeSlot, renameSlot, slotsOf } from "../../core/subgraph-ends.js";

/** @import { Definition } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Side } from "../../core/subgraph-ends.js" */

/** @param {Editor} editor @param {Definition} definition */
export async function showSubgraph(editor, definition) {
  const { document } = editor;
  /** @param {string} name @param {Record<string, string | number>} [values] */
  const t = (name, values) => editor.text(name, values);
  await editor.shell.dialog(t("command.subgraph-edit"), (body) => {
    const draw = () => {
      const at = /** @type {HTMLElement | null} */ (body.contains(globalThis.document.activeElement) ? globalThis.document.activeElement : null)?.dataset.at;
      body.replaceChildren(about(), side("input"), side("output"), widgets());
      if (at) /** @type {HTMLElement | null} */ (body.querySelector(`[data-at="${CSS.escape(at)}"]`))?.focus();
    };
    /** @param {string} label @param {() => void} change */
    const doing = (label, change) => () => {
      document.edit(label, change);
      draw();
    };

    const about = () => h("section", { class: "subgraph-about" },
      field("subgraph.name", definition.name, "name", (value) => document.edit("undo.subgraph-rename", () => document.renameDefinition(definition, value.trim() || definition.name))),
      field("subgraph.description", definition.raw?.description ?? "", "description", (value) => describe("description", value)),
      field("subgraph.category", definition.raw?.category ?? "", "category", (value) => describe("category", value)),
      h("p", { class: "subgraph-count" }, t("subgraph.instances", { count: document.liveInstancesOf(definition).length })));

    /** @param {string} key @param {string} value */
    const describe = (key, value) => document.edit("undo.subgraph-rename", () => {
      const { [key]: _, ...rest } = definition.raw ?? { version: 1, revision: 0, config: {}, widgets: [], extra: {} };
      document.journal.set(definition.graph, definition, "raw", value ? { ...rest, [key]: value } : rest);
      document.changed.add(definition);
    });

    /** @param {string} label @param {string} value @param {string} at @param {(value: string) => void} change */
    const field = (label, value, at, change) => h("label", {}, h("span", {}, t(label)),
      h("input", { type: "text", value, data: { at }, on: { change: (/** @type {Event} */ event) => { change(/** @type {HTMLInputElement} */ (event.target).value); draw(); } } }));

    /** @param {Side} which */
    const side = (which) => {
      const slots = slotsOf(definition, which);
      return h("section", {},
        h("h3", {}, t(which === "input" ? "subgraph.inputs" : "subgraph.outputs")),
        h("ul", { class: "subgraph-slots" }, slots.map((slot, i) => {
          const name = slot.label ?? slot.name;
          /** @param {string} text @param {string} path @param {string} key @param {boolean} isDisabled @param {() => void} change */
          const button = (text, path, key, isDisabled, change) => h("button", { type: "button", class: "quiet", disabled: isDisabled, title: text, "aria-label": `${text}: ${name}`, data: { at: `${which}-${key}-${slot.name}` }, on: { click: doing("undo.subgraph-slots", change) } }, icon(path));
          return h("li", {},
            h("input", { type: "text", value: name, "aria-label": t("subgraph.rename-slot"), data: { at: `${which}-name-${i}` }, on: { change: (/** @type {Event} */ event) => doing("undo.subgraph-slots", () => void renameSlot(definition, which, i, /** @type {HTMLInputElement} */ (event.target).value))() } }),
            h("span", { class: "subgraph-type" }, slot.type),
            button(t("subgraph.slot-up"), "M12 19V5m-6 6l6-6 6 6", "up", i === 0, () => moveSlot(definition, which, i, i - 1)),
            button(t("subgraph.slot-down"), "M12 5v14m-6-6l6 6 6-6", "down", i === slots.length - 1, () => moveSlot(definition, which, i, i + 1)),
            button(t("subgraph.slot-remove"), "M6 6l12 12M18 6L6 18", "remove", false, () => removeSlot(definition, which, i)));
        })),
        h("button", { type: "button", data: { at: `${which}-add` }, on: { click: doing("undo.subgraph-slots", () => void addSlot(definition, which, "*", t(which === "input" ? "subgraph.new-input" : "subgraph.new-output"))) } }, t("subgraph.slot-add")));
    };

    const widgets = () => h("section", {}, h("h3", {}, t("subgraph.widgets")), definition.graph.inOrder().map((node) => {
      const own = node.widgets.filter((each) => !each.companionOf && !each.proxy);
      if (!own.length || !node.inputs.length) return null;
      return h("fieldset", {}, h("legend", {}, node.name), own.map((each) => {
        const slot = node.inputs.find((one) => (one.widget ?? one.name) === each.name);
        const isShown = promotedBy(node, "input", each.name) !== null;
        const change = () => (isShown ? demote(node, "input", each.name) : void promote(node, "input", each.name));
        return slot && h("label", { class: "subgraph-widget" }, h("input", {
          type: "checkbox", checked: isShown, disabled: slot.link !== null && !isShown, data: { at: `widget-${node.key}-${each.name}` },
          on: { change: doing(isShown ? "undo.subgraph-demote" : "undo.subgraph-promote", change) },
        }), h("span", {}, each.options.label ?? each.name));
      }));
    }));

    draw();
  }, { kind: "subgraph-dialog" });
}
