/**
 * A workflow as a plain page: its chosen fields, a button that runs it, and what came of it. `editor.services.form` says
 * whether it is shown. On a small screen that is how workflows open; `#form=NAME` opens one without the editor around it.
 */

import { addStyle, h, icon } from "../../core/dom.js";
import { hasField, isFormMode, readForm, setFormMode, toggleField, toggleOutput } from "./model.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { MenuItem } from "../../core/shell.js" */
/** @import { Press } from "../../core/view/pointer.js" */
/** @import { FormPage } from "./page.js" */

// Phones, upright or not. A narrow window with a mouse is no phone: there the graph can be worked with.
const SMALL = "(pointer: coarse) and (max-width: 700px), (pointer: coarse) and (max-height: 500px)";
const CHOICES = "heddle.views"; // where the browser keeps how workflows are shown on a small screen
const MOST_KEPT = 300; // names
const FORM = "M5 4h14v16H5zM8 8.5h8M8 12h8M8 15.5h5";

/** @type {Feature} */
export const form = {
  name: "form",
  needs: ["errors"],
  async install(editor) {
    const service = new FormService(editor);
    const { commands, events } = editor;
    const small = matchMedia(SMALL);
    const update = () => service.update();
    small.addEventListener("change", update);
    const follow = () => void service.openAddressed();
    addEventListener("hashchange", follow);
    const stops = [
      editor.offer("form", service),
      commands.addAll([
        { id: "form.toggle", title: "command.form", keys: ["alt+a"], inText: true, when: () => !service.isKiosk, run: () => service.show(service.isShown ? "graph" : "form") },
        { id: "form.edit", title: "command.form-edit", when: () => !service.isKiosk, run: () => service.edit() },
        { id: "form.field", title: "command.form-field", isHidden: true, run: ({ id, name }) => toggleField(editor.document, id, name) },
        { id: "form.output", title: "command.form-output", isHidden: true, run: ({ id }) => toggleOutput(editor.document, id) },
      ]),
      editor.addMenu(4, (press) => menuOf(editor, press)),
      events.on("document", update),
      editor.services.workflows.events.on("change", (document) => service.keepName(document)),
      events.on("seek", () => service.isShown && service.show("graph")),
      events.on("change", (document) => void (document === editor.document && service.update())),
    ];
    const button = h("button", { type: "button", class: "quiet form-switch", "aria-label": editor.text("command.form"), title: editor.text("command.form"), "aria-pressed": "false", on: { click: () => commands.run("form.toggle") } }, icon(FORM));
    editor.shell.barEnd.prepend(button);
    service.onShown = (isShown) => button.setAttribute("aria-pressed", String(isShown));
    await service.openAddressed();
    service.update();
    return () => {
      small.removeEventListener("change", update);
      removeEventListener("hashchange", follow);
      stops.forEach((stop) => stop());
      service.dispose();
      button.remove();
    };
  },
};

/** `editor.services.form` */
export class FormService {
  isShown = false;
  /** Nothing but the form of one workflow. */
  isKiosk = false;
  /** @type {(isShown: boolean) => void} */
  onShown = () => {};
  #editor;
  /** @type {Promise<FormPage> | null} */
  #opening = null;
  /** @type {FormPage | null} */
  #page = null;
  /** @type {Element | null} what had the keyboard when the form was opened */
  #before = null;
  /** @type {Promise<() => void> | null} */
  #style = null;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  #withStyle() {
    return (this.#style ??= addStyle("./form.css", import.meta.url));
  }

  dispose() {
    this.#hide();
    void this.#style?.then((remove) => remove());
    this.isKiosk = false;
    this.#editor.shell.root.classList.remove("is-kiosk");
  }

  /** How the open workflow is to be shown. @returns {"form" | "graph"} */
  get wanted() {
    const { document } = this.#editor;
    if (this.isKiosk) return "form";
    if (matchMedia(SMALL).matches) return this.#choiceOf(document) === "graph" ? "graph" : "form";
    return isFormMode(document) ? "form" : "graph";
  }

  /**
   * Changes how the open workflow is shown, also when it is opened again: on a small screen this browser remembers it,
   * otherwise its file does.
   * @param {"form" | "graph"} wanted
   */
  show(wanted) {
    const { document } = this.#editor;
    if (this.isKiosk) return;
    if (matchMedia(SMALL).matches) keepChoice(this.#namesOf(document), wanted);
    else setFormMode(document, wanted === "form");
    if (wanted === "form" && !this.isShown) this.#before = globalThis.document.activeElement;
    const { shell } = this.#editor;
    const isElsewhere = this.isShown && wanted === "graph" && !shell.stage.contains(globalThis.document.activeElement);
    this.update();
    if (wanted === "form") void this.#opening?.then((page) => this.isShown && page.focus());
    else if (isElsewhere) this.#giveBack();
  }

  /** The keyboard goes to what had it before the form was there, else to the graph. */
  #giveBack() {
    const before = this.#before;
    this.#before = null;
    const isThere = before instanceof HTMLElement && before !== globalThis.document.body && before.getClientRects().length > 0;
    (isThere ? before : this.#editor.view.element).focus({ preventScroll: true });
  }

  /** By what a workflow is known later, the surest first: what its file says, its place, its draft. @param {Document} document @returns {string[]} */
  #namesOf(document) {
    const state = this.#editor.services.workflows.stateOf(document);
    return [document.raw?.id, state.path, state.id].filter((each) => typeof each === "string" && each);
  }

