/** The kinds of widgets and what is common to them: pressing, choosing from lists, the wheel over long texts. */

import { addStyle, h } from "../../core/dom.js";
import { DYNAMIC_COMBO } from "../../core/spec.js";
import { cursorOfEdge } from "../../core/view/hits.js";
import { foldsAdvanced } from "../../core/view/layout.js";
import { Choices, comboKind, folderOf, modelsOf, textOf } from "./combo.js";
import { FieldLayer, labelOf, LiveControls, setValue } from "./fields.js";
import { laterKinds } from "./later.js";
import { numberKind } from "./number.js";
import { isLong, Notes, textKind, TextPlaces } from "./text.js";
import { toggleKind } from "./toggle.js";
import { acceptedBy, bring, buttonOf, listenForFiles, uploadKind } from "./upload.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Press } from "../../core/view/pointer.js" */

const DOUBLE_MS = 500;
/** What stands in for a camera or a microphone. @type {Record<string, string>} */
const CAPTURED = { WEBCAM: "image/*", AUDIO_RECORD: "audio/*,video/*" };
const LEAST_SCALE = 0.5; // below it no value can be read, so none is changed: a double-click comes near first

/** `editor.services.widgets`: what the kinds share, and what other features ask for. */
export class Widgets {
  /** Nodes that a file is on its way to: for which input the latest is. @type {Map<Node, Map<string, object>>} */
  uploading = new Map();
  /** What kinds that came later leave behind. @type {(() => void)[]} */
  cleanups = [];
  #editor;
  /** @type {import("./capture.js").Camera | null} */
  #camera = null;
  /** @type {{node: Node, name: string, ms: number} | null} */
  #lastClick = null;

