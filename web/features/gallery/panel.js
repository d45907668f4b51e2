/** The gallery: which results are shown, the grid of them, and what is done with those that are chosen. */

import { addStyle, h, icon } from "../../core/dom.js";
import { isTextField } from "../../core/commands.js";
import { addressOf, menuOf } from "./actions.js";
import { DRAGGED } from "./gallery.js";
import { Grid } from "./grid.js";
import { OutputList } from "./outputs.js";
import { bytesText, dateText, durationText, timeText } from "./texts.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Output } from "./outputs.js" */

const TYPING_MS = 250;
const MOST_CHOSEN = 10_000;
const LOOK_AGAIN_MS = 1500; // while the server still reads the folder
const SIZES = { small: 72, medium: 100, large: 180 }; // least width of a thumbnail, CSS px
const ICONS = {
  wide: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  filter: "M4 6h16M7 12h10M10 18h4",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  close: "M6 6l12 12M18 6L6 18",
};

export class GalleryPanel {
  #editor;
  /** @type {(() => void)[]} */
  #cleanups = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;

  /** @param {Editor} editor @param {HTMLElement} body @returns {Promise<GalleryPanel>} */
  static async open(editor, body) {
    const removeStyle = await addStyle("./gallery.css", import.meta.url);
    const panel = new GalleryPanel(editor, body);
    panel.#cleanups.push(removeStyle);
    return panel;
  }

