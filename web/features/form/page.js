/** The page of a form: fields at the left, what comes of them at the right, the button that runs it at the bottom. */

import { h, icon } from "../../core/dom.js";
import { keysText } from "../../core/editor.js";
import { durationText } from "../progress/durations.js";
import { Fields } from "./fields.js";
import { readForm } from "./model.js";
import { Results } from "./results.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { FormService } from "./form.js" */

const PLAY = "M7 4l13 8-13 8z";
const STOP = "M6 6h12v12H6z";
const LIST = "M4 6h10M4 12h10M4 18h7M17 13v8M13 17h8";
const GRAPH = "M4 5h6v5H4zM14 14h6v5h-6zM10 7.5h3a3 3 0 0 1 3 3V14";
const MORE = "M5 12h.01M12 12h.01M19 12h.01";
const TICK_MS = 500;
/** Commands that make sense while the graph is not seen. */
const ALLOWED = /^(run|file|find|form|gallery|panel|walk\.region$|edit\.(undo|redo)$|settings|palette\.commands$|help|about|view\.theme|errors|queue|library\.refresh|theme|keys)/;
const ALLOWED_ALONE = /^(run|edit\.(undo|redo)$)/; // nothing but the form is there

export class FormPage {
  #editor;
  #service;
  /** @type {(() => void)[]} */
  #stops = [];
  /** @type {(() => void) | null} */
  #closeBuilder = null;
  /** @type {Map<string, number>} jobs that wait -> how many go before them */
  #before = new Map();
  #isAsking = false;

