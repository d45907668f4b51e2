/** The fields of a form: what edits a widget, its name, what it means, what is wrong with it. */

import { h, icon } from "../../core/dom.js";
import { kindOfFiles } from "../../core/file-inputs.js";
import { FileField } from "./files.js";
import { nameOf } from "./labels.js";
import { changeForm, setLook } from "./model.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Problem } from "../errors/problems.js" */
/** @import { Field, Form } from "./model.js" */

const ABOUT = "M12 11v6M12 7.5v.01M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18";
let last = 0; // number of the last field, for ids of elements

export class Fields {
  #editor;
  #isBuilding;
  /** What is shown: it is built anew when this is another one. */
  #key = "";
  /** @type {Field[]} */
  #shown = [];
  /** @type {Map<string, {row: HTMLElement, error: HTMLElement}>} by node and widget */
  #rows = new Map();
  /** @type {FileField[]} */
  #files = [];

  /** @param {Editor} editor @param {() => boolean} isBuilding */
  constructor(editor, isBuilding) {
    this.#editor = editor;
    this.#isBuilding = isBuilding;
    this.element = h("div", { class: "form-fields", role: "group", "aria-label": editor.text("form.fields") });
  }

  /** @param {Form} form @param {boolean} isKiosk */
  show(form, isKiosk) {
    const editor = this.#editor;
    const there = form.fields.filter((each) => each.node && each.spec && each.spec.widget !== "UPLOAD");
    const parts = there.map((each) => [each.id, each.name, each.look.heading, nameOf(editor, each, there), each.look.height, isDriven(each), each.spec?.widget]);
    const key = JSON.stringify([editor.documents.indexOf(editor.document), editor.services.workflows.stateOf(editor.document).id, parts]);
    if (key !== this.#key || there.some((each, i) => this.#shown[i]?.node !== each.node || this.#shown[i]?.spec !== each.spec)) {
      this.#key = key;
      this.#build(there, form.isChosen, isKiosk);
    }
    this.#files.forEach((each) => each.show());
  }

  /** @param {Field[]} fields @param {boolean} isChosen @param {boolean} isKiosk */
  #build(fields, isChosen, isKiosk) {
    const editor = this.#editor;
    this.#shown = fields;
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.closest("[data-field]")?.getAttribute("data-field") : null;
    this.#rows.clear();
    this.#files = [];
    /** @type {HTMLElement[]} */
    const rows = [];
    for (const field of fields) {
      if (field.look.heading) rows.push(h("h3", { class: "form-heading" }, String(field.look.heading)));
      rows.push(this.#row(field, fields, isChosen && !isKiosk));
    }
    if (!rows.length) {
      rows.push(h("div", { class: "form-none" }, h("p", {}, editor.text(editor.document.root.nodes.size ? "form.no-fields" : "form.no-workflow")),
        !isKiosk && h("button", { type: "button", on: { click: () => editor.commands.run(editor.document.root.nodes.size ? "form.edit" : "file.browse") } }, editor.text(editor.document.root.nodes.size ? "command.form-edit" : "command.browse"))));
    }
    this.element.replaceChildren(...rows);
    if (focused && !this.#isBuilding()) focusIn([...rows].find((each) => each.dataset.field === focused));
  }

  /** @param {Field} field @param {Field[]} fields @param {boolean} keepsHeight @returns {HTMLElement} */
  #row(field, fields, keepsHeight) {
    const editor = this.#editor;
    const node = /** @type {Node} */ (field.node);
    const spec = /** @type {InputSpec} */ (field.spec);
    const name = nameOf(editor, field, fields);
    const number = ++last;
    const error = h("p", { class: "form-error", id: `form-error-${number}`, hidden: true });
    const tip = typeof spec.options.tooltip === "string" ? spec.options.tooltip.trim() : "";
    const words = h("p", { class: "form-tip", id: `form-tip-${number}`, hidden: true }, tip);
    const about = tip ? h("button", { type: "button", class: "quiet form-about", "aria-label": editor.text("form.about", { name }), "aria-expanded": "false", "aria-controls": words.id, title: tip, on: { click: () => {
      words.hidden = !words.hidden;
      about?.setAttribute("aria-expanded", String(!words.hidden));
    } } }, icon(ABOUT)) : null;
    const control = this.#control(field, node, spec, name);
    nameControls(control, name, number, error.id);
    const first = control.querySelector("input:not([type=file]), select, textarea, button");
    const label = first?.id ? h("label", { class: "form-name", for: first.id }, name) : h("span", { class: "form-name" }, name);
    const area = control.querySelector("textarea");
    if (area && field.look.height) area.style.height = `${Number(field.look.height) || 96}px`;
    if (area && keepsHeight) this.#keepHeight(area, field);
    const row = h("div", { class: `form-field form-field-${(spec.widget ?? "").toLowerCase()}`, data: { field: `${field.id} ${field.name}` } },
      h("div", { class: "form-label" }, label, about), words, control, error);
    this.#rows.set(`${field.id} ${field.name}`, { row, error });
    return row;
  }