  /** @param {Editor} editor @param {HTMLElement} body */
  constructor(editor, body) {
    this.#editor = editor;
    const t = editor.text.bind(editor);
    const { settings, server, events } = editor;
    this.list = new OutputList((query) => server.get(`/heddle/outputs?${query}`));
    this.grid = new Grid(this.list, {
      label: t("gallery.title"),
      describe: (entry) => this.#describe(entry),
      open: (index) => void this.#view(index),
      menu: (place) => editor.shell.menu(menuOf(editor, this.chosen, () => this.#makeRoom()), place),
      changed: () => this.#words(),
      key: (event) => this.#key(event),
      drag: (event, entries) => this.#drag(event, entries),
    });

    // Which results.
    this.text = h("input", { type: "search", placeholder: t("gallery.search"), "aria-label": t("gallery.search"), on: { input: () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#choose(), TYPING_MS);
    } } });
    const choose = () => this.#choose();
    /** @param {string} name @param {[string, string][]} options */
    const select = (name, options) => h("select", { "aria-label": t(name), title: t(name), on: { change: choose } }, options.map(([value, text]) => h("option", { value }, text)));
    this.type = select("gallery.place", [["output", t("gallery.outputs")], ["input", t("gallery.inputs")], ["temp", t("gallery.temp")]]);
    this.kind = select("gallery.kind", [["", t("gallery.all-kinds")], ...["image", "video", "audio", "text", "3d", "other"].map((each) => /** @type {[string, string]} */ ([each, t(`gallery.kind-${each}`)]))]);
    this.folder = select("gallery.folder", [["", t("gallery.all-folders")]]);
    this.order = select("gallery.order", [["newest", t("gallery.newest")], ["oldest", t("gallery.oldest")]]);
    this.since = h("input", { type: "date", "aria-label": t("gallery.since"), on: { change: choose } });
    this.until = h("input", { type: "date", "aria-label": t("gallery.until"), on: { change: choose } });
    this.own = h("input", { type: "checkbox", on: { change: choose } });
    this.filters = h("div", { class: "gallery-filters", id: "gallery-filters", hidden: !settings.read("gallery.filters", false) },
      this.type, this.kind, this.folder, this.order,
      h("label", { class: "gallery-date" }, t("gallery.since"), this.since), h("label", { class: "gallery-date" }, t("gallery.until"), this.until),
      h("div", { class: "gallery-own" }, h("label", {}, this.own, t("gallery.of-workflow")),
        h("button", { type: "button", on: { click: () => this.#all() } }, t("gallery.no-filters"))));
    this.filterButton = this.#button("gallery.filters", ICONS.filter, () => {
      this.filters.hidden = !this.filters.hidden;
      settings.write("gallery.filters", !this.filters.hidden);
      this.#words();
    }, { "aria-controls": "gallery-filters" });
    this.wideButton = this.#button("gallery.wide", ICONS.wide, () => settings.write("gallery.wide", !settings.read("gallery.wide", false)));
    const moreButton = this.#button("gallery.more", ICONS.more, () => {
      const area = moreButton.getBoundingClientRect();
      editor.shell.menu([
        ...Object.keys(SIZES).map((size) => ({ title: `gallery.size-${size}`, isChecked: this.#size === size, run: () => settings.write("gallery.size", size) })),
        "line",
        { title: "gallery.choose-all", keys: "Ctrl A", run: () => this.grid.chooseAll(MOST_CHOSEN) },
        { title: "command.gallery-trash", run: () => editor.commands.run("gallery.trash") },
      ], { x: area.left, y: area.bottom + 2 });
    }, { "aria-haspopup": "menu" });

    // Where one is in them.
    this.count = h("p", { class: "gallery-count", role: "status" });
    this.date = h("span", { class: "gallery-when", "aria-hidden": "true" });
    this.jump = h("input", { type: "date", class: "gallery-jump", "aria-label": t("gallery.jump"), title: t("gallery.jump"), on: { change: () => void this.#jump() } });
    this.freshButton = h("button", { type: "button", class: "gallery-fresh main", hidden: true, on: { click: () => void this.#letIn() } });
    this.empty = h("p", { class: "gallery-empty", hidden: true });

    // What is chosen.
    this.chosenWords = h("span", { class: "gallery-chosen-count" });
    /** @param {string} id @param {string} name */
    const act = (id, name) => h("button", { type: "button", on: { click: () => {
      if (id === "gallery.open-workflow" || id === "gallery.use-as-input") this.#makeRoom();
      void editor.commands.run(id, this.chosen);
    } } }, t(name));
    this.compareButton = act("gallery.compare", "gallery.compare-short");
    this.actions = h("div", { class: "gallery-chosen", role: "toolbar", "aria-label": t("gallery.chosen-title"), hidden: true },
      this.chosenWords,
      this.#button("gallery.choose-none", ICONS.close, () => this.grid.clear()),
      act("gallery.open-workflow", "gallery.workflow"), act("gallery.use-as-input", "gallery.input-short"), this.compareButton, act("gallery.download", "gallery.download-short"),
      h("button", { type: "button", class: "quiet", "aria-label": t("gallery.actions"), title: t("gallery.actions"), "aria-haspopup": "menu", on: { click: (/** @type {MouseEvent} */ event) => {
        const area = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
        editor.shell.menu(menuOf(editor, this.chosen, () => this.#makeRoom()), { x: area.left, y: area.top });
      } } }, icon(ICONS.more)));

    body.classList.add("gallery");
    body.append(
      h("div", { class: "gallery-tools" }, this.text, this.filterButton, this.wideButton, moreButton),
      this.filters,
      h("div", { class: "gallery-state" }, this.count, this.date, this.jump),
      h("div", { class: "gallery-middle" }, this.freshButton, this.grid.element, this.empty),
      this.actions);
    this.#cleanups.push(
      this.list.events.on("change", () => this.#drawn()),
      this.list.events.on("trouble", (error) => editor.report(error)),
      server.events.on("message", ({ type, data }) => {
        if (type === "heddle_outputs" && data?.places?.includes(this.type.value)) void this.#hear();
      }),
      server.events.on("state", (state) => void (state === "open" && this.#hear())),
      events.on("gallery:deleted", (gone) => {
        for (const { filename, subfolder, type } of gone) this.grid.chosen.delete(`${type}/${subfolder}/${filename}`);
        void this.list.hear(true);
      }),
      events.on("gallery:restored", () => void this.list.hear(true)),
      events.on("document", () => void (this.own.checked && this.#choose())),
      settings.follow("gallery.wide", (isWide) => {
        body.classList.toggle("is-wide", Boolean(isWide));
        this.wideButton.setAttribute("aria-pressed", String(Boolean(isWide)));
      }),
      settings.follow("gallery.size", () => this.grid.setSize(SIZES[this.#size])),
      () => this.grid.dispose());
    this.#words();
    this.#choose();
    void this.#readFolders();
    this.grid.element.focus({ preventScroll: true });
  }

  dispose() {
    clearTimeout(this.#typing);
    clearTimeout(this.#again);
    this.#cleanups.forEach((each) => each());
  }

  /** @returns {Output[]} */
  get chosen() {
    return [...this.grid.chosen.values()];
  }

  /** @returns {keyof typeof SIZES} */
  get #size() {
    const size = this.#editor.settings.read("gallery.size", "medium");
    return Object.hasOwn(SIZES, size) ? size : "medium";
  }

  /** @param {string} name @param {string} shape @param {() => void} run @param {Record<string, any>} [more] */
  #button(name, shape, run, more = {}) {
    const text = this.#editor.text(name);
    return h("button", { type: "button", class: "quiet", "aria-label": text, title: text, on: { click: run }, ...more }, icon(shape));
  }

  /** On a phone the panel lies over the canvas. */
  #makeRoom() {
    if (matchMedia("(max-width: 700px)").matches) this.#editor.shell.closePanel("right");
  }

  /** @param {Output} entry */
  #describe(entry) {
    return [entry.filename, this.#editor.text(`gallery.kind-${entry.kind}`), entry.width ? `${entry.width} × ${entry.height}` : null, entry.duration_s ? durationText(entry.duration_s) : null, timeText(this.#editor, entry.modified_ms)].filter(Boolean).join(", ");
  }

  // Which results.

  #choose() {
    const query = new URLSearchParams({ type: this.type.value, order: this.order.value });
    const text = this.text.value.trim().slice(0, 200);
    if (text) query.set("text", text);
    if (this.kind.value) query.set("kind", this.kind.value);
    if (this.folder.value) query.set("folder", this.folder.value);
    if (this.since.value) query.set("since_ms", String(dayOf(this.since.value)));
    if (this.until.value) query.set("until_ms", String(dayOf(this.until.value, 1)));
    if (this.own.checked) query.set("workflow_id", this.#editor.services.run.workflowIdOf(this.#editor.document));
    this.grid.active = -1;
    this.grid.clear();
    this.grid.element.scrollTop = 0;
    void this.list.choose(query);
    if (this.#place !== this.type.value) void this.#readFolders();
  }

  #place = "output";

  async #readFolders() {
    const place = (this.#place = this.type.value);
    try {
      const { folders } = await this.#editor.server.get(`/heddle/outputs/folders?type=${place}`);
      if (place !== this.#place) return;
      const before = this.folder.value;
      const names = Object.values(folders).map((/** @type {any} */ each) => each.subfolder).filter(Boolean);
      this.folder.replaceChildren(h("option", { value: "" }, this.#editor.text("gallery.all-folders")), ...names.map((each) => h("option", { value: each }, each)));
      this.folder.value = names.includes(before) ? before : "";
      this.folder.hidden = !names.length;
    } catch (error) {
      this.#editor.report(error);
    }
  }

  #all() {
    for (const field of [this.text, this.kind, this.folder, this.since, this.until]) field.value = "";
    this.own.checked = false;
    this.#choose();
  }

  get #filterCount() {
    return [this.kind.value, this.folder.value, this.since.value, this.until.value, this.own.checked, this.type.value !== "output", this.order.value !== "newest"].filter(Boolean).length;
  }

  // What is seen of them.

  #hear() {
    return this.list.hear(this.grid.isAtTop).then(() => this.#readFolders());
  }

  async #letIn() {
    this.grid.moved(this.list.fresh);
    this.grid.element.scrollTop = 0;
    await this.list.letIn();
    this.grid.element.focus({ preventScroll: true });
  }

  #drawn() {
    clearTimeout(this.#again);
    if (this.list.isScanning) this.#again = setTimeout(() => void this.#hear(), LOOK_AGAIN_MS);
    const isEmpty = this.list.isKnown && !this.list.total;
    this.grid.element.hidden = isEmpty;
    this.empty.hidden = !isEmpty;
    if (isEmpty) {
      const isNarrowed = this.#filterCount > 0 || this.text.value.trim();
      this.empty.textContent = this.#editor.text(this.list.isScanning ? "gallery.scanning" : isNarrowed ? "gallery.none-found" : "gallery.none-yet");
    }
    this.grid.draw();
    this.#words();
  }

  #words() {
    const { list, grid } = this;
    const t = this.#editor.text.bind(this.#editor);
    const { locale } = this.#editor.messages;
    const count = list.isKnown ? t(list.total === 1 ? "gallery.count-one" : "gallery.count", { count: list.total.toLocaleString(locale) }) : "";
    if (this.count.textContent !== count) this.count.textContent = count;
    const first = list.get(grid.first);
    this.date.textContent = first ? dateText(this.#editor, first.modified_ms) : "";
    this.freshButton.hidden = !list.fresh;
    this.freshButton.textContent = t("gallery.fresh", { count: list.fresh.toLocaleString(locale) });
    const filters = this.#filterCount;
    this.filterButton.setAttribute("aria-expanded", String(!this.filters.hidden));
    this.filterButton.dataset.count = filters ? String(filters) : "";
    const { size } = grid.chosen;
    this.actions.hidden = !size;
    if (!size) return;
    const bytes = this.chosen.reduce((sum, each) => sum + each.bytes, 0);
    this.chosenWords.textContent = `${t("gallery.chosen", { count: size.toLocaleString(locale) })} · ${bytesText(this.#editor, bytes)}`;
    this.compareButton.hidden = size !== 2;
  }

  /** Shows the first of a day, or what comes nearest. */
  async #jump() {
    if (!this.jump.value) return;
    const isNewest = this.list.isNewestFirst;
    try {
      const index = await this.list.placeOf(dayOf(this.jump.value, isNewest ? 1 : 0));
      this.grid.scrollTo(index);
      await this.list.fetch(index);
      this.#words();
    } catch (error) {
      this.#editor.report(error);
    }
  }

  // What is done with them.

  open() {
    void this.#view(Math.max(0, this.grid.active));
  }

  /** @param {number} index */
  async #view(index) {
    const { list, grid } = this;
    let at = index;
    await this.#editor.services.viewer?.open({
      get length() {
        return list.total;
      },
      get: async (/** @type {number} */ each) => {
        const entry = list.get(each) ?? (await list.fetch(each));
        return entry && { src: addressOf(this.#editor, entry), kind: entry.kind, name: entry.filename, thumbnail: entry.thumbnail, file: entry };
      },
      shown: (/** @type {number} */ each) => (at = each),
      gone: () => list.hear(true),
    }, index);
    if (list.total) await grid.goTo(Math.min(at, list.total - 1));
    grid.element.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key } = event;
    const isCtrl = (event.ctrlKey || event.metaKey) && !event.altKey;
    const { commands } = this.#editor;
    const { chosen } = this;
    if (isCtrl && key.toLowerCase() === "a") void this.grid.chooseAll(MOST_CHOSEN);
    else if (isCtrl && key.toLowerCase() === "c" && chosen.length) void commands.run(chosen.length === 1 && chosen[0].kind === "image" ? "gallery.copy" : "gallery.copy-path", chosen);
    else if (key === "Delete" || key === "Backspace") void (chosen.length && commands.run("gallery.delete", chosen));
    else if (!isCtrl && !event.altKey && key === "i" && chosen.length) void commands.run("gallery.details", chosen);
    else if (!isCtrl && !event.altKey && key === "c" && chosen.length === 2) void commands.run("gallery.compare", chosen);
    else if (key === "/" && !isTextField(event.target)) this.text.focus();
    else return false;
    return true;
  }

  /** @param {DragEvent} event @param {Output[]} entries */
  #drag(event, entries) {
    const data = event.dataTransfer;
    if (!data) return;
    const [first] = entries;
    const address = new URL(addressOf(this.#editor, first), location.href).href;
    data.effectAllowed = "copy";
    data.setData(DRAGGED, JSON.stringify(entries));
    data.setData("text/uri-list", entries.map((each) => new URL(addressOf(this.#editor, each), location.href).href).join("\r\n"));
    data.setData("DownloadURL", `application/octet-stream:${first.filename.replaceAll(":", "_")}:${address}`); // to a folder of the desktop
    const image = event.target instanceof Element ? event.target.querySelector("img") : null;
    if (image?.complete && image.naturalWidth) data.setDragImage(image, 20, 20);
  }
}

/** Midnight, in the person's own time. @param {string} day  "2026-11-30" @param {number} [later]  days @returns {number} ms since 1970 */
function dayOf(day, later = 0) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).getTime();
}
