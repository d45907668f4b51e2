/** What all widgets share: their names, setting values, and elements that lie over a widget while one types into it. */

import { h } from "../../core/dom.js";
import { TEXT_PX } from "../../core/view/pen.js";
import { wordFor } from "../../core/words.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Box } from "../../core/view/spatial.js" */

const PAUSE_MS = 2000; // a person who types on for long should not lose it all

/** What a widget is called. @param {Node} node @param {InputSpec} input @returns {string} */
export function labelOf(node, input) {
  const slot = node.input(input.name);
  const { options } = input;
  const told = slot?.label ?? options.label ?? wordFor(node.spec, "inputs", input.name) ?? slot?.raw?.localized_name ?? options.display_name;
  // What an option brought is called after it: "mode.width". Other names may have dots of their own.
  return told ?? (node.spec?.isDynamic ? (/[^.]+$/.exec(input.name)?.[0] ?? input.name) : input.name);
}

/**
 * One step of undo.
 * @param {Editor} editor
 * @param {Node} node
 * @param {string} name
 * @param {any} value
 */
export function setValue(editor, node, name, value) {
  if (Object.is(node.values[name], value)) return;
  node.graph.document.edit("undo.value", () => node.graph.setValue(node, name, value));
}

/**
 * @typedef {object} FieldOptions
 * @property {(text: string) => void} commit  takes what was typed; also called in pauses of a long text
 * @property {boolean} [keepsOnEscape]
 * @property {(step: number) => void} [onTab]
 * @property {() => void} [onClose]
 * @property {(box: Box) => Box} [part]  of the widget, where it does not lie over all of it
 */

/** The one field that is open over the canvas. */
export class FieldLayer {
  #editor;
  /** @type {{node: Node, name: string, element: HTMLInputElement | HTMLTextAreaElement, options: FieldOptions, before: string, stop: AbortController} | null} */
  #open = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  /** @param {Node} node @param {string} name */
  isOpen(node, name) {
    return this.#open?.node === node && this.#open.name === name;
  }

  get element() {
    return this.#open?.element ?? null;
  }

  /**
   * Lays a field exactly over a widget.
   * @param {Node} node
   * @param {InputSpec} input
   * @param {"input" | "textarea"} tag
   * @param {string} text
   * @param {FieldOptions} options
   */
  open(node, input, tag, text, options) {
    this.close(true);
    const { view, shell } = this.#editor;
    const isLong = tag === "textarea";
    const element = h(tag, {
      class: `widget-field ${isLong ? "widget-field-long" : "widget-field-short"}`, "aria-label": `${node.name}: ${labelOf(node, input)}`,
      autocomplete: "off", autocapitalize: "off", spellcheck: isLong && this.#editor.settings.read("spellcheck", true) ? "true" : "false",
      ...(isLong ? { placeholder: input.options.placeholder } : { type: "text", inputmode: input.widget === "STRING" ? "text" : "decimal" }),
    });
    element.value = text;
    const stop = new AbortController();
    const { signal } = stop;
    this.#open = { node, name: input.name, element, options, before: element.value, stop }; // a field knows no \r, and one line no \n
    shell.over.append(element);
    this.#follow();
    stop.signal.addEventListener("abort", view.events.on("drawn", () => this.#follow()));
    stop.signal.addEventListener("abort", view.events.on("graph", () => this.close(true)));
    element.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)), { signal });
    element.addEventListener("blur", () => this.close(true), { signal });
    element.addEventListener("input", () => {
      clearTimeout(this.#pause);
      if (isLong) this.#pause = setTimeout(() => this.#commit(), PAUSE_MS);
    }, { signal });
    element.addEventListener("wheel", (event) => {
      const wheel = /** @type {WheelEvent} */ (event);
      if (isLong && !wheel.ctrlKey && element.scrollHeight > element.clientHeight + 1) return; // it scrolls
      wheel.preventDefault();
      view.element.dispatchEvent(new WheelEvent("wheel", wheel));
    }, { signal, passive: false });
    addEventListener("pagehide", () => this.#commit(), { signal });
    element.focus({ preventScroll: true });
    element.select();
    view.redraw();
    return element;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const open = this.#open;
    if (!open || event.isComposing || event.keyCode === 229) return; // keys that make up a word are the input method's
    const isLong = open.element instanceof HTMLTextAreaElement;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close(Boolean(open.options.keepsOnEscape), true);
    } else if (event.key === "Enter" && !isLong && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      event.stopPropagation();
      this.close(true, true);
    } else if (event.key === "Tab" && open.options.onTab) {
      event.preventDefault();
      event.stopPropagation();
      const { onTab } = open.options;
      this.close(true, true);
      onTab(event.shiftKey ? -1 : 1);
    } else if ((event.ctrlKey || event.metaKey) && !"acvxyz".includes(event.key.toLowerCase())) {
      this.#commit(); // Ctrl+Enter runs, Ctrl+S saves what stands here
    }
  }

  /** Places it anew: the view moved or the node changed its size. */
  #follow() {
    const open = this.#open;
    if (!open) return;
    const { view } = this.#editor;
    const { node, element } = open;
    view.settle();
    const place = view.graph.node(node.id) === node ? view.layouts.of(node).widgets.find((each) => each.input.name === open.name) : undefined;
    if (!place || view.scale < 0.2) {
      this.close(true);
      return;
    }
    const whole = view.widgetBox(node, place);
    const box = open.options.part?.(whole) ?? whole;
    const { x, y } = view.toScreen(box.left, box.top);
    element.style.width = `${box.right - box.left}px`;
    element.style.height = `${box.bottom - box.top}px`;
    element.style.fontSize = `${TEXT_PX * view.textScale}px`;
    element.style.transform = `translate(${x}px, ${y}px) scale(${view.scale})`;
  }

  #commit() {
    clearTimeout(this.#pause);
    const open = this.#open;
    if (open && open.element.value !== open.before) {
      open.before = open.element.value;
      open.options.commit(open.element.value);
    }
  }

  /**
   * @param {boolean} keep  what was typed
   * @param {boolean} [toCanvas]  the keyboard goes back to the canvas
   */
  close(keep, toCanvas = false) {
    const open = this.#open;
    if (!open) return;
    clearTimeout(this.#pause);
    if (keep) this.#commit();
    this.#open = null;
    open.stop.abort();
    open.options.onClose?.();
    open.element.remove();
    if (toCanvas) this.#editor.view.element.focus({ preventScroll: true });
    this.#editor.view.redraw();
  }
}

/** Controls that are on the page: each shows what its widget holds, also after undo. */
export class LiveControls {
  /** @type {Set<WeakRef<HTMLElement>>} */
  #controls = new Set();
  /** @type {WeakMap<HTMLElement, () => void>} */
  #refresh = new WeakMap();

  /**
   * @template {HTMLElement} T
   * @param {T} element
   * @param {() => void} refresh  shows the value again
   * @returns {T}
   */
  add(element, refresh) {
    this.#controls.add(new WeakRef(element));
    this.#refresh.set(element, refresh);
    refresh();
    return element;
  }

  /** Something changed. */
  refresh() {
    for (const ref of this.#controls) {
      const element = ref.deref();
      if (element) this.#refresh.get(element)?.();
      else this.#controls.delete(ref);
    }
  }
}
