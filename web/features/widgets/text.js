/** STRING: one line, or a text that fills the room that its node has. */

import { h } from "../../core/dom.js";
import { textOfValue } from "../../core/json.js";
import { TEXT_PX } from "../../core/view/pen.js";
import { labelOf, setValue } from "./fields.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Pen } from "../../core/view/pen.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Widgets } from "./widgets.js" */

// The field that one types into has the same, so that the text stands still when it opens (widgets.css).
export const LINE_HEIGHT = 16;
export const PADDING = 6;
const LONG_HEIGHT = 60;
const NEW_HEIGHT = 120; // on a node whose height nobody chose
const WEIGHT_STEP = 0.05;
const MOST_LINES = 3000; // that are drawn of a text; the field shows all of it

/** @param {InputSpec} input */
export function isLong({ options }) {
  return Boolean(options.multiline);
}

/** Lines and places of long texts, kept until they change. */
export class TextPlaces {
  /** @type {WeakMap<Node, Map<string, {text: string, width: number, letters: object, lines: string[], scroll: number}>>} */
  #known = new WeakMap();

  /** @param {Pen["letters"]} letters @param {Node} node @param {string} name @param {number} width */
  of(letters, node, name, width) {
    let places = this.#known.get(node);
    if (!places) this.#known.set(node, (places = new Map()));
    const text = textOfValue(node.values[name]);
    let place = places.get(name);
    if (!place || place.text !== text || place.letters !== letters || Math.abs(place.width - width) > 0.5) {
      place = { text, width, letters, lines: letters.wrap(text, width - 2 * PADDING - 2, 12, MOST_LINES), scroll: place?.scroll ?? 0 };
      places.set(name, place);
    }
    return place;
  }

  /** How far down a text is scrolled, graph px. @param {Node} node @param {string} name */
  scrollOf(node, name) {
    return this.#known.get(node)?.get(name)?.scroll ?? 0;
  }

