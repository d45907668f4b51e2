/** COMBO and what chooses like it: a list with a search, opened at the widget. */

import { h } from "../../core/dom.js";
import { textOfValue } from "../../core/json.js";
import { CONTROL_MODES } from "../../core/spec.js";
import { labelOf, setValue } from "./fields.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Widgets } from "./widgets.js" */

const CHEVRON = 16;

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function comboKind(editor, widgets) {
  const { choices } = widgets;
  /** @param {InputSpec} input */
  const nameOf = (input) => (/** @type {any} */ value) => textOf(editor, input, value);
  /** @param {Node} node @param {InputSpec} input */
  const edit = (node, input) => {
    void widgets.choose(node, input);
    return true;
  };
  return {
    height: () => 20,
    edit,
    text: (value) => (Array.isArray(value) ? value.join(", ") : String(value ?? "")),
    draw(pen, node, input, box) {
      const value = node.values[input.name];
      pen.box(box, pen.theme.field, { radius: 6 });
      if (!pen.isNear) return;
      const y = (box.top + box.bottom) / 2;
      const { context } = pen;
      context.beginPath();
      context.moveTo(box.right - 13, y - 2);
      context.lineTo(box.right - 9, y + 2);
      context.lineTo(box.right - 5, y - 2);
      context.strokeStyle = pen.theme.faint;
      context.lineWidth = 1.4;
      context.stroke();
      const isThere = choices.has(input, value);
      const text = nameOf(input)(value) || editor.text("widgets.choose");
      pen.pair({ ...box, right: box.right - CHEVRON + 6 }, input.widget === "CONTROL" ? editor.text("widgets.control") : labelOf(node, input), text, { colour: isThere ? pen.theme.fieldText : pen.theme.error });
    },
    press: (_, node, input) => ({ end: (__, moved) => void (moved || edit(node, input)) }),
    control(_, node, input) {
      const name = input.widget === "CONTROL" ? editor.text("widgets.control") : labelOf(node, input);
      if (input.options.multiselect || choices.of(input).length > 40) {
        const button = h("button", { type: "button", class: "control-choose", "aria-haspopup": "dialog", on: { click: () => void widgets.choose(node, input, button) } });
        return widgets.controls.add(h("span", { class: "control control-combo" }, button), () => {
          button.textContent = nameOf(input)(node.values[input.name]) || editor.text("widgets.choose");
          button.setAttribute("aria-label", `${name}: ${button.textContent}`);
          button.classList.toggle("is-wrong", !choices.has(input, node.values[input.name]));
        });
      }
      const field = h("select", { "aria-label": name });
      field.addEventListener("change", () => {
        const chosen = /** @type {any} */ (field.selectedOptions[0])?.choice;
        setValue(editor, node, input.name, chosen);
      });
      return widgets.controls.add(h("span", { class: "control control-combo" }, field), () => {
        const value = node.values[input.name];
        const all = choices.of(input);
        const isThere = all.includes(value);
        const wanted = isThere ? all : [value, ...all];
        if (field.options.length !== wanted.length || wanted.some((each, i) => /** @type {any} */ (field.options[i]).choice !== each)) {
          field.replaceChildren(...wanted.map((each) => Object.assign(h("option", {}, nameOf(input)(each) || editor.text("widgets.choose")), { choice: each })));
        }
        field.selectedIndex = wanted.indexOf(value);
        field.setAttribute("aria-invalid", String(!isThere && value !== undefined && value !== null));
      });
    },
  };
}

/** @param {Editor} editor @param {InputSpec} input @param {any} value @returns {string} */
export function textOf(editor, input, value) {
  if (Array.isArray(value)) return value.map(String).join(", ");
  if (input.widget === "CONTROL" && (CONTROL_MODES.includes(value) || value === "increment-wrap")) return editor.text(`widgets.control.${value}`);
  if (typeof value === "boolean") return editor.text(value ? "widgets.on" : "widgets.off");
  return textOfValue(value);
}

/**
 * What can be chosen: what the type says, what the server was asked for, and what was uploaded since.
 */