  /**
   * Sends a file for an input of a node, which shows that meanwhile.
   * @param {Node} node
   * @param {string} name  of the input
   * @param {FormData} form
   * @returns {Promise<{path: string, isLatest: boolean}>} `isLatest`: no other was brought for the input meanwhile
   */
  async send(node, name, form) {
    const turn = {};
    const turns = this.uploading.get(node) ?? new Map();
    this.uploading.set(node, turns.set(name, turn));
    this.#editor.view.redraw();
    try {
      const answer = await this.#editor.server.post("/upload/image", form);
      return { path: answer.subfolder ? `${answer.subfolder}/${answer.name}` : answer.name, isLatest: turns.get(name) === turn };
    } finally {
      if (turns.get(name) === turn) turns.delete(name);
      if (!turns.size) this.uploading.delete(node);
      this.#editor.view.redraw();
    }
  }

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.fields = new FieldLayer(editor);
    this.controls = new LiveControls();
    this.texts = new TextPlaces();
    this.notes = new Notes(editor);
    this.choices = new Choices(editor);
  }

  /**
   * The element that edits a widget outside the canvas.
   * @param {Node} node
   * @param {InputSpec} input
   * @returns {HTMLElement}
   */
  control(node, input) {
    const kind = this.#editor.kinds.of(input.widget);
    return kind.control?.(this.#editor, node, input) ?? this.#plainControl(node, input);
  }

  /**
   * Uploads a file for a node that reads files, and chooses it there.
   * @param {Node} node
   * @param {File} file
   * @param {InputSpec} [input]  the one that is to name it, if it is not the node's own button that asks
   */
  async bring(node, file, input) {
    if (input && CAPTURED[input.widget ?? ""]) return (await import("./capture.js")).bringCaptured(this.#editor, this, node, input, file);
    const button = buttonOf(node);
    if (button) await bring(this.#editor, this, node, button, file);
  }

  /**
   * Takes a picture with the camera for a widget, without asking.
   * @param {Node} node
   * @param {InputSpec} input
   * @returns {Promise<string>} the key of a message that says why there is none; "": it is taken
   */
  async capture(node, input) {
    if (!this.#camera) {
      const { Camera } = await import("./capture.js");
      const camera = new Camera();
      this.cleanups.push(() => camera.close());
      this.#camera = camera;
    }
    return this.#camera.take(this.#editor, this, node, input);
  }

  /** What files a node reads, as a file picker has it; "": any. @param {Node} node @param {InputSpec} [input] @returns {string} */
  acceptedBy(node, input) {
    if (input && CAPTURED[input.widget ?? ""]) return CAPTURED[input.widget ?? ""];
    const button = buttonOf(node);
    return button ? acceptedBy(button) : "";
  }

  /** Of a kind that is not known here: the value as JSON. @param {Node} node @param {InputSpec} input */
  #plainControl(node, input) {
    const field = h("textarea", { rows: 2, spellcheck: "false", "aria-label": labelOf(node, input) });
    field.addEventListener("change", () => {
      try {
        setValue(this.#editor, node, input.name, field.value.trim() ? JSON.parse(field.value) : null);
        field.setAttribute("aria-invalid", "false");
      } catch {
        field.setAttribute("aria-invalid", "true");
      }
    });
    return this.controls.add(h("span", { class: "control control-text" }, field), () => {
      if (document.activeElement !== field) field.value = JSON.stringify(node.values[input.name] ?? null);
    });
  }

  /** Opens the field of a widget. @param {Node} node @param {InputSpec} input @returns {boolean} whether it has one */
  edit(node, input) {
    const { view, kinds } = this.#editor;
    if (node.isDriven(input.name)) return false;
    view.settle();
    if (view.scale < LEAST_SCALE) view.fit(view.layouts.boxOf(node));
    const place = view.layouts.of(node).widgets.find((each) => each.input.name === input.name);
    return Boolean(place && kinds.of(input.widget).edit?.(node, input, view.widgetBox(node, place)));
  }

  /** Goes on to the next widget that is typed into. @param {Node} node @param {InputSpec} input @param {number} step  1 or -1 */
  editNext(node, input, step) {
    this.#editor.view.settle();
    const places = this.#editor.view.layouts.of(node).widgets;
    for (let at = places.findIndex((each) => each.input.name === input.name) + step; places[at]; at += step) {
      const next = places[at].input;
      if (["INT", "FLOAT", "STRING", "BOUNDING_BOX"].includes(next.widget ?? "") && this.edit(node, next)) return;
    }
  }

  /** Where the pointer went down in a text that has just opened. @param {number} x  graph px from its corner @param {number} y */
  caretTo(x, y) {
    const field = this.fields.element;
    if (!(field instanceof HTMLTextAreaElement)) return;
    const { left, top } = field.getBoundingClientRect();
    const { scale } = this.#editor.view;
    /** @type {any} */
    const position = /** @type {any} */ (document).caretPositionFromPoint?.(left + x * scale, top + y * scale);
    if (position?.offsetNode === field) field.setSelectionRange(position.offset, position.offset);
  }

  /** @param {Node} node @param {InputSpec} input */
  isSecondClick(node, input) {
    const last = this.#lastClick;
    const ms = performance.now();
    const isSecond = Boolean(last && last.node === node && last.name === input.name && ms - last.ms < DOUBLE_MS);
    this.#lastClick = isSecond ? null : { node, name: input.name, ms };
    return isSecond;
  }

  /**
   * Opens the list of a combo.
   * @param {Node} node
   * @param {InputSpec} input
   * @param {HTMLElement} [opener]  a control outside the canvas
   */
  async choose(node, input, opener) {
    const editor = this.#editor;
    const { openChooser } = await import("./chooser.js"); // only who opens a list needs it
    this.choices.refresh(input);
    let isAsked = false;
    const chooser = openChooser({
      title: `${node.name}: ${input.widget === "CONTROL" ? editor.text("widgets.control") : labelOf(node, input)}`,
      choices: this.choices.of(input),
      value: node.values[input.name],
      isMultiple: Boolean(input.options.multiselect),
      textOf: (value) => textOf(editor, input, value),
      refresh: input.options.remote ? () => (isAsked = this.choices.refresh(input)) : null,
      t: (name, values) => editor.text(name, values),
      beside: opener?.getBoundingClientRect() ?? this.#placeOf(node, input),
      root: editor.shell.root,
      choose: (value) => setValue(editor, node, input.name, value),
    });
    void this.#picturesOf(node, input).then((pictureOf) => pictureOf && chooser.illustrate(pictureOf)); // the list is not kept waiting
    const stop = editor.events.on("widget:choices", (changed) => {
      if (!input.options.remote || changed.options.remote?.route !== input.options.remote.route) return;
      const list = this.choices.of(input);
      chooser.update(list);
      const wanted = { first: list[0], last: list.at(-1) }[/** @type {string} */ (input.options.remote.control_after_refresh)];
      if (isAsked && wanted !== undefined) setValue(editor, node, input.name, wanted);
      isAsked = false;
    });
    await chooser.closed;
    stop();
  }

  /** @param {Node} node @param {InputSpec} input */
  #placeOf(node, input) {
    const { view } = this.#editor;
    view.settle();
    const area = view.element.getBoundingClientRect();
    const place = view.layouts.of(node).widgets.find((each) => each.input.name === input.name);
    const box = place ? view.widgetBox(node, place) : view.layouts.boxOf(node);
    const [from, to] = [view.toScreen(box.left, box.top), view.toScreen(box.right, box.bottom)];
    return { left: area.left + from.x, top: area.top + from.y, right: area.left + to.x, bottom: area.top + to.y };
  }

  /**
   * Small pictures of choices: of files themselves, or of what a model makes.
   * @param {Node} node
   * @param {InputSpec} input
   * @returns {Promise<((value: any) => string | null) | null>}
   */
  async #picturesOf(node, input) {
    const { server } = this.#editor;
    const folder = input.options.image_upload || input.options.animated_image_upload ? folderOf(input) : null;
    if (folder) {
      return (value) => {
        if (typeof value !== "string") return null;
        const [, path, type = folder] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(value) ?? [];
        const at = path.lastIndexOf("/");
        return server.fileAddress({ filename: path.slice(at + 1), subfolder: path.slice(0, Math.max(0, at)), type }, { preview: "webp;75" });
      };
    }
    const models = modelsOf(node, input);
    if (!models) return null;
    try {
      /** @type {{models: {name: string, preview: string | null}[]}} */
      const answer = await server.get(`/heddle/models/${models}?limit=500`);
      const known = new Map(answer.models.map((each) => [each.name, each.preview]));
      return (value) => known.get(value) ?? null;
    } catch {
      return null; // a list without pictures is as good
    }
  }
}