  /** @param {Node} node @param {string} name @param {number} scroll @param {number} height  of the widget @returns {boolean} whether it moved */
  scrollTo(node, name, scroll, height) {
    const place = this.#known.get(node)?.get(name);
    if (!place) return false;
    const most = Math.max(0, place.lines.length * LINE_HEIGHT + 2 * PADDING - height);
    const next = Math.min(most, Math.max(0, scroll));
    const moved = next !== place.scroll;
    place.scroll = next;
    return moved;
  }
}

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function textKind(editor, widgets) {
  /** @param {Node} node @param {InputSpec} input */
  const edit = (node, input) => {
    const long = isLong(input);
    const field = widgets.fields.open(node, input, long ? "textarea" : "input", textOfValue(node.values[input.name]), {
      commit: (text) => setValue(editor, node, input.name, text),
      keepsOnEscape: true,
      onTab: (step) => widgets.editNext(node, input, step),
      onClose: () => {
        if (long) widgets.texts.scrollTo(node, input.name, field.scrollTop, field.clientHeight);
      },
    });
    if (long) {
      field.addEventListener("keydown", (event) => hearWeightKey(/** @type {KeyboardEvent} */ (event)));
      field.scrollTop = widgets.texts.scrollOf(node, input.name);
      field.setSelectionRange(field.value.length, field.value.length);
      if (!widgets.texts.scrollOf(node, input.name)) field.scrollTop = 0;
    }
    return true;
  };
  return {
    height: (node, input) => (isLong(input) ? (node.height ? LONG_HEIGHT : NEW_HEIGHT) : 20),
    grows: (_, input) => isLong(input),
    edit,
    text: textOfValue,
    draw(pen, node, input, box) {
      if (widgets.fields.isOpen(node, input.name)) {
        pen.box(box, pen.theme.field, { radius: 6 });
        return;
      }
      if (!isLong(input)) {
        const value = textOfValue(node.values[input.name]);
        pen.box(box, pen.theme.field, { radius: 6 });
        if (pen.isNear) pen.pair(box, labelOf(node, input), value || String(input.options.placeholder ?? ""), value ? { colour: colourOf(pen, node, input) } : { colour: pen.theme.faint });
        return;
      }
      if (input.options.markdown && widgets.notes.see(node, input, box)) {
        pen.box(box, pen.theme.field, { radius: 6 });
        return;
      }
      drawLong(pen, widgets, node, input, box);
    },
    press: (_, node, input, box, press) => ({
      end: (now, moved) => {
        if (moved) return;
        if (input.options.markdown && !widgets.isSecondClick(node, input)) return; // a note is read more often than written
        edit(node, input);
        widgets.caretTo(press.x - box.left, press.y - box.top);
      },
    }),
    control(_, node, input) {
      const field = isLong(input)
        ? h("textarea", { rows: 4, placeholder: input.options.placeholder, spellcheck: "true", "aria-label": labelOf(node, input) })
        : h("input", { type: "text", placeholder: input.options.placeholder, "aria-label": labelOf(node, input) });
      let shown = ""; // a field may hold less than the value: it knows no \r
      const take = () => {
        if (field.value === shown) return;
        shown = field.value;
        setValue(editor, node, input.name, shown);
      };
      field.addEventListener("change", take);
      if (isLong(input)) field.addEventListener("keydown", (event) => hearWeightKey(/** @type {KeyboardEvent} */ (event)));
      field.addEventListener("keydown", (event) => {
        const { ctrlKey, metaKey } = /** @type {KeyboardEvent} */ (event);
        if (ctrlKey || metaKey) take(); // Ctrl+Enter runs with what stands here
      });
      return widgets.controls.add(h("span", { class: "control control-text" }, field), () => {
        const value = textOfValue(node.values[input.name]);
        field.setAttribute("aria-invalid", String(isWrong(node, input)));
        if (field.value === value || document.activeElement === field) return;
        field.value = value;
        shown = field.value;
      });
    },
  };
}

/** Whether a text widget holds what is none. @param {Node} node @param {InputSpec} input */
function isWrong(node, input) {
  return typeof node.values[input.name] === "object" && node.values[input.name] !== null;
}

/** @param {Pen} pen @param {Node} node @param {InputSpec} input */
function colourOf(pen, node, input) {
  return isWrong(node, input) ? pen.theme.error : pen.theme.fieldText;
}

/** Ctrl and an arrow up or down weigh the words that are marked. @param {KeyboardEvent} event */
function hearWeightKey(event) {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.isComposing || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
  event.preventDefault(); // the commands of the page leave it alone, too
  const field = /** @type {HTMLTextAreaElement} */ (event.target);
  const by = event.key === "ArrowUp" ? WEIGHT_STEP : -WEIGHT_STEP;
  void import("./weights.js").then(({ reweighIn }) => reweighIn(field, by));
}

/** @param {Pen} pen @param {Widgets} widgets @param {Node} node @param {InputSpec} input @param {Box} box */
function drawLong(pen, widgets, node, input, box) {
  const { context, theme } = pen;
  pen.box(box, theme.field, { radius: 6 });
  if (!pen.isNear) return;
  const place = widgets.texts.of(pen.letters, node, input.name, box.right - box.left);
  if (!place.text) {
    pen.text(String(input.options.placeholder ?? labelOf(node, input)), box.left + PADDING + 1, box.top + PADDING + LINE_HEIGHT / 2, { colour: theme.faint, width: box.right - box.left - 2 * PADDING });
    return;
  }
  const height = box.bottom - box.top;
  const total = place.lines.length * LINE_HEIGHT + 2 * PADDING;
  place.scroll = Math.max(0, Math.min(place.scroll, total - height));
  const first = Math.max(0, Math.floor((place.scroll - PADDING) / LINE_HEIGHT));
  const last = Math.min(place.lines.length, Math.ceil((place.scroll + height - PADDING) / LINE_HEIGHT));
  const isCut = total > height + 1;
  if (isCut) {
    context.save();
    context.beginPath();
    context.rect(box.left, box.top + 1, box.right - box.left, height - 2);
    context.clip();
  }
  pen.font(12);
  context.fillStyle = colourOf(pen, node, input);
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (let i = first; i < last; i++) {
    if (place.lines[i]) context.fillText(place.lines[i], box.left + PADDING + 1, box.top + PADDING + LINE_HEIGHT * (i + 0.5) - place.scroll);
  }
  if (isCut) {
    context.restore();
    const bar = Math.max(12, (height * height) / total);
    const top = box.top + ((height - bar) * place.scroll) / Math.max(1, total - height);
    pen.box({ left: box.right - 4, right: box.right - 1.5, top: top + 1, bottom: top + bar - 1 }, theme.title, { radius: 1.5 });
  }
}

