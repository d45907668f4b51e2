/** A node's properties as a form, and the choice of a colour of one's own. */

import { h } from "../../core/dom.js";
import { BYPASSED, MUTED, NORMAL } from "../../core/graph.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */

/** @param {Editor} editor @param {Node} node */
export function openProperties(editor, node) {
  /** @param {string} key */
  const t = (key) => editor.text(key);
  const { graph } = editor;
  const { width, height } = editor.view.layouts.of(node);
  const title = h("input", { type: "text", autofocus: true, value: node.title ?? "", placeholder: node.spec?.title ?? node.type });
  const wide = h("input", { type: "number", value: Math.round(width), min: 60, max: 10000 });
  const high = h("input", { type: "number", value: Math.round(height), min: 20, max: 10000 });
  const mode = h("select", {}, [[NORMAL, "mode.normal"], [MUTED, "mode.muted"], [BYPASSED, "mode.bypassed"]].map(([value, key]) => h("option", { value, selected: node.mode === value }, t(String(key)))));
  mode.value = String(node.mode);
  const colour = h("input", { type: "text", value: node.color ?? "", placeholder: "#335" });
  const ground = h("input", { type: "text", value: node.bgcolor ?? "", placeholder: "#335" });
  /** @type {{name: HTMLInputElement, value: HTMLInputElement, row: HTMLElement}[]} */
  const rows = [];
  const table = h("div", { style: { display: "grid", gap: "6px" } });
  /** @param {string} name @param {string} value */
  const addRow = (name, value) => {
    const entry = {
      name: h("input", { type: "text", value: name, "aria-label": t("properties.name"), style: { width: "40%" } }),
      value: h("input", { type: "text", value, "aria-label": t("properties.value"), style: { flex: 1, "min-width": 0 } }),
      row: h("div", { style: { display: "flex", gap: "6px" } }),
    };
    entry.row.append(entry.name, entry.value, h("button", { type: "button", on: { click: () => { entry.row.remove(); rows.splice(rows.indexOf(entry), 1); } } }, t("properties.remove")));
    rows.push(entry);
    table.append(entry.row);
  };
  for (const [name, value] of Object.entries(node.properties)) addRow(name, typeof value === "string" ? value : JSON.stringify(value));
  /** @param {string} key @param {HTMLElement} field */
  const line = (key, field) => h("label", { style: { display: "grid", "grid-template-columns": "130px 1fr", "align-items": "center", gap: "8px" } }, h("span", {}, t(key)), field);

  void editor.shell.dialog(t("command.node-properties"), (body, close) => {
    const form = h("form", { method: "dialog", style: { display: "grid", gap: "8px", width: "min(520px, 84vw)" }, on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      editor.edit("undo.properties", apply);
      close();
    } } },
      line("properties.title", title), line("properties.type", h("code", { style: { "overflow-wrap": "anywhere" } }, node.type)), line("properties.id", h("code", {}, String(node.id))),
      line("properties.mode", mode), line("properties.width", wide), line("properties.height", high), line("properties.colour", colour), line("properties.ground", ground),
      h("h3", { style: { margin: "8px 0 0", "font-size": "14px" } }, t("properties.more")), table,
      h("div", {}, h("button", { type: "button", on: { click: () => addRow("", "") } }, t("properties.add"))),
      h("div", { class: "dialog-actions" }, h("button", { type: "button", on: { click: close } }, t("shell.cancel")), h("button", { type: "submit", class: "main" }, t("shell.ok"))));
    body.append(form);
  });

  function apply() {
    graph.setNode(node, "title", title.value.trim() || undefined);
    graph.setNode(node, "mode", Number(mode.value));
    if (Number(wide.value) !== Math.round(width)) graph.setNode(node, "width", Number(wide.value) || node.width);
    if (Number(high.value) !== Math.round(height)) graph.setNode(node, "height", Number(high.value) || node.height);
    graph.setNode(node, "color", colour.value.trim() || undefined);
    graph.setNode(node, "bgcolor", ground.value.trim() || undefined);
    const properties = Object.fromEntries(rows.filter(({ name }) => name.value.trim()).map(({ name, value }) => [name.value.trim(), valueOf(node.properties[name.value.trim()], value.value)]));
    if (JSON.stringify(properties) !== JSON.stringify(node.properties)) graph.setNode(node, "properties", properties);
  }
}

/** What was a text stays one; everything else is read as JSON, and as a text if it is none. @param {any} before @param {string} typed */
function valueOf(before, typed) {
  if (typeof before === "string") return typed;
  try {
    return JSON.parse(typed);
  } catch {
    return typed;
  }
}

/** @param {Editor} editor @param {string} value @returns {Promise<string | null>} */
export async function askColour(editor, value) {
  /** @type {string | null} */
  let given = null;
  await editor.shell.dialog(editor.text("colour.own"), (body, close) => {
    const field = h("input", { type: "color", "aria-label": editor.text("colour.own"), style: { width: "100%", height: "48px" } });
    field.value = /^#[0-9a-f]{6}$/i.test(value) ? value : "#335533";
    body.append(h("form", { method: "dialog", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); given = field.value; close(); } } }, field,
      h("div", { class: "dialog-actions" }, h("button", { type: "button", on: { click: close } }, editor.text("shell.cancel")), h("button", { type: "submit", class: "main" }, editor.text("shell.ok")))));
  });
  return given;
}
