/**
 * How far it is, where people look: a thin bar under the bar at the top, the title and the icon of the browser's tab; a
 * word for those who cannot see it; a sound and a notification when all is done, for those who want them.
 */

import { addStyle, h } from "../../core/dom.js";
import { durationText } from "./durations.js";
import { drawIcon } from "./favicon.js";
import { chime } from "./chime.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Job } from "../run/jobs.js" */

const EVERY_MS = 100;
const LONG_MS = 3000; // a job that took less is not told of by a sound
const SAY_EVERY_MS = 15_000;

/** @type {Feature} */
export const progress = {
  name: "progress",
  needs: ["run"],
  async install(editor) {
    const removeStyle = await addStyle("./progress.css", import.meta.url);
    const parts = new ProgressParts(editor);
    const { events, settings } = editor;
    const cleanups = [
      settings.declare([
        { id: "run.sound", title: "progress.sound", section: "run.section", kind: "boolean", fallback: false },
        { id: "run.notify", title: "progress.notify", section: "run.section", kind: "boolean", fallback: false },
      ]),
      settings.events.on("run.notify", (isOn) => void (isOn && parts.askToNotify())),
      events.on("run:job", (job) => parts.jobChanged(job)),
      events.on("run:progress", () => parts.update()),
      editor.server.events.on("state", () => parts.update()),
      events.on("errors:told", ({ problems, isPartial }) => parts.say(editor.text(problems[0].kind === "run" ? "progress.stopped" : isPartial ? "progress.partial" : "progress.refused", { count: problems.length, node: problems[0].title, message: problems[0].message }))),
    ];
    parts.update(); // one may run already
    return () => {
      cleanups.forEach((each) => each());
      parts.dispose();
      removeStyle();
    };
  },
};

class ProgressParts {
  #editor;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #saidMs = 0;
  #shownPercent = -1;
  #iconAtFirst;
  /** @type {Set<string>} long jobs of which the end is still to be told */
  #long = new Set();

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.fill = h("div", { class: "progress-fill" });
    this.bar = h("div", { class: "progress-bar", role: "progressbar", "aria-label": editor.text("progress.name"), "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, this.fill);
    editor.shell.bar.append(this.bar);
    this.link = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[rel=icon]"));
    this.#iconAtFirst = this.link?.href ?? "";
  }

  dispose() {
    clearTimeout(this.#timer);
    this.bar.remove();
    this.#showInTab(null);
  }

  /** Tells those who cannot see it. @param {string} text */
  say(text) {
    this.#saidMs = performance.now();
    this.#editor.shell.say(text, "run");
  }

  /** Something moved on: what is shown follows soon. */
  update() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#show();
    }, EVERY_MS);
  }

  #show() {
    const { run } = this.#editor.services;
    const job = run.jobs.running;
    this.bar.hidden = !job?.wanted; // of a job of nobody here nothing is known
    if (!job?.wanted) return this.#showInTab(null);
    const { percent, secondsLeft } = run.progressOf(job);
    const whole = Math.floor(percent);
    const time = this.#editor.server.state === "away" ? this.#editor.text("progress.away") : secondsLeft === null ? "" : this.#editor.text("progress.left", { time: durationText(this.#editor, secondsLeft * 1000) });
    this.fill.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", String(whole));
    this.bar.setAttribute("aria-valuetext", [this.#editor.text("run.percent", { percent: whole }), time].filter(Boolean).join(", "));
    this.bar.title = this.bar.getAttribute("aria-valuetext") ?? "";
    this.#showInTab(whole);
    if (performance.now() - this.#saidMs > SAY_EVERY_MS) this.say(this.bar.title);
    return undefined;
  }

  /** @param {number | null} percent */
  #showInTab(percent) {
    const title = document.title.replace(/^\(\d+%\) /, "");
    const wanted = percent === null ? title : `(${percent}%) ${title}`;
    if (document.title !== wanted) document.title = wanted;
    const shown = percent === null ? -1 : percent;
    if (!this.link || this.#shownPercent === shown) return;
    this.#shownPercent = shown;
    this.link.href = percent === null ? this.#iconAtFirst : drawIcon(percent / 100, this.#editor.view.theme);
  }

  /** @param {Job} job */
  jobChanged(job) {
    const { run } = this.#editor.services;
    /** @param {string} name @param {Record<string, string | number>} [values] */
    const t = (name, values) => this.#editor.text(name, values);
    const ms = job.startedMs && job.endedMs ? job.endedMs - job.startedMs : 0;
    if (job.state === "running") this.say(t("progress.running"));
    if (job.state === "done") this.say(ms < 200 ? t("progress.nothing-new") : t("progress.done", { time: durationText(this.#editor, ms) }));
    if (job.state === "cancelled" && job.document) this.say(t("progress.cancelled"));
    if (job.state === "running") this.#show();
    this.update();
    if (!job.hasEnded || !job.document) return;
    if (ms >= LONG_MS) this.#long.add(job.state);
    if (run.jobs.active.length || !this.#long.size) return;
    const isGood = !this.#long.has("failed") && !this.#long.has("partial");
    const isWorthIt = isGood ? this.#long.has("done") : true;
    this.#long.clear();
    if (!isWorthIt) return;
    const { settings } = this.#editor;
    if (settings.read("run.sound")) chime(isGood);
    if (settings.read("run.notify") && document.hidden) this.#notify(t(isGood ? "progress.all-done" : "progress.all-failed", { name: job.name || t("run.untitled") }));
  }

  /** Asked only when the person turns it on. */
  async askToNotify() {
    const answer = "Notification" in window ? await Notification.requestPermission() : "denied";
    if (answer === "granted") return;
    this.#editor.settings.write("run.notify", false);
    this.#editor.shell.note(this.#editor.text("progress.not-allowed"), { kind: "error" });
  }

  /** @param {string} text */
  #notify(text) {
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    const shown = new Notification("Heddle", { body: text, tag: "heddle-done" });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
    });
  }
}