  /** @param {Document} document */
  #choiceOf(document) {
    const kept = keptChoices();
    const name = this.#namesOf(document).find((each) => kept.has(each));
    return name === undefined ? undefined : kept.get(name);
  }

  /** It may be called otherwise now: what was chosen for it goes along. @param {Document} document */
  keepName(document) {
    const choice = this.#choiceOf(document);
    if (choice && this.#namesOf(document).some((each) => !keptChoices().has(each))) keepChoice(this.#namesOf(document), choice);
  }

  /** Shows what is wanted now. */
  update() {
    const isForm = this.wanted === "form";
    if (isForm) void this.#open().catch((error) => this.#editor.report(error));
    else this.#hide();
  }

  /** @returns {Promise<FormPage>} */
  async #open() {
    this.isShown = true;
    this.onShown(true);
    this.#opening ??= Promise.all([import("./page.js"), this.#withStyle()]).then(([{ FormPage }]) => new FormPage(this.#editor, this));
    const page = await this.#opening;
    if (!this.isShown) return page;
    const { canvas, over } = this.#editor.shell;
    const isLost = page.element.hidden && [canvas, over].some((each) => each.contains(globalThis.document.activeElement));
    this.#page = page;
    page.show();
    if (isLost) page.focus();
    return page;
  }

  #hide() {
    if (!this.isShown) return;
    this.isShown = false;
    this.onShown(false);
    const { canvas, over } = this.#editor.shell;
    canvas.inert = over.inert = false;
    if (this.#page?.element.contains(globalThis.document.activeElement)) this.#giveBack();
    this.#page = null;
    void this.#opening?.then((page) => {
      if (this.isShown) return;
      page.dispose();
      this.#opening = null;
    });
  }

  /**
   * Shows the field of a widget, if the form is shown and has it.
   * @param {string} nodeId  as the server has it
   * @param {string} input
   * @returns {boolean} whether it has
   */
  reveal(nodeId, input) {
    return this.#page?.fields.reveal(nodeId, input) ?? false;
  }

  /**
   * What of the shown form says a text: names, headings and values of its fields.
   * @param {string} text  in small letters
   */
  find(text) {
    return this.#page?.fields.find(text) ?? [];
  }

  /** Files for the fields of the form that is shown. @param {File[]} files @returns {File[]} those that no field takes */
  take(files) {
    return this.#page?.fields.take(files) ?? files;
  }

  /** Says that the form has no field for these. @param {File[]} files */
  refuse(files) {
    const name = files.map((each) => each.name).join(", ");
    this.#editor.shell.note(this.#editor.text("form.no-field", { name }), { kind: "error" });
  }

  /** The keyboard goes into the form that is shown. */
  focus() {
    this.#page?.focus();
  }

  /** Opens the list of what the form shows. */
  async edit() {
    if (!this.isShown) this.show("form");
    (await this.#open()).edit();
  }

  /** `#form=NAME`: the form of one workflow and nothing else, an address that can be sent to somebody. */
  async openAddressed() {
    const name = new URLSearchParams(location.hash.slice(1)).get("form");
    if (!name) return;
    const editor = this.#editor;
    const { workflows } = editor.services;
    try {
      const open = editor.documents.find((each) => workflows.stateOf(each).name === name && workflows.stateOf(each).path === null);
      if (open) editor.show(open); // an example that was opened before the page was loaded again
      else await workflows.openNamed(name);
      this.isKiosk = true;
      editor.shell.root.classList.add("is-kiosk");
      for (const side of /** @type {const} */ (["left", "right", "bottom"])) editor.shell.closePanel(side);
      editor.shell.notes.replaceChildren(); // they are of the other workflows
      await this.#open();
    } catch (error) {
      editor.report(error);
    } finally {
      delete document.documentElement.dataset.awaits; // see main.js
    }
  }
}

/** @param {Editor} editor @param {Press} press @returns {MenuItem[]} */
function menuOf(editor, { hit }) {
  if (!("node" in hit) || !editor.graph.nodes.has(hit.node.key)) return [];
  const { node } = hit;
  const id = editor.serverId(node);
  /** @type {MenuItem[]} */
  const items = [];
  const form = readForm(editor.document);
  if (hit.kind === "widget" && hit.place.input.widget && hit.place.input.widget !== "UPLOAD" && hit.place.input.widget !== "ADVANCED") {
    const { name } = hit.place.input;
    items.push({ title: "command.form-field", isChecked: hasField(form, id, name), run: () => editor.commands.run("form.field", { id, name }) });
  }
  if (node.spec?.isOutput) items.push({ title: "command.form-output", isChecked: form.outputs.some((each) => each.id === id), run: () => editor.commands.run("form.output", { id }) });
  return items;
}

/** @returns {Map<string, string>} */
function keptChoices() {
  try {
    return new Map(JSON.parse(localStorage.getItem(CHOICES) ?? "[]"));
  } catch {
    return new Map(); // nothing kept, or nothing that can be read
  }
}

/** @param {string[]} names  of one workflow @param {string} choice */
function keepChoice(names, choice) {
  const kept = keptChoices();
  for (const name of names) {
    kept.delete(name);
    kept.set(name, choice);
  }
  try {
    localStorage.setItem(CHOICES, JSON.stringify([...kept].slice(-MOST_KEPT)));
  } catch {
    // a browser that keeps nothing
  }
}
