/**
 * Says calmly when the server is away, when the engine behind it is not ready yet, and when there is nothing to run with;
 * goes on by itself when it is back. The page stays usable all the time.
 */

import { addStyle, CLOSE, h, icon } from "../../core/dom.js";

/** @import { Editor, Feature } from "../../core/editor.js" */

const CALM_MS = 1500; // a line that is back so soon is not worth a word
const LOOK_EVERY_MS = 1500;
const QUIET_MS = 4000; // a job that waits so long while nothing runs is looked into

/** @type {Feature} */
export const reconnect = {
  name: "reconnect",
  needs: ["run"],
  async install(editor) {
    const removeStyle = await addStyle("./reconnect.css", import.meta.url);
    const banner = new Banner(editor);
    const { server, events } = editor;
    const cleanups = [
      server.events.on("state", (state) => banner.lineChanged(state)),
      events.on("run:trouble", (trouble) => void (trouble === "starting" ? banner.look() : banner.show())),
      events.on("run:job", () => banner.jobChanged()),
      events.on("catalogue", () => banner.show()),
    ];
    banner.lineChanged(server.state);
    if (server.state !== "open") void banner.look();
    return () => {
      cleanups.forEach((each) => each());
      banner.dispose();
      removeStyle();
    };
  },
};

class Banner {
  #editor;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lineTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #quietTimer;
  isAway = false;
  wasAway = false;
  /** @type {any} what `/heddle/status` said last */
  status = null;
  isNoGpuKnown = false;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.words = h("p", { class: "banner-words" });
    this.action = h("span", { class: "banner-action" });
    this.element = h("div", { class: "banner", role: "status", hidden: true }, this.words, this.action);
    editor.shell.over.append(this.element);
  }

  dispose() {
    clearTimeout(this.#timer);
    clearTimeout(this.#lineTimer);
    clearTimeout(this.#quietTimer);
    this.element.remove();
  }

  /** @param {"connecting" | "open" | "away"} state */
  lineChanged(state) {
    clearTimeout(this.#lineTimer);
    if (state === "away") {
      this.#lineTimer = setTimeout(() => {
        this.isAway = this.wasAway = true;
        this.show();
      }, CALM_MS);
      return;
    }
    this.isAway = false;
    this.show();
    if (state !== "open") return;
    if (this.wasAway) {
      this.wasAway = false;
      this.#editor.shell.say(this.#editor.text("reconnect.back"));
      this.#editor.events.emit("reconnect:back", null);
    }
    void this.look();
  }

  jobChanged() {
    clearTimeout(this.#quietTimer);
    const { jobs } = this.#editor.services.run;
    if (jobs.active.length && !jobs.running) this.#quietTimer = setTimeout(() => void this.look(), QUIET_MS);
  }

  /** Asks how the engine is, again until it is ready. */
  async look() {
    clearTimeout(this.#timer);
    try {
      this.status = await this.#editor.server.get("/heddle/status");
    } catch {
      this.status = null; // the line says it
    }
    this.show();
    if (this.status && !this.#isReady) this.#timer = setTimeout(() => void this.look(), LOOK_EVERY_MS);
  }

  get #isReady() {
    const workers = this.status?.workers ?? [];
    return workers.some((/** @type {any} */ each) => each.state === "ready" || each.state === "busy");
  }

  show() {
    const { words, kind, action } = this.#wanted();
    this.element.hidden = !words;
    this.element.className = `banner banner-${kind}`;
    if (this.words.textContent !== words) this.words.textContent = words;
    this.action.replaceChildren(...(action ? [action] : []));
  }

  /** @returns {{words: string, kind: "away" | "starting" | "hint", action?: HTMLElement}} */
  #wanted() {
    const editor = this.#editor;
    /** @param {string} name @param {Record<string, string | number>} [values] */
    const t = (name, values) => editor.text(name, values);
    const { run } = editor.services;
    const waiting = run.sending.waiting;
    if (this.isAway || run.sending.trouble === "away") {
      return { words: [t("reconnect.away"), waiting ? t("reconnect.waiting", { count: waiting }) : ""].filter(Boolean).join(" "), kind: "away" };
    }
    if (this.status && !this.#isReady) {
      const note = this.status.workers?.map((/** @type {any} */ each) => each.note).find(Boolean);
      return { words: note ? t("reconnect.starting-note", { note }) : t("reconnect.starting"), kind: "starting" };
    }
    if (this.status && !hasModel(editor)) return { words: t("reconnect.no-model"), kind: "hint" };
    const devices = (this.status?.workers ?? []).flatMap((/** @type {any} */ each) => each.devices ?? []);
    if (devices.length && devices.every((/** @type {any} */ each) => each.type === "cpu") && !editor.settings.read("run.cpu-known") && !this.isNoGpuKnown) {
      const close = h("button", { type: "button", class: "quiet", "aria-label": t("shell.dismiss"), title: t("shell.dismiss"), on: { click: () => {
        this.isNoGpuKnown = true;
        editor.settings.write("run.cpu-known", true);
        this.show();
      } } }, icon(CLOSE));
      return { words: t("reconnect.no-gpu"), kind: "hint", action: close };
    }
    return { words: "", kind: "hint" };
  }
}

/** Whether any loader of whole models or of nets has a file to load. @param {Editor} editor */
function hasModel(editor) {
  const loaders = [["CheckpointLoaderSimple", "ckpt_name"], ["UNETLoader", "unet_name"]];
  const known = loaders.filter(([type]) => editor.catalogue.spec(type));
  return !known.length || known.some(([type, input]) => {
    const options = editor.catalogue.spec(type)?.inputs.find((each) => each.name === input)?.options.options;
    return !Array.isArray(options) || options.length > 0;
  });
}
