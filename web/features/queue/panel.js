/**
 * What the panel shows, drawn from the server's own list, so that it has the jobs of every page and of programs, and
 * those from before a restart.
 */

import { CLOSE, h, icon } from "../../core/dom.js";
import { useSeeds } from "../../core/reuse.js";
import { kindOfName } from "../../core/file-inputs.js";
import { Refusal } from "../../core/server.js";
import { durationText } from "../progress/durations.js";
import { openWorkflowOf, seedsOf } from "./reuse.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { MenuItem } from "../../core/shell.js" */

const PAGE = 30; // jobs shown at first
const MORE = 100; // and with each press of the button below them
const MOST_AT_ONCE = 500; // that the server gives
const PAUSE_MS = 150; // several changes at once are drawn once
const PRIORITIES = /** @type {const} */ ([["high", 10, false], ["normal", 0, false], ["low", -10, false], ["idle", 0, true]]);
const ICONS = {
  close: CLOSE,
  front: "M5 4h14M12 20V9M7 13l5-5 5 5",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
};

export class QueuePanel {
  #editor;
  /** @type {any} the server's latest answer */
  #drawn = { running: [], waiting: [], ended: [], waiting_total: 0, ended_total: 0, ended_cursor: null };
  /** How many the person has asked to see. */
  #wanted = { waiting: PAGE, ended: PAGE };
  /** Whether the server has answered yet. */
  #isKnown = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #moveTimer;
  /** @type {Promise<void> | null} */
  #loading = null;
  #isStale = false;
  /** @type {Map<string, {bar: HTMLElement, words: HTMLElement, picture: HTMLImageElement}>} rows of running jobs */
  #live = new Map();
  /** @type {Map<string, string>} job -> address of its latest preview */
  #previews = new Map();
  /** @type {(() => void)[]} */
  #cleanups;
  /** Those of jobs that ended change no more: their pictures are not loaded again. @type {Map<string, {key: string, row: HTMLElement}>} */
  #rows = new Map();
  /** What the parts show. @type {Map<HTMLElement, string>} */
  #shown = new Map();
  /** @type {string | null} the job that is being dragged */
  #dragged = null;

