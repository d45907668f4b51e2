/** What came of a form: what is being made, the latest results, earlier ones below, and what went wrong. */

import { h } from "../../core/dom.js";
import { Player } from "../../core/player.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Job } from "../run/jobs.js" */
/** @import { Problem } from "../errors/problems.js" */
/** @import { Form } from "./model.js" */

const MOST_EARLIER = 24;

/** @typedef {{src: string, kind: "image" | "video" | "audio", name: string, file: any}} Item  as viewers take them */

export class Results {
  #editor;
  /** @type {Form | null} */
  #form = null;
  /** @type {Document | null} */
  #document = null;
  /** @type {Item[]} */
  #earlierItems = [];
  /** Files that the server has of jobs that this page does not know. @type {WeakMap<Document, Item[]>} */
  #kept = new WeakMap();
  #key = "";
  #previewUrl = "";
  /** @type {(() => void)[]} */
  #stops;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    const t = editor.text.bind(editor);
    this.problems = h("div", { class: "form-problems", role: "alert", hidden: true });
    this.preview = h("img", { class: "form-preview", alt: t("form.preview"), hidden: true });
    this.latest = h("div", { class: "form-latest" });
    this.earlierList = h("ul", { class: "form-earlier-list" });
    this.earlier = h("section", { class: "form-earlier", hidden: true, "aria-label": t("form.earlier") }, h("h3", {}, t("form.earlier")), this.earlierList);
    this.element = h("div", { class: "form-results", role: "region", tabindex: "0", "aria-label": t("form.results") }, this.problems, this.preview, this.latest, this.earlier);
    this.#stops = [
      editor.events.on("run:preview", ({ job, picture }) => void (job.document === this.#document && this.#showPreview(picture))),
      editor.services.run.jobs.events.on("result", (/** @type {any} */ { job }) => void (job.document === this.#document && this.#render())),
    ];
  }

  dispose() {
    this.#stops.forEach((stop) => stop());
    this.#showPreview(null);
  }

  /** @param {Form} form */
  show(form) {
    this.#form = form;
    const { document } = this.#editor;
    if (document !== this.#document) {
      this.#document = document;
      this.#showPreview(null);
      void this.#askEarlier(document);
    }
    this.#render();
  }

  /** @param {Job} job */
  jobChanged(job) {
    if (job.document !== this.#document) return;
    if (job.hasEnded) this.#showPreview(null);
    this.#render();
  }

  /** @param {Problem[]} problems */
  showProblems(problems) {
    this.problems.hidden = !problems.length;
    const texts = problems.map((each) => (each.title ? `${each.title}: ${each.message}` : each.message));
    if (this.problems.textContent !== texts.join("")) this.problems.replaceChildren(...texts.map((each) => h("p", {}, each)));
  }

  /** @param {Blob | null} picture */
  #showPreview(picture) {
    if (this.#previewUrl) URL.revokeObjectURL(this.#previewUrl);
    this.#previewUrl = picture ? URL.createObjectURL(picture) : "";
    this.preview.hidden = !picture;
    this.element.classList.toggle("is-making", Boolean(picture));
    if (picture) this.preview.src = this.#previewUrl;
    else this.preview.removeAttribute("src");
  }

  /** What an output shows here. @param {Job} job @returns {{items: Item[], text: string}} */
  #shownOf(job) {
    const wanted = new Set(this.#form?.outputs.map((each) => each.id));
    const chosen = [...job.results].filter(([id]) => wanted.has(id));
    /** @type {Item[]} */
    const items = [];
    const texts = [];
    for (const [, output] of chosen.length ? chosen : job.results) {
      const { pictures, media, text } = this.#editor.services.run.readOutput(output);
      for (const { src, file } of pictures) items.push({ src, kind: "image", name: file.filename, file });
      for (const { src, kind, file } of media) {
        if (kind === "file") texts.push(file.filename); // what no viewer shows
        else items.push({ src, kind, name: file.filename, file });
      }
      if (text) texts.push(text);
    }
    return { items, text: texts.join("\n") };
  }

  #render() {
    const { run } = this.#editor.services;
    /** @type {Job[]} */
    const jobs = run.jobs.all.filter((/** @type {Job} */ job) => job.document === this.#document && job.results.size > 0).reverse();
    const all = jobs.map((job) => this.#shownOf(job)).filter((each) => each.items.length || each.text);
    const [latest, ...before] = all;
    const known = new Set(all.flatMap((each) => each.items.map((item) => item.src)));
    const kept = (this.#document && this.#kept.get(this.#document)) ?? [];
    const earlier = [...before.flatMap((each) => each.items), ...kept.filter((each) => !known.has(each.src))];
    const unique = [...new Map(earlier.filter((each) => !latest?.items.some((item) => item.src === each.src)).map((each) => [each.src, each])).values()].slice(0, MOST_EARLIER);
    const key = JSON.stringify([latest?.items.map((each) => each.src), latest?.text, unique.map((each) => each.src)]);
    if (key === this.#key) return;
    this.#key = key;
    const items = latest?.items ?? [];
    const hasNothing = !latest && !unique.length;
    this.latest.classList.toggle("is-one", items.length === 1);
    this.latest.replaceChildren(
      ...items.map((each, i) => this.#figure(each, i, items)),
      ...(latest?.text ? [h("pre", { class: "form-text", tabindex: "0" }, latest.text)] : []),
      ...(hasNothing ? [h("p", { class: "form-none" }, this.#editor.text("form.nothing-yet"))] : []),
    );
    this.#earlierItems = unique;
    this.earlier.hidden = !unique.length;
    this.earlierList.replaceChildren(...unique.map((each, i) => h("li", {}, this.#thumbnail(each, i))));
  }

  /** @param {Item} item @param {number} index @param {Item[]} items */
  #figure(item, index, items) {
    if (item.kind !== "image") return new Player(this.#editor, { kind: item.kind, src: item.src, name: item.name, file: item.file, class: "form-media" }).element;
    return h("button", { type: "button", class: "form-picture", "aria-label": this.#editor.text("form.open-result", { name: item.name }), on: { click: () => void this.#open(items, index) } },
      h("img", { src: item.src, alt: "" }));
  }

  /** @param {Item} item @param {number} index */
  #thumbnail(item, index) {
    const { filename, subfolder = "", type = "output" } = item.file;
    const path = [...(subfolder ? subfolder.split("/") : []), filename].map(encodeURIComponent).join("/");
    return h("button", { type: "button", class: "form-picture", "aria-label": this.#editor.text("form.open-result", { name: item.name }), on: { click: () => void this.#open(this.#earlierItems, index) } },
      item.kind === "audio" ? h("span", { class: "form-sound" }, item.name) : h("img", { src: this.#editor.server.address(`/heddle/thumbnails/${type}/${path}`), alt: "", loading: "lazy" }));
  }

  /** @param {Item[]} items @param {number} index */
  async #open(items, index) {
    const { viewer } = this.#editor.services;
    if (viewer?.open) return viewer.open(items, index);
    const item = items[index];
    const shown = item.kind === "image" ? h("img", { src: item.src, alt: item.name }) : new Player(this.#editor, { ...item, kind: item.kind }).element;
    return this.#editor.shell.dialog(item.name, (body) => body.append(shown, h("div", { class: "dialog-actions" },
      h("a", { href: item.src, download: item.name }, this.#editor.text("form.download")))), { kind: "form-look" });
  }

  /** Of jobs before this page was opened. @param {Document} document */
  async #askEarlier(document) {
    if (this.#kept.has(document)) return;
    this.#kept.set(document, []);
    const { server, services } = this.#editor;
    try {
      const id = services.run.workflowIdOf(document);
      const { jobs } = await server.get(`/jobs?status=completed&limit=${MOST_EARLIER}&workflow_id=${encodeURIComponent(id)}`);
      /** @type {Item[]} */
      const items = [];
      for (const { preview_output: file } of jobs) {
        if (!file?.filename) continue;
        const { pictures: [picture], media: [medium] } = services.run.readOutput({ images: [file] });
        if (picture) items.push({ src: picture.src, kind: "image", name: file.filename, file });
        else if (medium && medium.kind !== "file") items.push({ src: medium.src, kind: medium.kind, name: file.filename, file });
      }
      this.#kept.set(document, items);
      if (document === this.#document) this.#render();
    } catch {
      // earlier results are missing; the form works without them
    }
  }
}