/** The line that unfolds what few people need. @param {Editor} editor @returns {WidgetKind} */
function advancedKind(editor) {
  /** @param {Node} node */
  const toggle = (node) => node.graph.document.edit("undo.advanced", () => node.graph.setNode(node, "showAdvanced", !node.showAdvanced));
  return {
    height: () => 18,
    draw(pen, node, _, box) {
      if (!pen.isNear) return;
      const y = (box.top + box.bottom) / 2;
      const up = node.showAdvanced ? -1 : 1;
      const { context } = pen;
      context.beginPath();
      context.moveTo(box.left + 4, y - 2 * up);
      context.lineTo(box.left + 8, y + 2 * up);
      context.lineTo(box.left + 12, y - 2 * up);
      context.strokeStyle = pen.onBodyFaint;
      context.lineWidth = 1.4;
      context.stroke();
      pen.text(editor.text(node.showAdvanced ? "widgets.less" : "widgets.more"), box.left + 18, y, { colour: pen.onBodyFaint, px: 11, width: box.right - box.left - 20 });
    },
    press: (_, node) => ({ end: (__, moved) => void (moved || toggle(node)) }),
  };
}

/** @type {Feature} */
export const widgets = {
  name: "widgets",
  async install(editor) {
    const { view, kinds } = editor;
    const removeStyle = await addStyle("./widgets.css", import.meta.url);
    const shared = new Widgets(editor);
    const combo = comboKind(editor, shared);
    const number = numberKind(editor, shared);
    /** @type {[string, WidgetKind][]} */
    const all = [
      ["INT", numberOrColour(number, () => kinds.of("COLOR"))], ["FLOAT", number], ["STRING", textKind(editor, shared)], ["BOOLEAN", toggleKind(editor, shared)],
      ["COMBO", combo], ["CONTROL", combo], [DYNAMIC_COMBO, combo], ["UPLOAD", uploadKind(editor, shared)],
      ["ADVANCED", advancedKind(editor)], ...laterKinds(editor, shared),
    ];
    const stops = [
      removeStyle,
      editor.offer("widgets", shared),
      ...all.map(([name, kind]) => kinds.add(name, kind)),
      view.pointer.onPress(8, (press) => pressed(editor, press)),
      view.events.on("hover", (press) => (view.element.style.cursor = cursorOver(press, view.scale))),
      view.events.on("double", ({ hit, button }) => {
        if (hit.kind === "widget" && button === 0 && view.scale < LEAST_SCALE) shared.edit(hit.node, hit.place.input);
      }),
      view.addLayer("back", -1000, () => shared.notes.begin()),
      view.events.on("drawn", () => shared.notes.settle()),
      view.events.on("graph", () => shared.notes.clear()),
      editor.events.on("change", () => shared.controls.refresh()),
      editor.events.on("aside", () => shared.controls.refresh()),
      editor.events.on("catalogue", () => {
        shared.choices.forget();
        shared.controls.refresh();
      }),
      listenForWheel(editor, shared),
      listenForFiles(editor, shared),
      addCommands(editor, shared),
    ];
    view.touchAll();
    return () => {
      shared.fields.close(true);
      shared.notes.clear();
      [...stops, ...shared.cleanups].reverse().forEach((each) => each());
      view.touchAll();
    };
  },
};