  /** @param {Editor} editor @param {HTMLElement} body */
  constructor(editor, body) {
    this.#editor = editor;
    this.running = h("div", {});
    this.waiting = h("div", {});
    this.ended = h("div", {});
    editor.server.declare("heddle_queue");
    body.classList.add("queue");
    body.append(this.running, this.waiting, this.ended);
    const { events, server } = editor;
    this.#cleanups = [
      server.events.on("message", ({ type, data }) => this.#hear(type, data)),
      events.on("run:job", () => this.#soon()),
      events.on("run:progress", () => (this.#moveTimer ??= setTimeout(() => this.#move(), PAUSE_MS))),
      events.on("run:preview", ({ job, picture }) => this.#preview(job.id, picture)),
      server.events.on("state", (state) => void (state === "open" ? this.#soon() : this.#isKnown ? this.#draw() : this.#drawUnknown())),
    ];
    body.addEventListener("keydown", (event) => this.#pressed(event));
    body.addEventListener("focusin", (event) => this.#rove(/** @type {HTMLElement} */ (event.target).closest("[data-job]")));
    body.addEventListener("contextmenu", (event) => {
      const row = /** @type {HTMLElement} */ (event.target).closest("[data-job]");
      if (!row) return;
      event.preventDefault();
      this.#openMenu(/** @type {HTMLElement} */ (row), { x: event.clientX, y: event.clientY });
    });
    void this.load();
  }

  dispose() {
    clearTimeout(this.#timer);
    clearTimeout(this.#moveTimer);
    this.#cleanups.forEach((each) => each());
    for (const address of this.#previews.values()) URL.revokeObjectURL(address);
  }

  /** @param {string} name @param {Record<string, string | number>} [values] */
  #t(name, values) {
    return this.#editor.text(name, values);
  }

  /** @param {string} type @param {any} data */
  #hear(type, data) {
    if (type === "status") this.#soon();
    if (type !== "heddle_queue") return;
    if (data.version !== this.#drawn.version) this.#soon();
    for (const each of data.running ?? []) {
      const known = this.#drawn.running.find((/** @type {any} */ job) => job.id === each.id);
      if (known) Object.assign(known, each);
    }
    this.#move();
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.load();
    }, PAUSE_MS);
  }

  /** @returns {Promise<void>} when what the server has now is shown */
  load() {
    this.#isStale = true;
    return (this.#loading ??= this.#load().finally(() => (this.#loading = null)));
  }

  async #load() {
    do {
      this.#isStale = false;
      try {
        this.#drawn = await this.#read();
        this.#isKnown = true;
        this.#draw();
      } catch {
        if (!this.#isKnown) this.#drawUnknown(); // else what was drawn stays, and says since when nothing is known
      }
    } while (this.#isStale);
  }

  get #isAway() {
    return this.#editor.server.state === "away";
  }

  #drawUnknown() {
    this.#put(this.running, "unknown", () => [h("p", { class: "queue-empty" }, this.#t("queue.away-first"))]);
  }

  /** As much of the list as is wanted, all of it anew: jobs leave it anywhere. @returns {Promise<any>} */
  async #read() {
    const { server } = this.#editor;
    const wanted = { ...this.#wanted };
    const drawn = await server.get(`/heddle/queue?limit=${Math.min(MOST_AT_ONCE, Math.max(wanted.waiting, wanted.ended))}`);
    while (drawn.waiting.length < Math.min(wanted.waiting, drawn.waiting_total)) {
      const { waiting } = await server.get(`/heddle/queue?parts=waiting&limit=${MOST_AT_ONCE}&offset=${drawn.waiting.length}`);
      if (!join(drawn.waiting, waiting)) break; // some have left meanwhile: it is told, and read again
    }
    while (drawn.ended.length < wanted.ended && drawn.ended_cursor !== null) {
      const { ended, ended_cursor: cursor } = await server.get(`/heddle/queue?parts=ended&limit=${MOST_AT_ONCE}&cursor=${drawn.ended_cursor}`);
      join(drawn.ended, ended);
      drawn.ended_cursor = cursor;
    }
    drawn.waiting.length = Math.min(drawn.waiting.length, wanted.waiting);
    drawn.ended.length = Math.min(drawn.ended.length, wanted.ended);
    return drawn;
  }

  /** @param {"waiting" | "ended"} part @param {number} left  how many are not shown @returns {HTMLElement | string} */
  #moreButton(part, left) {
    if (left <= 0) return "";
    return h("button", { type: "button", class: "queue-more", data: { focus: `more ${part}` }, on: { click: () => void this.#showMore(part) } }, this.#t("queue.more", { count: left.toLocaleString(this.#editor.messages.locale) }));
  }

  /** @param {"waiting" | "ended"} part */
  async #showMore(part) {
    this.#wanted[part] = this.#drawn[part].length + MORE; // of those shown: a second press before the answer asks for no more
    await this.load();
  }

  /** @returns {void} */
  #draw() {
    if (this.#dragged) return; // what is under the pointer stays there
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const focused = active?.closest?.("[data-focus]")?.getAttribute("data-focus");
    const part = [this.running, this.waiting, this.ended].find((each) => each.contains(active)) ?? this.waiting;
    const at = rowsIn(part).indexOf(/** @type {HTMLElement} */ (active?.closest?.("[data-job]")));
    const { running, waiting, waiting_total: waitingTotal, ended, ended_total: endedTotal } = this.#drawn;
    for (const [id, address] of this.#previews) {
      if (running.some((/** @type {any} */ job) => job.id === id)) continue;
      URL.revokeObjectURL(address);
      this.#previews.delete(id);
    }
    this.#put(this.running, running.map((/** @type {any} */ job) => [job.id, this.#name(job)]), () => {
      this.#live.clear();
      return [
        this.#head("queue.running", running.length),
        running.length ? h("ul", { class: "queue-list" }, running.map((/** @type {any} */ job) => this.#runningRow(job))) : h("p", { class: "queue-empty" }, this.#t("queue.nothing-runs")),
      ];
    });
    this.#put(this.waiting, [waitingTotal, this.#isAway, waiting.map((/** @type {any} */ job) => [job.id, this.#name(job), job.priority, job.background])], () => [
      this.#head("queue.waiting", waitingTotal, waitingTotal ? this.#clearButton("command.clear-queue", () => this.#editor.commands.run("run.clear")) : null),
      waiting.length ? h("ul", { class: "queue-list" }, waiting.map((/** @type {any} */ job, /** @type {number} */ i) => this.#waitingRow(job, i))) : h("p", { class: "queue-empty" }, this.#t("queue.nothing-waits")),
      this.#moreButton("waiting", waitingTotal - waiting.length),
      waiting.length && this.#isAway ? h("p", { class: "queue-empty" }, this.#t("queue.away-waiting")) : "",
    ]);
    const ids = new Set(ended.map((/** @type {any} */ job) => job.id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    this.#put(this.ended, [endedTotal, ended.map((/** @type {any} */ job) => [job.id, this.#endedKey(job)])], () => [
      this.#head("queue.ended", endedTotal, endedTotal ? this.#clearButton("queue.forget-all", () => this.#forgetAll()) : null),
      ended.length ? h("ul", { class: "queue-list" }, ended.map((/** @type {any} */ job) => this.#endedRow(job))) : h("p", { class: "queue-empty" }, this.#t("queue.nothing-ended")),
      this.#moreButton("ended", endedTotal - ended.length),
    ]);
    this.#move();
    this.#rove(null);
    if (!focused) return;
    const place = /** @type {HTMLElement | null} */ (this.ended.parentElement?.querySelector(`[data-focus="${CSS.escape(focused)}"]`));
    if (place && (part === this.ended || !this.ended.contains(place))) return place.focus();
    const rows = rowsIn(part).length ? rowsIn(part) : this.#allRows;
    rows[Math.min(Math.max(0, at), rows.length - 1)]?.focus(); // what has ended gives it to what is there now
  }

  // By keyboard: a list is one stop of Tab, and the buttons of the row where one is.

  /** @returns {HTMLElement[]} from the top */
  get #allRows() {
    return [this.running, this.waiting, this.ended].flatMap(rowsIn);
  }

  /** @param {Element | null} current  the row that has the keyboard */
  #rove(current) {
    for (const part of [this.running, this.waiting, this.ended]) {
      const rows = rowsIn(part);
      const stop = rows.find((row) => row === current) ?? rows.find((row) => row.tabIndex === 0) ?? rows[0];
      for (const row of rows) {
        row.tabIndex = row === stop ? 0 : -1;
        row.querySelectorAll("button, a").forEach((each) => (/** @type {HTMLElement} */ (each).tabIndex = row.tabIndex));
      }
    }
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const row = /** @type {HTMLElement} */ (event.target);
    const { job: id } = row.dataset;
    if (!id || event.defaultPrevented || event.ctrlKey || event.metaKey) return;
    const rows = this.#allRows;
    const place = this.#drawn.waiting.findIndex((/** @type {any} */ each) => each.id === id);
    const { key, altKey } = event;
    if (altKey) {
      const to = /** @type {Record<string, any>} */ ({ ArrowUp: -1, ArrowDown: 1, Home: "front", End: "back" })[key];
      if (to === undefined || place < 0) return;
      void this.#do(() => (typeof to === "number" ? this.#shift(this.#drawn.waiting[place], place, /** @type {1 | -1} */ (to)) : this.#placeAnd(this.#drawn.waiting[place], { to })));
    } else if (key === "ArrowDown" || key === "ArrowUp") {
      this.#step(rows.indexOf(row) + (key === "ArrowDown" ? 1 : -1));
    } else if (key === "Home" || key === "End") { // of its own list
      const siblings = rows.filter((each) => each.parentElement === row.parentElement);
      siblings.at(key === "Home" ? 0 : -1)?.focus();
    } else if (key === "Delete") void this.#do(() => this.#takeOut(id));
    else if (key === "Enter" || key === " " || key === "ContextMenu" || (key === "F10" && event.shiftKey)) {
      const { left, bottom } = row.getBoundingClientRect();
      this.#openMenu(row, { x: left + 12, y: bottom - 4 });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The row at this place has the keyboard; @param {number} index */
  #step(index) {
    const rows = this.#allRows;
    rows[Math.max(0, Math.min(index, rows.length - 1))]?.focus();
  }

  /** @param {HTMLElement} row @param {{x: number, y: number}} place  CSS px of the page */
  #openMenu(row, place) {
    const { id, job } = this.#find(row.dataset.job ?? "");
    const items = id === "running" ? this.#runningMenu(job) : id === "waiting" ? this.#waitingMenu(job) : id === "ended" ? this.#endedMenu(job) : [];
    if (items.length) this.#editor.shell.menu(items, place);
  }

  /** @param {string} id @returns {{id: "running" | "waiting" | "ended" | null, job: any}} */
  #find(id) {
    for (const part of /** @type {const} */ (["running", "waiting"])) {
      const job = this.#drawn[part].find((/** @type {any} */ each) => each.id === id);
      if (job) return { id: part, job };
    }
    const job = this.#drawn.ended.find((/** @type {any} */ each) => each.id === id);
    return { id: job ? "ended" : null, job };
  }

  /** What the Delete key does: stops it, takes it from those that wait, or off the list. @param {string} id */
  #takeOut(id) {
    const found = this.#find(id);
    if (found.id === "running") return this.#stop(found.job);
    if (found.id === "waiting") return this.#remove(found.job);
    return found.id === "ended" ? this.#forget(found.job) : undefined;
  }

  /** @param {any} job */
  #stop(job) {
    return this.#editor.server.post(`/v1/jobs/${encodeURIComponent(job.id)}/cancel`, undefined);
  }

  /** @param {any} job */
  #forget(job) {
    return this.#editor.server.ask("DELETE", `/v1/jobs/${encodeURIComponent(job.id)}`);
  }

  /** @param {any} job @returns {MenuItem[]} */
  #runningMenu(job) {
    return [
      { title: "queue.open", run: () => this.#do(() => openWorkflowOf(this.#editor, job)) },
      { title: "queue.cancel", run: () => this.#do(() => this.#stop(job)) },
    ];
  }

  /**
   * Fills a part of the panel, if it is to show something else: rows that are taken away under the pointer lose its click.
   * @param {HTMLElement} host
   * @param {any} shown
   * @param {() => (HTMLElement | string)[]} make
   */
  #put(host, shown, make) {
    const key = JSON.stringify(shown);
    if (this.#shown.get(host) === key) return;
    this.#shown.set(host, key);
    host.replaceChildren(...make());
  }

  /** @param {string} name @param {number} count @param {HTMLElement | null} [button] */
  #head(name, count, button = null) {
    return h("header", { class: "queue-head" }, h("h3", {}, this.#t(name), h("span", { class: "queue-count" }, count)), button);
  }

  /** @param {string} name  what it does, in full @param {() => unknown} run */
  #clearButton(name, run) {
    const text = this.#t(name);
    return h("button", { type: "button", class: "quiet", title: text, "aria-label": text, data: { focus: name }, on: { click: run } }, this.#t("queue.clear"));
  }

  async #forgetAll() {
    const answer = await this.#editor.shell.ask(this.#t("queue.forget-all"), this.#t("queue.forget-ask", { count: this.#drawn.ended_total }), [
      { id: "forget", text: this.#t("queue.forget-all"), isDangerous: true },
      { id: "keep", text: this.#t("shell.cancel"), isMain: true },
    ]);
    if (answer === "forget") await this.#do(() => this.#editor.server.post("/history", { clear: true }));
  }

  /** @param {any} job */
  #name(job) {
    return job.label || this.#editor.services.run.jobs.get(job.id)?.name || this.#t("run.untitled");
  }

  /**
   * @param {string} focus  so that the keyboard stays where it was when the list is drawn anew
   * @param {string} name
   * @param {string} shape
   * @param {() => unknown} run
   */
  #button(focus, name, shape, run) {
    return h("button", { type: "button", class: "quiet", "aria-label": name, title: name, data: { focus }, on: { click: () => this.#do(run) } }, icon(shape));
  }

  /** @param {() => unknown} run */
  async #do(run) {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Refusal && (error.status === 409 || error.status === 404))) this.#editor.report(error); // else it has moved on meanwhile
    }
    this.#soon();
  }

  /** @param {any} job */
  #runningRow(job) {
    const bar = h("div", { class: "queue-fill" });
    const words = h("p", { class: "queue-words" });
    const picture = h("img", { class: "queue-live", alt: "", hidden: true });
    this.#live.set(job.id, { bar, words, picture });
    return h("li", { class: "queue-job", tabindex: "-1", data: { job: job.id, focus: `row ${job.id}` }, "aria-label": this.#t("queue.runs", { name: this.#name(job) }) }, picture,
      h("div", { class: "queue-middle" }, h("p", { class: "queue-name", title: this.#name(job) }, this.#name(job)), h("div", { class: "queue-bar" }, bar), words),
      this.#button(`cancel ${job.id}`, this.#t("queue.cancel"), ICONS.close, () => this.#stop(job)));
  }

  /** What moves while jobs run. */
  #move() {
    clearTimeout(this.#moveTimer);
    this.#moveTimer = undefined;
    const { run } = this.#editor.services;
    for (const job of this.#drawn.running) {
      const row = this.#live.get(job.id);
      if (!row) continue;
      const own = run.jobs.get(job.id);
      const { percent, secondsLeft } = own?.wanted ? run.progressOf(own) : { percent: job.progress_percent, secondsLeft: job.seconds_left };
      const nodeId = own?.running ?? job.node?.node_id ?? null;
      const node = nodeId === null ? null : own?.document ? this.#editor.nodeOf(nodeId, own.document)?.node.name : null;
      const name = node ?? this.#editor.catalogue.spec(job.node?.class_type)?.title ?? job.node?.class_type;
      row.bar.style.width = `${percent}%`;
      const known = [
        this.#t("run.percent", { percent: Math.floor(percent) }),
        name,
        secondsLeft === null || this.#isAway ? null : this.#t("progress.left", { time: durationText(this.#editor, secondsLeft * 1000) }),
      ].filter(Boolean).join(" · ");
      row.words.textContent = this.#isAway ? this.#t("queue.away", { known }) : known;
      row.bar.parentElement?.classList.toggle("is-away", this.#isAway);
      const address = this.#previews.get(job.id);
      row.picture.hidden = !address;
      if (address && row.picture.src !== address) row.picture.src = address;
    }
  }

  /** @param {string} id @param {Blob} picture */
  #preview(id, picture) {
    const before = this.#previews.get(id);
    this.#previews.set(id, URL.createObjectURL(picture));
    this.#move();
    if (before) setTimeout(() => URL.revokeObjectURL(before), 1000); // it may still be read
  }

  /** @param {any} job @param {number} place */
  #waitingRow(job, place) {
    const name = this.#name(job);
    const row = h("li", {
      class: "queue-job queue-waits", draggable: "true", tabindex: "-1", data: { job: job.id, focus: `row ${job.id}` },
      "aria-label": this.#t("queue.waits", { place: place + 1, name }), title: this.#t("queue.move-hint"),
      on: {
        dragstart: (/** @type {DragEvent} */ event) => {
          this.#dragged = job.id;
          event.dataTransfer?.setData("text/plain", name);
          row.classList.add("is-dragged");
        },
        dragend: () => {
          this.#dragged = null;
          row.classList.remove("is-dragged");
          this.#soon();
        },
        dragover: (/** @type {DragEvent} */ event) => {
          if (!this.#dragged || this.#dragged === job.id) return;
          event.preventDefault();
          const isAfter = isInLowerHalf(row, event);
          row.classList.toggle("is-after", isAfter);
          row.classList.toggle("is-before", !isAfter);
        },
        dragleave: () => row.classList.remove("is-before", "is-after"),
        drop: (/** @type {DragEvent} */ event) => {
          const dragged = this.#dragged;
          row.classList.remove("is-before", "is-after");
          if (!dragged || dragged === job.id) return;
          event.preventDefault();
          event.stopPropagation();
          this.#dragged = null;
          void this.#do(() => this.#place(dragged, isInLowerHalf(row, event) ? { after: job.id } : { before: job.id }));
        },
      },
    }, h("span", { class: "queue-grip", "aria-hidden": "true" }, icon(ICONS.grip)),
      h("div", { class: "queue-middle" }, h("p", { class: "queue-name", title: name }, name), h("p", { class: "queue-words" }, [this.#t("queue.place", { place: place + 1 }), this.#priorityName(job)].filter(Boolean).join(" · "))),
      this.#button(`front ${job.id}`, this.#t("queue.front"), ICONS.front, () => this.#place(job.id, { to: "front" })),
      this.#menuButton(job, () => this.#waitingMenu(job)),
      this.#button(`remove ${job.id}`, this.#t("queue.remove"), ICONS.close, () => this.#remove(job)));
    return row;
  }

  /** @param {any} job */
  #priorityName(job) {
    const known = PRIORITIES.find(([, priority, background]) => priority === job.priority && background === job.background);
    if (known) return known[0] === "normal" ? "" : this.#t(`queue.priority.${known[0]}`);
    return this.#t("queue.priority", { priority: job.priority });
  }

  /** @param {any} job @param {number} place @param {1 | -1} step */
  async #shift(job, place, step) {
    if (place + step >= this.#drawn.waiting.length && this.#drawn.waiting.length < this.#drawn.waiting_total) await this.#showMore("waiting");
    const other = this.#drawn.waiting[place + step];
    if (other) await this.#placeAnd(job, step < 0 ? { before: other.id } : { after: other.id });
  }

  /** Moves one and says where it is now. @param {any} job @param {any} where */
  async #placeAnd(job, where) {
    if (where.to === "back") this.#wanted.waiting = Math.max(this.#wanted.waiting, Math.min(MOST_AT_ONCE, this.#drawn.waiting_total)); // where it goes is seen
    await this.#place(job.id, where);
    await this.load();
    const place = this.#drawn.waiting.findIndex((/** @type {any} */ each) => each.id === job.id);
    if (place >= 0) this.#editor.shell.say(this.#t("queue.moved", { name: this.#name(job), place: place + 1 }), "queue");
  }

  /** @param {string} id @param {any} where */
  #place(id, where) {
    return this.#editor.server.post(`/v1/jobs/${encodeURIComponent(id)}/move`, where);
  }

  /** @param {any} job */
  async #remove(job) {
    const own = this.#editor.services.run.jobs.get(job.id);
    if (own) await this.#editor.services.run.cancel(own);
    else await this.#editor.server.post(`/v1/jobs/${encodeURIComponent(job.id)}/cancel`, undefined);
  }

  /** @param {any} job @param {() => MenuItem[]} items */
  #menuButton(job, items) {
    const name = this.#t("queue.menu");
    const button = h("button", {
      type: "button", class: "quiet", "aria-label": name, title: name, "aria-haspopup": "menu", data: { focus: `menu ${job.id}` },
      on: { click: () => {
        const area = button.getBoundingClientRect();
        this.#editor.shell.menu(items(), { x: area.left, y: area.bottom + 2 });
      } },
    }, icon(ICONS.more));
    return button;
  }

  /** @param {any} job @returns {MenuItem[]} */
  #waitingMenu(job) {
    return [
      { title: "queue.front", run: () => this.#do(() => this.#place(job.id, { to: "front" })) },
      { title: "queue.back", run: () => this.#do(() => this.#place(job.id, { to: "back" })) },
      "line",
      ...PRIORITIES.map(([name, priority, background]) => ({
        title: `queue.priority.${name}`, isChecked: job.priority === priority && job.background === background,
        run: () => this.#do(() => this.#place(job.id, { priority, background })),
      })),
      "line",
      { title: "queue.open", run: () => this.#do(() => openWorkflowOf(this.#editor, job)) },
      { title: "queue.remove", run: () => this.#do(() => this.#remove(job)) },
    ];
  }

  /** What its row depends on. @param {any} job */
  #endedKey(job) {
    return `${job.state} ${this.#name(job)} ${Boolean(this.#documentOf(job))}`;
  }

  /** @param {any} job */
  #endedRow(job) {
    const known = this.#rows.get(job.id);
    const key = this.#endedKey(job);
    if (known?.key === key) return known.row;
    const row = this.#makeEndedRow(job);
    this.#rows.set(job.id, { key, row });
    return row;
  }

  /** @param {any} job */
  #makeEndedRow(job) {
    const isBad = job.state === "failed" || job.state === "partial";
    const ms = job.started_ms && job.ended_ms ? job.ended_ms - job.started_ms : null;
    const words = [
      this.#t(`queue.state.${job.state}`),
      ms === null ? null : durationText(this.#editor, ms),
      job.ended_ms ? new Intl.DateTimeFormat(this.#editor.messages.locale, timeForm(job.ended_ms)).format(job.ended_ms) : null,
    ];
    return h("li", { class: `queue-job queue-${job.state}`, tabindex: "-1", data: { job: job.id, focus: `row ${job.id}` }, "aria-label": this.#t("queue.was", { name: this.#name(job), state: this.#t(`queue.state.${job.state}`) }) },
      h("div", { class: "queue-middle" },
        h("p", { class: "queue-name", title: this.#name(job) }, this.#name(job)),
        h("p", { class: "queue-words" }, words.filter(Boolean).join(" · ")),
        isBad && job.error && h("p", { class: "queue-reason", title: job.error.reason }, this.#reason(job)),
        this.#thumbnails(job),
        isBad ? h("div", { class: "queue-actions" }, this.#nodeButton(job), h("button", { type: "button", data: { focus: `retry ${job.id}` }, on: { click: () => this.#do(() => this.#retry(job)) } }, this.#t("queue.retry"))) : null),
      this.#menuButton(job, () => this.#endedMenu(job)));
  }

  /** What went wrong, and in which node: its name as the person gave it, where that is known. @param {any} job */
  #reason({ id, error, workflow_id: workflowId }) {
    const { node_id: nodeId, class_type: type } = error;
    const reason = this.#editor.messages.failure(error.reason, error.kind, error.said);
    const known = this.#documentOf({ id, workflow_id: workflowId });
    const node = (nodeId && known && this.#editor.nodeOf(nodeId, known)?.node.name) || this.#editor.catalogue.spec(type)?.title || type;
    return node ? this.#t("queue.reason", { node, reason }) : reason;
  }

  /** Its workflow is opened if no tab has it. @param {any} job */
  #nodeButton(job) {
    const id = job.error?.node_id;
    if (!id) return null;
    const editor = this.#editor;
    return h("button", { type: "button", data: { focus: `node ${job.id}` }, on: { click: () => this.#do(async () => {
      /** @type {import("../../core/document.js").Document | null} */
      let known = this.#documentOf(job) ?? null;
      if (!known || !editor.nodeOf(id, known)) known = await openWorkflowOf(editor, job);
      if (!known) return;
      if (known !== editor.document) editor.show(known);
      const found = editor.nodeOf(id, known);
      if (found) editor.goTo(found.node, found.path);
      else editor.shell.note(this.#t("queue.no-node", { id }));
    }) } }, this.#t("queue.to-node"));
  }

  /** The open document that a job is of. @param {any} job */
  #documentOf(job) {
    const own = this.#editor.services.run.jobs.get(job.id)?.document;
    if (own && this.#editor.documents.includes(own)) return own;
    return this.#editor.documents.find((each) => job.workflow_id && each.raw?.id === job.workflow_id);
  }

  /** @param {any} job */
  #thumbnails(job) {
    const files = this.#filesOf(job);
    if (!files.length) return null;
    const more = (job.outputs_count ?? files.length) - files.length;
    return h("div", { class: "queue-thumbs" },
      files.map((/** @type {any} */ file, /** @type {number} */ i) => h("a", {
        class: "queue-thumb", data: { kind: kindOfName(file.filename) ?? "" }, href: `/api${file.url}`, target: "_blank", rel: "noopener", title: file.filename,
        on: { click: (/** @type {MouseEvent} */ event) => {
          if (!this.#editor.services.viewer || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          this.#look(job, i);
        } },
      }, file.thumbnail ? h("img", { src: `/api${file.thumbnail}`, alt: file.filename, loading: "lazy" }) : h("span", { class: "queue-file" }, file.filename))),
      more > 0 ? h("span", { class: "queue-rest" }, `+${more}`) : null);
  }

  /** @param {any} job @returns {any[]} */
  #filesOf(job) {
    return (job.outputs ?? []).filter((/** @type {any} */ each) => each.url);
  }

  /** @param {any} job @param {number} index */
  #look(job, index) {
    void this.#editor.services.viewer?.open(this.#filesOf(job).map((each) => ({ src: `/api${each.url}`, name: each.filename, thumbnail: each.thumbnail && `/api${each.thumbnail}`, file: each })), index);
  }

  /** @param {any} job @returns {MenuItem[]} */
  #endedMenu(job) {
    return [
      ...(this.#filesOf(job).length ? [{ title: "queue.look", run: () => this.#look(job, 0) }] : []),
      { title: "queue.open", run: () => this.#do(() => openWorkflowOf(this.#editor, job)) },
      { title: "queue.use-seed", run: () => this.#do(() => this.#useSeeds(job)) },
      { title: "queue.retry", run: () => this.#do(() => this.#retry(job)) },
      "line",
      { title: "queue.forget", run: () => this.#do(() => this.#forget(job)) },
    ];
  }

  /** @param {any} job */
  async #useSeeds(job) {
    const { graph } = this.#editor; // the one that the person meant, whatever is shown when the answer comes
    const count = useSeeds(graph, await seedsOf(this.#editor, job));
    this.#editor.shell.note(this.#t(count ? "queue.seed-used" : "queue.no-seed"), { kind: count ? "good" : "plain" });
  }

  /** @param {any} job */
  async #retry(job) {
    const { server, services } = this.#editor;
    const answer = await server.post(`/v1/jobs/${encodeURIComponent(job.id)}/retry`, { client_id: server.clientId });
    for (const each of answer.jobs ?? []) services.run.adopt(each.id, this.#documentOf(job) ?? null, this.#name(job));
  }
}

/** @param {HTMLElement} part @returns {HTMLElement[]} */
function rowsIn(part) {
  return [...part.querySelectorAll("[data-job]")].filter((each) => each instanceof HTMLElement);
}

/** Puts at the end what is not there yet. @param {any[]} jobs @param {any[]} more @returns {boolean} whether any was new */
function join(jobs, more) {
  const ids = new Set(jobs.map((job) => job.id));
  const fresh = more.filter((job) => !ids.has(job.id));
  jobs.push(...fresh);
  return fresh.length > 0;
}

/** @param {HTMLElement} row @param {DragEvent} event */
function isInLowerHalf(row, event) {
  const { top, height } = row.getBoundingClientRect();
  return event.clientY > top + height / 2;
}

/** @param {number} ms @returns {Intl.DateTimeFormatOptions} today's with their time, others with their day */
function timeForm(ms) {
  const isToday = new Date(ms).toDateString() === new Date().toDateString();
  return isToday ? { hour: "2-digit", minute: "2-digit" } : { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
}
