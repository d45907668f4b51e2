/** Choosing what a form shows: its fields in order, with names and headings, and all that could be among them. */

import { CLOSE, h, icon } from "../../core/dom.js";
import { isVirtual } from "../../core/catalogue.js";
import { nameOf } from "./labels.js";
import { changeForm, moveEntry, readForm, setLook, toggleField, toggleOutput } from "./model.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Graph, Node } from "../../core/graph.js" */
/** @import { Field, Form } from "./model.js" */

const UP = "M6 15l6-6 6 6";
const DOWN = "M6 9l6 6 6-6";
const GRIP = "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01";
const DEEPEST = 20; // subgraphs in each other

/**
 * @param {Editor} editor
 * @param {HTMLElement} element
 * @param {() => void} done
 * @returns {() => void} empties it
 */
export function fillBuilder(editor, element, done) {
  const t = editor.text.bind(editor);
  let filter = "";
  /** @type {string | null} key of the field */
  let dragged = null;
  /** @type {Map<string, ReturnType<typeof newRow>>} */
  let rows = new Map();
  const list = h("ol", { class: "builder-list" });
  const outputs = h("div", { class: "builder-outputs" });
  const all = h("div", { class: "builder-all" });
  const search = h("input", { type: "search", placeholder: t("form.find"), "aria-label": t("form.find"), on: { input: () => { filter = search.value.trim().toLowerCase(); showAll(readForm(editor.document)); } } });
  element.replaceChildren(
    h("header", { class: "builder-head" }, h("h3", {}, t("form.shown")), h("button", { type: "button", class: "main", on: { click: done } }, t("form.done"))),
    list, outputs, h("h3", {}, t("form.all")), search, all);

  /** @param {string} key @param {(field: Field, form: Form, index: number) => void} change */
  const change = (key, change) => changeForm(editor.document, "undo.form", (form) => {
    const index = form.fields.findIndex((each) => keyOf(each) === key);
    if (index >= 0) change(form.fields[index], form, index);
  });

  /** @param {string} key @param {number | string} to  places further, or the field whose place it takes */
  function move(key, to) {
    if (document.activeElement instanceof HTMLInputElement) document.activeElement.blur(); // what is being typed counts
    change(key, (_, form, index) => moveEntry(form.fields, index, typeof to === "number" ? index + to : form.fields.findIndex((each) => keyOf(each) === to)));
    const row = rows.get(key)?.element;
    const wanted = [...(row?.querySelectorAll(to === -1 ? ".builder-up, .builder-down" : ".builder-down, .builder-up") ?? [])].filter((each) => !each.hasAttribute("disabled"));
    /** @type {HTMLElement | undefined} */ (to === -1 ? wanted[0] : wanted.at(-1))?.focus();
  }

  /** @param {string} key @param {boolean} isThere */
  function newRow(key, isThere) {
    /** @param {string} shape @param {() => void} run @param {string} [kind] */
    const button = (shape, run, kind = "") => h("button", { type: "button", class: `quiet ${kind}`, on: { click: run } }, icon(shape));
    /** @param {"label" | "heading"} name */
    const text = (name) => h("input", { type: "text", class: `builder-${name}`, on: {
      change: (/** @type {Event} */ event) => change(key, (each) => setLook(each, name, /** @type {HTMLInputElement} */ (event.target).value.trim())),
    } });
    const [heading, label, place] = [text("heading"), text("label"), h("p", { class: "builder-place" })];
    const [up, down, out] = [button(UP, () => move(key, -1), "builder-up"), button(DOWN, () => move(key, 1), "builder-down"), button(CLOSE, () => change(key, (_, form, index) => form.fields.splice(index, 1)))];
    const element = h("li", { class: isThere ? "" : "is-gone", on: {
      dragstart: (/** @type {DragEvent} */ event) => { dragged = key; event.dataTransfer?.setData("application/x-heddle-field", key); },
      dragover: (/** @type {DragEvent} */ event) => dragged !== null && event.preventDefault(),
      drop: (/** @type {DragEvent} */ event) => { event.preventDefault(); if (dragged !== null && dragged !== key) move(dragged, key); dragged = null; },
      dragend: () => (dragged = null),
      keydown: (/** @type {KeyboardEvent} */ event) => {
        if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
        event.preventDefault();
        event.stopPropagation();
        move(key, event.key === "ArrowUp" ? -1 : 1);
      },
    } },
      h("span", { class: "builder-grip", draggable: "true", "aria-hidden": "true" }, icon(GRIP)),
      h("div", { class: "builder-texts" }, heading, label, place),
      h("div", { class: "builder-tools" }, up, down, out));
    /** @param {Field} field @param {number} index @param {Form} form */
    const update = (field, index, form) => {
      const what = isThere ? nameOf(editor, field, form.fields) : field.name;
      for (const [input, name, placeholder] of /** @type {const} */ ([[heading, "heading", t("form.no-heading")], [label, "label", isThere ? nameOf(editor, { ...field, look: {} }, []) : field.name]])) {
        if (document.activeElement !== input) input.value = String(field.look[name] ?? "");
        input.placeholder = placeholder;
        input.setAttribute("aria-label", t(`form.${name}`, { name: what }));
      }
      for (const [each, name] of /** @type {const} */ ([[up, "form.up"], [down, "form.down"], [out, "form.take-out"]])) {
        each.title = t(name, { name: what });
        each.setAttribute("aria-label", each.title);
      }
      up.disabled = index === 0;
      down.disabled = index === form.fields.length - 1;
      place.textContent = field.node && isThere ? `${field.node.name} · ${field.name}` : t("form.gone", { id: field.id, name: field.name });
    };
    return { element, isThere, update };
  }

  /** @param {string} text @param {() => void} toggle @param {string} key */
  const check = (text, toggle, key) => h("label", { class: "builder-check" }, h("input", { type: "checkbox", data: { key }, on: { change: toggle } }), h("span", {}, text));

  /**
   * Builds boxes anew only if they are other ones: one that is being clicked must stay.
   * @param {HTMLElement} holder
   * @param {{legend: string, boxes: {text: string, key: string, toggle: () => void}[]}[]} parts
   * @param {(key: string) => boolean} isOn
   */
  function showBoxes(holder, parts, isOn) {
    const shape = JSON.stringify(parts.map(({ legend, boxes }) => [legend, boxes.map((each) => [each.text, each.key])]));
    if (holder.dataset.shape !== shape) {
      holder.dataset.shape = shape;
      const made = parts.map(({ legend, boxes }) => h("fieldset", {}, h("legend", {}, legend), boxes.map((each) => check(each.text, each.toggle, each.key))));
      holder.replaceChildren(...(made.length ? made : [h("p", { class: "form-none" }, t("form.none-found"))]));
    }
    for (const box of holder.querySelectorAll("input")) box.checked = isOn(box.dataset.key ?? "");
  }

  /** @param {Form} form */
  function showAll(form) {
    const parts = [];
    for (const { node, id, around } of nodesIn(editor.document.root)) {
      if (isVirtual(node.type)) continue;
      const inputs = node.widgets.filter((each) => each.widget !== "UPLOAD" && !each.options.hidden);
      const shown = inputs.filter((each) => !filter || `${node.name} ${around} ${each.name}`.toLowerCase().includes(filter));
      if (!shown.length) continue;
      parts.push({ legend: around ? `${around} › ${node.name}` : node.name, boxes: shown.map((each) => ({
        text: nameOf(editor, { id, name: each.name, look: {}, node, spec: each }, []) + (node.isDriven(each.name) ? ` (${t("form.driven-short")})` : ""),
        key: `${id} ${each.name}`,
        toggle: () => toggleField(editor.document, id, each.name),
      })) });
    }
    const chosen = new Set(form.fields.map(keyOf));
    showBoxes(all, parts, (key) => chosen.has(key));
  }

  function show() {
    const form = readForm(editor.document);
    const before = rows;
    rows = new Map(form.fields.map((field) => {
      const isThere = field.node !== null && field.spec !== null;
      const known = before.get(keyOf(field));
      return [keyOf(field), known?.isThere === isThere ? known : newRow(keyOf(field), isThere)];
    }));
    const wanted = [...rows.values()].map((each) => each.element);
    if (wanted.length !== list.children.length || wanted.some((each, i) => list.children[i] !== each)) list.replaceChildren(...(wanted.length ? wanted : [h("li", { class: "form-none" }, t("form.no-fields"))]));
    form.fields.forEach((field, i) => rows.get(keyOf(field))?.update(field, i, form));
    const ids = new Set(form.outputs.map((each) => each.id));
    const boxes = [...nodesIn(editor.document.root)].filter(({ node }) => node.spec?.isOutput)
      .map(({ node, id, around }) => ({ text: around ? `${around} › ${node.name}` : node.name, key: id, toggle: () => toggleOutput(editor.document, id) }));
    showBoxes(outputs, [{ legend: t("form.outputs"), boxes }], (key) => ids.has(key));
    showAll(form);
  }

  const stops = [
    editor.events.on("change", (document) => void (document === editor.document && show())),
    editor.events.on("document", () => {
      rows.clear();
      show();
    }),
  ];
  show();
  /** @type {HTMLElement | null} */ (list.querySelector(".builder-label"))?.focus();
  return () => stops.forEach((stop) => stop());
}

/** @param {{id: string, name: string}} field */
function keyOf({ id, name }) {
  return `${id} ${name}`;
}

/**
 * Every node, also inside of subgraphs.
 * @param {Graph} graph
 * @param {Node[]} [path]
 * @returns {Iterable<{node: Node, id: string, around: string}>} `around`: names of the subgraphs that it is in
 */
function* nodesIn(graph, path = []) {
  for (const node of graph.inOrder()) {
    yield { node, id: [...path.map((each) => each.id), node.id].join(":"), around: path.map((each) => each.name).join(" › ") };
    const definition = graph.document.definitions.get(node.type);
    if (definition && path.length < DEEPEST) yield* nodesIn(definition.graph, [...path, node]);
  }
}
