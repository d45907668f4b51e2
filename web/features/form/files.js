/** A field of a form for a picture, a video or a sound: shown, chosen, dropped, pasted or taken with the camera. */

import { h, icon } from "../../core/dom.js";
import { fileOf, kindOfFile, kindOfFiles } from "../../core/file-inputs.js";
import { Player } from "../../core/player.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */

const UP = "M12 16V5m-5 5l5-5 5 5M5 19h14";
const CAMERA = "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7";
const MASK = "M4 20c1-4 3-5 5-4l8-9 3 3-9 8c1 2-2 4-7 2z";

export class FileField {
  #editor;
  #node;
  #spec;
  #src = "";

  /**
   * @param {Editor} editor
   * @param {Node} node
   * @param {InputSpec} spec  names the file
   * @param {HTMLElement} control  chooses among those that are there
   * @param {string} name
   */
  constructor(editor, node, spec, control, name) {
    this.#editor = editor;
    this.#node = node;
    this.#spec = spec;
    this.kind = kindOfFiles(spec);
    const t = editor.text.bind(editor);
    const accept = editor.services.widgets.acceptedBy(node, spec);
    /** @param {Record<string, any>} [more] */
    const picker = (more = {}) => h("input", { type: "file", accept, hidden: true, tabindex: "-1", "aria-hidden": "true", ...more, on: { change: (/** @type {Event} */ event) => {
      const field = /** @type {HTMLInputElement} */ (event.target);
      this.#bring(field.files);
      field.value = "";
    } } });
    const files = picker();
    const camera = picker({ capture: "environment" });
    const hasCamera = this.kind !== "audio" && matchMedia("(pointer: coarse)").matches;
    this.shown = h("div", { class: "form-file-shown" });
    this.mask = h("button", { type: "button", hidden: true, on: { click: () => void editor.commands.run("mask.open", { node }) } }, icon(MASK), t("form.mask"));
    this.element = h("div", { class: "form-file", role: "group", "aria-label": name, on: {
      dragover: (/** @type {DragEvent} */ event) => this.#over(event),
      dragleave: () => this.element.classList.remove("is-aimed"),
      drop: (/** @type {DragEvent} */ event) => this.#dropped(event),
      paste: (/** @type {ClipboardEvent} */ event) => {
        if (event.clipboardData?.files.length) {
          event.preventDefault();
          event.stopPropagation();
          this.#bring(event.clipboardData.files);
        }
      },
    } },
      this.shown, control, h("div", { class: "form-file-tools" },
        h("button", { type: "button", on: { click: () => files.click() } }, icon(UP), t("form.choose-file")), files,
        hasCamera && h("button", { type: "button", on: { click: () => camera.click() } }, icon(CAMERA), t("form.camera")), hasCamera && camera,
        this.mask));
  }

  /** What the widget names now. */
  show() {
    const { server, commands } = this.#editor;
    const file = fileOf(this.#node.values[this.#spec.name], this.#spec.options.image_folder);
    const src = file ? server.fileAddress(file) : "";
    this.mask.hidden = this.kind !== "image" || !file || !commands.get("mask.open");
    if (src === this.#src) return;
    this.#src = src;
    const isMissing = () => this.shown.replaceChildren(h("p", { class: "form-file-none" }, this.#editor.text("form.no-file")));
    if (!file) return isMissing();
    if (this.kind === "image") this.shown.replaceChildren(h("img", { src: server.fileAddress(file, { preview: "webp;85" }), alt: file.filename, on: { error: isMissing } }));
    else this.shown.replaceChildren(new Player(this.#editor, { kind: this.kind === "video" ? "video" : "audio", src, name: file.filename, file }).element);
    return undefined;
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.element.classList.add("is-aimed");
  }

  /** @param {DragEvent} event */
  #dropped(event) {
    this.element.classList.remove("is-aimed");
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault(); // who opens dropped files leaves this one alone
    this.#bring(event.dataTransfer.files);
  }

  /** Takes a file of its kind, from wherever it was let go of. @param {File} file @returns {boolean} whether it does */
  take(file) {
    if (kindOfFile(file) !== this.kind) return false;
    this.element.scrollIntoView({ block: "nearest" });
    this.#bring([file]);
    return true;
  }

  /** @param {FileList | File[] | null} files */
  #bring(files) {
    const [file] = files ?? [];
    if (!file) return;
    this.element.classList.add("is-busy");
    void this.#editor.services.widgets.bring(this.#node, file, this.#spec)
      .catch((/** @type {unknown} */ error) => this.#editor.report(error))
      .finally(() => this.element.classList.remove("is-busy"));
  }
}