/**
 * Notes in markdown: elements that lie over the canvas as long as they are near; nothing of them takes the pointer but
 * their links.
 */
export class Notes {
  #editor;
  /** @type {Map<Node, {element: HTMLElement, text: string, name: string, isSeen: boolean}>} */
  #shown = new Map();
  /** @type {Map<Node, {input: InputSpec, box: Box}>} */
  #seen = new Map();
  #isDrawn = false;
  /** Loaded with the first note. @type {typeof import("./markdown.js").renderMarkdown | null} */
  #render = null;
  /** @type {Promise<void> | null} */
  #loading = null;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  begin() {
    this.#seen.clear();
    this.#isDrawn = true;
  }

  /** @param {Node} node @param {InputSpec} input @param {Box} box @returns {boolean} whether it is shown as an element */
  see(node, input, box) {
    if (this.#editor.view.scale < 0.4 || this.#seen.size >= 40 || !node.values[input.name]) return false;
    this.#seen.set(node, { input, box });
    return true;
  }

  settle() {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    const { view, shell } = this.#editor;
    for (const each of this.#shown.values()) each.isSeen = false;
    for (const [node, { input, box }] of this.#seen) {
      const text = this.#editor.messages.whole(String(node.values[input.name])); // the file keeps its own
      let note = this.#shown.get(node);
      if (!note) {
        const element = h("div", { class: "widget-note" });
        shell.over.prepend(element);
        this.#shown.set(node, (note = { element, text: "", name: input.name, isSeen: true }));
      }
      if (!this.#render) {
        this.#loading ??= this.#load();
      } else if (note.text !== text) {
        note.text = text;
        note.element.replaceChildren(...this.#render(text, this.#editor.text("widgets.picture")));
      }
      note.isSeen = true;
      const { x, y } = view.toScreen(box.left, box.top);
      const { style } = note.element;
      style.width = `${box.right - box.left}px`;
      style.height = `${box.bottom - box.top}px`;
      style.fontSize = `${TEXT_PX * view.textScale}px`;
      style.transform = `translate(${x}px, ${y}px) scale(${view.scale})`;
    }
    for (const [node, { element, isSeen }] of this.#shown) {
      if (isSeen) continue;
      element.remove();
      this.#shown.delete(node);
    }
  }

  async #load() {
    try {
      this.#render = (await import("./markdown.js")).renderMarkdown;
      this.#editor.view.redraw();
    } catch (error) {
      this.#editor.report(error);
    }
  }

  /** @param {Node} node @param {number} delta @returns {boolean} whether it moved */
  scroll(node, delta) {
    const element = this.#shown.get(node)?.element;
    if (!element) return false;
    const before = element.scrollTop;
    element.scrollTop += delta;
    return element.scrollTop !== before;
  }

  clear() {
    for (const { element } of this.#shown.values()) element.remove();
    this.#shown.clear();
    this.#seen.clear();
  }
}