export class Choices {
  #editor;
  /** @type {WeakMap<object, {all: any[], set: Set<any>, version: number}>} */
  #known = new WeakMap();
  /** @type {Map<string, {list: any[], state: "asked" | "here" | "failed"}>} route -> what it answered */
  #remote = new Map();
  /** @type {Map<string, string[]>} folder -> names that were uploaded */
  #uploaded = new Map();
  #version = 0;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  /** @param {InputSpec} input @returns {any[]} */
  #declared(input) {
    const { options } = input;
    const list = Array.isArray(options.options) ? options.options : [];
    return input.widget === "COMFY_DYNAMICCOMBO_V3" ? list.map((/** @type {any} */ each) => each.key) : list;
  }

  /** @param {InputSpec} input */
  #found(input) {
    const { options } = input;
    const key = Array.isArray(options.options) ? options.options : options;
    let known = this.#known.get(key);
    if (!known || known.version !== this.#version) {
      const remote = options.remote ? (this.#ask(input, false)?.list ?? []) : [];
      const folder = folderOf(input);
      const all = [...new Set([...this.#declared(input), ...remote, ...(folder ? (this.#uploaded.get(folder) ?? []) : [])])];
      this.#known.set(key, (known = { all, set: new Set(all), version: this.#version }));
    }
    return known;
  }

  /** @param {InputSpec} input @returns {any[]} */
  of(input) {
    return this.#found(input).all;
  }

  /** Whether a value may be chosen; while the list is on its way, every one may. @param {InputSpec} input @param {any} value */
  has(input, value) {
    const { set } = this.#found(input);
    if (input.options.remote && this.#remote.get(input.options.remote.route)?.state !== "here") return true;
    if (Array.isArray(value)) return value.every((each) => set.has(each));
    if (set.has(value)) return true;
    return typeof value === "string" && /^(.*) \[(input|output|temp)\]$/s.test(value); // a file of another folder than the list's
  }

  /** Asks the server for a remote list. @param {InputSpec} input @param {boolean} again */
  #ask(input, again) {
    const { route } = input.options.remote;
    const known = this.#remote.get(route);
    if (typeof route !== "string" || (known && !again)) return known;
    /** @type {{list: any[], state: "asked" | "here" | "failed"}} */
    const entry = { list: known?.list ?? [], state: "asked" };
    this.#remote.set(route, entry);
    const { response_key: key, query_params: query } = input.options.remote;
    const path = route.replace(/^\/?(api\/)?/, "/") + (query ? `?${new URLSearchParams(query)}` : "");
    void this.#editor.server.get(path).then((answer) => {
      const list = key ? answer?.[key] : answer;
      entry.list = Array.isArray(list) ? list : [];
      entry.state = "here";
    }, (error) => {
      entry.state = "failed";
      this.#editor.report(error);
    }).finally(() => {
      this.#version++;
      this.#editor.view.redraw();
      this.#editor.events.emit("widget:choices", input);
    });
    return entry;
  }

  /** Asks again for a list that lies elsewhere. @param {InputSpec} input @returns {boolean} whether there is one */
  refresh(input) {
    if (!input.options.remote) return false;
    this.#ask(input, true);
    return true;
  }

  /** A file was uploaded. @param {string} folder @param {string} name */
  add(folder, name) {
    this.#uploaded.set(folder, [...(this.#uploaded.get(folder) ?? []), name]);
    this.#version++;
  }

  /** The node types were read anew. */
  forget() {
    this.#uploaded.clear();
    this.#remote.clear();
    this.#version++;
  }
}

/** @param {InputSpec} input @returns {string | null} the folder that its files lie in */
export function folderOf({ options }) {
  const isUpload = options.image_upload || options.video_upload || options.audio_upload || options.animated_image_upload || options.file_upload;
  return isUpload ? (options.image_folder ?? "input") : null;
}

/** The folder of models that an input's choices are from, by the names that loaders give them. */
const MODEL_INPUTS = new Map(Object.entries({
  ckpt_name: "checkpoints", lora_name: "loras", vae_name: "vae", unet_name: "diffusion_models", clip_name: "text_encoders", clip_name1: "text_encoders",
  clip_name2: "text_encoders", clip_name3: "text_encoders", control_net_name: "controlnet", style_model_name: "style_models", gligen_name: "gligen",
  hypernetwork_name: "hypernetworks", upscale_model: "upscale_models", photomaker_model_name: "photomaker", text_encoder: "text_encoders",
  ip_adapter_name: "ipadapter",
}));
const MODEL_NODES = new Map(Object.entries({ UpscaleModelLoader: "upscale_models", CLIPVisionLoader: "clip_vision", LatentUpscaleModelLoader: "latent_upscale_models" }));

/** @param {Node} node @param {InputSpec} input @returns {string | null} */
export function modelsOf(node, input) {
  return MODEL_INPUTS.get(input.name.slice(input.name.lastIndexOf(".") + 1)) ?? MODEL_NODES.get(node.type) ?? null;
}