  /** @param {Field} field @param {Node} node @param {InputSpec} spec @param {string} name */
  #control(field, node, spec, name) {
    const editor = this.#editor;
    if (isDriven(field)) return h("p", { class: "form-driven" }, editor.text("form.driven"));
    const control = editor.services.widgets.control(node, spec);
    if (!kindOfFiles(spec)) return control;
    const file = new FileField(editor, node, spec, control, name);
    this.#files.push(file);
    return file.element;
  }

  /** How high a person pulled a text. @param {HTMLTextAreaElement} area @param {Field} field */
  #keepHeight(area, field) {
    let before = 0;
    area.addEventListener("pointerdown", () => (before = area.offsetHeight));
    area.addEventListener("pointerup", () => {
      const height = area.offsetHeight;
      if (!before || Math.abs(height - before) < 4) return;
      changeForm(this.#editor.document, "undo.form", (form) => {
        const found = form.fields.find((each) => each.id === field.id && each.name === field.name);
        if (found) setLook(found, "height", height);
      });
    });
  }

  /** The keyboard goes to the first field. @returns {boolean} whether there is one */
  focus() {
    return focusIn(this.element);
  }

  /** Brings a field into view; the keyboard goes to it. @param {string} id @param {string} name @returns {boolean} whether it is here */
  reveal(id, name) {
    const found = this.#rows.get(`${id} ${name}`);
    if (!found) return false;
    found.row.scrollIntoView({ block: "center" });
    focusIn(found.row);
    return true;
  }

  /**
   * Fields whose name, heading or value holds a text, from the top.
   * @param {string} text  in small letters
   * @returns {{id: string, name: string, title: string, value: string, mark(isFound: boolean): void}[]}
   */
  find(text) {
    return this.#shown.flatMap((field) => {
      const node = /** @type {Node} */ (field.node);
      const kind = this.#editor.kinds.of(field.spec?.widget ?? null);
      const held = node.values[field.name];
      const value = kind.text?.(held) ?? (held === null || held === undefined ? "" : String(held));
      const title = nameOf(this.#editor, field, this.#shown);
      const row = this.#rows.get(`${field.id} ${field.name}`)?.row;
      if (!row || ![title, String(field.look.heading ?? ""), value].some((each) => each.toLowerCase().includes(text))) return [];
      return [{ id: field.id, name: field.name, title, value, mark: (/** @type {boolean} */ isFound) => {
        row.classList.toggle("is-found", isFound);
        if (isFound) row.scrollIntoView({ block: "center" });
      } }];
    });
  }

  /**
   * Gives each file to the first field of its kind that has got none of them yet.
   * @param {File[]} files
   * @returns {File[]} those that no field takes
   */
  take(files) {
    const free = [...this.#files];
    return files.filter((file) => {
      const at = free.findIndex((each) => each.take(file));
      if (at >= 0) free.splice(at, 1);
      return at < 0;
    });
  }

  /**
   * @param {Problem[]} problems
   * @returns {Problem[]} those of no field here
   */
  showErrors(problems) {
    const others = [];
    /** @type {Map<string, string[]>} */
    const texts = new Map();
    for (const each of problems) {
      const key = `${each.nodeId} ${each.input}`;
      if (each.input && this.#rows.has(key)) texts.set(key, [...(texts.get(key) ?? []), each.message]);
      else others.push(each);
    }
    for (const [key, { row, error }] of this.#rows) {
      const text = (texts.get(key) ?? []).join("\n");
      if (error.textContent === text) continue;
      error.textContent = text;
      error.hidden = !text;
      row.classList.toggle("is-wrong", Boolean(text));
      if (text && key === texts.keys().next().value) row.scrollIntoView({ block: "nearest" });
    }
    return others;
  }
}

/** @param {Field} field @returns {boolean} whether its value comes from another node */
function isDriven({ node, name }) {
  return Boolean(node?.isDriven(name));
}

/** Those who hear the page hear the names that are seen. @param {HTMLElement} control @param {string} name @param {number} number @param {string} error */
function nameControls(control, name, number, error) {
  control.querySelectorAll("input, select, textarea, button").forEach((each, i) => {
    each.id ||= `form-field-${number}-${i}`;
    if (each.matches(".form-file *, .control-choose")) return; // these say more
    each.setAttribute("aria-label", name);
    each.setAttribute("aria-describedby", error);
  });
}

/** @param {HTMLElement | undefined} place @returns {boolean} whether there is something in it for the keyboard */
function focusIn(place) {
  const found = /** @type {HTMLElement[]} */ ([...place?.querySelectorAll("input, select, textarea, button:not(.form-about)") ?? []]).find((each) => each.getClientRects().length && !each.matches(":disabled"));
  found?.focus({ preventScroll: true });
  return Boolean(found);
}
