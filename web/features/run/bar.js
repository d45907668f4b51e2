/** The button at the top that runs, and what belongs to it. */

import { h, icon } from "../../core/dom.js";
import { keysText } from "../../core/editor.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { RunService } from "./run.js" */

const PLAY = "M7 4l13 8-13 8z";
const STOP = "M6 6h12v12H6z";
const SOON_MS = 100; // after a word of progress, of which a thousand may come at once
const MORE = "M6 9l6 6 6-6";

export class RunBar {
  /** @param {Editor} editor @param {RunService} service */
  constructor(editor, service) {
    this.editor = editor;
    this.service = service;
    /** @param {string} name @param {Record<string, string | number>} [values] */
    const t = (name, values) => editor.text(name, values);
    const keys = editor.commands.keysOf("run.queue")[0] ?? "ctrl+enter";
    this.name = h("span", { class: "run-name" }, t("run.run"));
    this.go = h("button", { type: "button", class: "main run-go", title: `${t("command.run")} (${keysText(keys)})`, on: { click: () => editor.commands.run("run.queue") } }, icon(PLAY), this.name);
    this.more = h("button", { type: "button", class: "main run-more", "aria-label": t("run.more"), title: t("run.more"), "aria-haspopup": "menu", on: { click: () => this.#menu() } }, icon(MORE));
    this.count = h("input", {
      type: "number", class: "run-count", min: 1, max: 1000, step: 1, value: 1, "aria-label": t("run.count"), title: t("run.count"),
      on: {
        input: () => (service.count = countIn(this.count.value)), // Ctrl+Enter may come before the field is left
        change: () => this.setCount(Number(this.count.value)),
      },
    });
    this.stop = h("button", { type: "button", class: "quiet run-stop", "aria-label": t("command.interrupt"), title: t("command.interrupt"), hidden: true, on: { click: () => editor.commands.run("run.interrupt") } }, icon(STOP));
    this.state = h("button", { type: "button", class: "quiet run-state", title: t("run.show-queue"), hidden: true, on: { click: () => editor.shell.togglePanel("queue") } });
    this.element = h("div", { class: "run", role: "group", "aria-label": t("run.run") }, this.state, this.stop, this.count, h("div", { class: "run-buttons" }, this.go, this.more));
    editor.shell.barEnd.append(this.element);
    this.queueRemaining = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    const show = () => this.show();
    this.cleanups = [
      editor.events.on("run:job", show),
      editor.events.on("run:progress", () => (this.timer ??= setTimeout(show, SOON_MS))),
      editor.events.on("run:mode", show),
      editor.events.on("run:trouble", show),
      editor.server.events.on("message", ({ type, data }) => {
        if (type !== "status") return;
        this.queueRemaining = data?.status?.exec_info?.queue_remaining ?? 0;
        this.show();
      }),
    ];
    this.show();
  }

  dispose() {
    clearTimeout(this.timer);
    this.cleanups.forEach((each) => each());
    this.element.remove();
  }

  /** @param {number} count */
  setCount(count) {
    this.service.count = countIn(String(count));
    this.count.value = String(this.service.count);
  }

  show() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { editor, service } = this;
    const { running, active } = service.jobs;
    this.stop.hidden = !active.length;
    const waiting = Math.max(this.queueRemaining - (running ? 1 : 0), active.filter((job) => job !== running).length, 0);
    const parts = [];
    if (running?.wanted) parts.push(editor.text("run.percent", { percent: Math.floor(service.progressOf(running).percent) }));
    if (waiting) parts.push(editor.text("run.waiting", { count: waiting }));
    const text = parts.join(" · ");
    if (this.state.textContent !== text) this.state.textContent = text;
    this.state.hidden = !text;
    const mode = { once: "run.run", change: "run.on-change", always: "run.always" }[service.mode];
    this.name.textContent = editor.text(mode);
    this.go.classList.toggle("is-on", service.mode !== "once");
  }

  #menu() {
    const { editor, service } = this;
    const area = this.element.getBoundingClientRect();
    const { commands } = editor;
    /** @param {string} id @param {boolean} isChecked */
    const choice = (id, isChecked) => ({ ...editor.menuItem(id), isChecked });
    editor.shell.menu([
      editor.menuItem("run.queue"),
      editor.menuItem("run.front"),
      editor.menuItem("run.selection"),
      {
        text: editor.text("run.several"),
        children: [2, 4, 8, 16, 32].map((count) => ({ text: editor.text("run.times", { count }), run: () => commands.run("run.queue", count) })),
      },
      "line",
      choice("run.on-change", service.mode === "change"),
      choice("run.continuously", service.mode === "always"),
      "line",
      editor.menuItem("run.interrupt"),
      editor.menuItem("run.clear"),
    ], { x: area.right - 260, y: area.bottom + 4 });
  }
}

/** @param {string} text  of the field */
function countIn(text) {
  return Math.min(1000, Math.max(1, Math.round(Number(text)) || 1));
}