  /** @param {Editor} editor @param {FormService} service */
  constructor(editor, service) {
    this.#editor = editor;
    this.#service = service;
    const t = editor.text.bind(editor);
    /** @param {string} name @param {string} shape @param {() => unknown} run @param {string} [kind] */
    const button = (name, shape, run, kind = "") => h("button", { type: "button", class: `quiet ${kind}`, "aria-label": t(name), title: t(name), on: { click: run } }, icon(shape));
    this.fields = new Fields(editor, () => this.#closeBuilder !== null);
    this.results = new Results(editor);
    this.title = h("h2", { class: "form-title" });
    this.editButton = button("command.form-edit", LIST, () => this.edit());
    this.head = h("header", { class: "form-head" }, this.title, !service.isKiosk && h("div", { class: "form-tools" },
      this.editButton, button("form.show-graph", GRAPH, () => service.show("graph")), button("form.more", MORE, () => this.#menu(), "form-more")));
    this.builder = h("div", { class: "form-builder", hidden: true });
    this.body = h("div", { class: "form-body" }, this.fields.element, this.builder, this.results.element);
    const keys = editor.commands.keysOf("run.queue")[0] ?? "ctrl+enter";
    this.count = h("input", { type: "number", class: "form-count", min: 1, max: 100, step: 1, value: 1, "aria-label": t("run.count"), title: t("run.count") });
    this.go = h("button", { type: "button", class: "main form-go", title: `${t("command.run")} (${keysText(keys)})`, on: { click: () => this.#run() } }, icon(PLAY), t("run.run"));
    this.stop = h("button", { type: "button", class: "form-stop", "aria-label": t("form.cancel"), hidden: true, on: { click: () => void this.#cancel() } }, icon(STOP), h("span", {}, t("form.cancel")));
    this.state = h("p", { class: "form-state" });
    this.fill = h("div", { class: "form-fill" });
    this.bar = h("div", { class: "form-progress", role: "progressbar", "aria-label": t("progress.name"), "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, this.fill);
    this.element = h("section", { class: "form-page", "aria-label": t("form.title"), tabindex: "-1", hidden: true },
      this.head, this.body, h("footer", { class: "form-bar" }, this.bar, this.state, this.stop, this.count, this.go));
    editor.shell.stage.append(this.element);
    this.#listen();
  }

  #listen() {
    const { events, server } = this.#editor;
    const update = () => this.#showState();
    this.#stops = [
      events.on("document", () => this.show()),
      events.on("change", (document) => void (document === this.#editor.document && this.show())),
      events.on("catalogue", () => this.show()),
      events.on("errors:change", () => this.#showErrors()),
      events.on("run:job", (job) => {
        this.results.jobChanged(job);
        this.#showState();
      }),
      events.on("run:progress", update),
      events.on("run:trouble", update),
      server.events.on("state", update),
      server.events.on("message", ({ type }) => void (type === "status" && this.#askPlaces())),
    ];
    const timer = setInterval(update, TICK_MS);
    this.#stops.push(() => clearInterval(timer));
    // The graph lies below and is not seen.
    this.#stops.push(this.#editor.commands.limit(({ id }) => (this.#service.isKiosk ? ALLOWED_ALONE : ALLOWED).test(id)));
    this.element.addEventListener("drop", (event) => this.#drop(event));
  }

  /** Files are for its fields first. A form alone opens no other workflow. @param {DragEvent} event */
  #drop(event) {
    const { isKiosk } = this.#service;
    const files = event.defaultPrevented ? [] : [...(event.dataTransfer?.files ?? [])];
    const left = this.fields.take(files);
    if (isKiosk || left.length < files.length) event.preventDefault(); // who opens dropped files leaves these alone
    else return;
    if (left.length && isKiosk) this.#service.refuse(left);
    else if (left.length) void this.#editor.services.workflows.openFiles(left);
  }

  dispose() {
    this.#closeBuilder?.();
    this.#stops.forEach((stop) => stop());
    this.results.dispose();
    const { canvas, over } = this.#editor.shell;
    canvas.inert = over.inert = false;
    this.element.remove();
  }

  /** Shows the open workflow, or what is another one in it. */
  show() {
    const editor = this.#editor;
    const { canvas, over } = editor.shell;
    canvas.inert = over.inert = true;
    if (editor.selection.all.length) editor.selection.clear();
    this.element.hidden = false;
    const form = readForm(editor.document);
    this.title.textContent = editor.services.workflows.stateOf(editor.document).name;
    const isEmpty = !form.fields.length && !form.outputs.length;
    this.element.classList.toggle("is-empty", isEmpty);
    this.go.disabled = isEmpty;
    const hadFocus = this.fields.element.contains(document.activeElement);
    this.fields.show(form, this.#service.isKiosk);
    if (hadFocus && !this.fields.element.contains(document.activeElement)) this.focus(); // the field is gone
    this.results.show(form);
    this.#showErrors();
    this.#showState();
  }

  /** The keyboard goes to the first field; where it would push up keys of the screen, to the form as a whole. */
  focus() {
    if (matchMedia("(pointer: coarse)").matches || !this.fields.focus()) this.element.focus({ preventScroll: true });
  }

  #showErrors() {
    const problems = this.#editor.services.errors?.list(this.#editor.document) ?? [];
    const others = this.fields.showErrors(problems);
    this.results.showProblems(others);
  }

  #run() {
    const active = document.activeElement;
    if (active instanceof HTMLElement && this.fields.element.contains(active)) active.blur(); // what is being typed counts
    const count = Math.min(100, Math.max(1, Math.round(Number(this.count.value)) || 1));
    this.count.value = String(count);
    this.#editor.commands.run("run.queue", count);
    this.results.element.scrollIntoView?.({ block: "nearest" });
  }

  /** Every job of this workflow. */
  async #cancel() {
    const { run } = this.#editor.services;
    run.setMode("once");
    for (const job of this.#jobs().reverse()) await run.cancel(job);
  }

  /** @returns {import("../run/jobs.js").Job[]} those of this workflow that have not ended */
  #jobs() {
    const { run } = this.#editor.services;
    return run.jobs.active.filter((/** @type {any} */ job) => job.document === this.#editor.document);
  }

  #showState() {
    const editor = this.#editor;
    const { run } = editor.services;
    const jobs = this.#jobs();
    const running = jobs.find((job) => job.state === "running");
    this.stop.hidden = !jobs.length;
    const parts = [];
    let percent = 0;
    if (editor.server.state === "away") parts.push(editor.text("form.away"));
    if (running) {
      const progress = run.progressOf(running);
      percent = progress.percent;
      parts.push(editor.text("run.percent", { percent: Math.floor(percent) }));
      if (progress.secondsLeft !== null) parts.push(editor.text("progress.left", { time: durationText(editor, progress.secondsLeft * 1000) }));
      if (jobs.length > 1) parts.push(editor.text("run.waiting", { count: jobs.length - 1 }));
    } else if (jobs.length) {
      const before = this.#before.get(jobs[0].id);
      parts.push(before ? editor.text("form.before", { count: before }) : editor.text("form.waits"));
    }
    const text = parts.join(" · ");
    if (this.state.textContent !== text) this.state.textContent = text;
    this.bar.hidden = !running;
    this.fill.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.floor(percent)));
    if (text) this.bar.setAttribute("aria-valuetext", text);
  }

  /** How many jobs go before ours. */
  async #askPlaces() {
    if (this.#isAsking || !this.#jobs().some((job) => job.state === "queued")) return;
    this.#isAsking = true;
    try {
      const { running, waiting } = await this.#editor.server.get("/heddle/queue?parts=running,waiting&limit=500");
      this.#before = new Map(waiting.map((/** @type {any} */ each, /** @type {number} */ i) => [each.id, i + running.length]));
      this.#showState();
    } catch {
      // it waits all the same
    } finally {
      this.#isAsking = false;
    }
  }

  // What the form shows is chosen beside it.

  edit() {
    if (this.#closeBuilder) return this.#closeBuilder();
    this.#closeBuilder = () => {
      this.#closeBuilder = null;
      this.builder.hidden = true;
      this.builder.replaceChildren();
      this.element.classList.remove("is-building");
      this.editButton.setAttribute("aria-pressed", "false");
      this.editButton.focus();
    };
    this.editButton.setAttribute("aria-pressed", "true");
    this.element.classList.add("is-building");
    this.builder.hidden = false;
    void import("./builder.js").then(({ fillBuilder }) => {
      const close = this.#closeBuilder;
      if (!close) return;
      const empty = fillBuilder(this.#editor, this.builder, () => this.edit());
      this.#closeBuilder = () => {
        empty();
        close();
      };
    }).catch((error) => this.#editor.report(error));
    return undefined;
  }

  #menu() {
    const editor = this.#editor;
    const area = /** @type {HTMLElement} */ (this.head.querySelector(".form-more")).getBoundingClientRect();
    /** @param {string} id */
    const items = (id) => (editor.commands.get(id) ? [editor.menuItem(id)] : []);
    editor.shell.menu([
      ...items("panel.workflows"), ...items("queue.toggle"), ...items("gallery.toggle"), "line",
      ...items("edit.undo"), ...items("edit.redo"), "line",
      ...items("file.save"), ...items("form.edit"), ...items("form.toggle"),
    ], { x: area.right - 220, y: area.bottom + 4 });
  }
}