/** A whole number may be a colour. @param {WidgetKind} number @param {() => WidgetKind} colour @returns {WidgetKind} */
function numberOrColour(number, colour) {
  /** @param {InputSpec} input */
  const of = (input) => (input.options.display === "color" ? colour() : number);
  return {
    height: () => 20,
    text: number.text,
    draw: (pen, node, input, box) => of(input).draw(pen, node, input, box),
    press: (editor, node, input, box, press) => of(input).press?.(editor, node, input, box, press),
    edit: (node, input, box) => of(input).edit?.(node, input, box) ?? false,
    control: (editor, node, input) => /** @type {NonNullable<WidgetKind["control"]>} */ (of(input).control)(editor, node, input),
  };
}

/** @param {Editor} editor @param {Press} press */
function pressed(editor, press) {
  const { hit } = press;
  if (hit.kind !== "widget" || press.button !== 0 || press.ctrl || editor.view.scale < LEAST_SCALE) return undefined;
  const { node, place, box } = hit;
  if (node.isDriven(place.input.name)) return undefined; // its value comes from elsewhere: the press is the node's
  const taken = editor.kinds.of(place.input.widget).press?.(editor, node, place.input, box, press);
  if (taken && !editor.selection.has(node)) editor.selection.set([node]);
  return taken;
}

/** @param {Press} press @param {number} scale */
function cursorOver({ hit, x }, scale) {
  if (hit.kind !== "widget") return hit.kind === "resize" ? cursorOfEdge(hit.corner) : "";
  if (scale < LEAST_SCALE || hit.node.isDriven(hit.place.input.name)) return "";
  switch (hit.place.input.widget) {
    case "STRING":
      return "text";
    case "INT":
    case "FLOAT":
      return x < hit.box.left + 18 || x > hit.box.right - 18 ? "pointer" : "ew-resize";
    case null:
      return "";
    default:
      return "pointer";
  }
}

/** A long text of a chosen node is scrolled; over anything else the wheel moves the view. @param {Editor} editor @param {Widgets} shared */
function listenForWheel(editor, shared) {
  const { view } = editor;
  return view.onWheel((event, _, hit) => {
    if (hit.kind !== "widget" || !editor.selection.has(hit.node) || hit.place.input.widget !== "STRING" || !isLong(hit.place.input)) return false;
    const { node, place } = hit;
    const by = (event.deltaMode === 0 ? event.deltaY : event.deltaY * 16) / view.scale;
    if (place.input.options.markdown && shared.notes.scroll(node, by)) return true;
    return shared.texts.scrollTo(node, place.input.name, shared.texts.scrollOf(node, place.input.name) + by, place.height);
  });
}

/** @param {Editor} editor @param {Widgets} shared */
function addCommands(editor, shared) {
  /** @returns {Node | null} */
  const chosen = () => (editor.selection.nodes.length === 1 ? editor.selection.nodes[0] : null);
  const stopCommands = editor.commands.addAll([
    {
      id: "widgets.edit", title: "command.edit-widgets", keys: ["enter"], when: () => Boolean(chosen()?.widgets.length), run: () => {
        const node = chosen();
        const first = node && editor.view.layouts.of(node).widgets.find((each) => each.input.widget && shared.edit(node, each.input));
        if (node && !first) editor.shell.note(editor.text("widgets.nothing-to-edit"));
      },
    },
    {
      id: "widgets.advanced", title: "command.advanced", when: () => editor.selection.nodes.some(foldsAdvanced), run: () => {
        const nodes = editor.selection.nodes.filter(foldsAdvanced);
        const show = !nodes.every((node) => node.showAdvanced);
        editor.edit("undo.advanced", () => nodes.forEach((node) => node.graph.setNode(node, "showAdvanced", show)));
      },
    },
    {
      id: "widgets.defaults", title: "command.defaults", when: () => editor.selection.nodes.some((node) => node.widgets.length > 0), run: () => {
        editor.edit("undo.value", () => {
          for (const node of editor.selection.nodes) node.graph.resetValues(node);
        });
      },
    },
  ]);
  const stopMenu = editor.addMenu(35, (press) => {
    const { hit } = press;
    if (!("node" in hit) || !editor.graph.nodes.has(hit.node.key) || !hit.node.widgets.length) return [];
    return [...(foldsAdvanced(hit.node) ? [editor.menuItem("widgets.advanced")] : []), editor.menuItem("widgets.defaults")];
  });
  return () => {
    stopCommands();
    stopMenu();
  };
}
