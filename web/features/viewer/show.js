/** The viewer: one of a list at a time, with everything that is done with it. */

import { CLOSE, h, icon } from "../../core/dom.js";
import { kindOfName } from "../../core/file-inputs.js";
import { Player } from "../../core/player.js";
import { handle, zoomByKey } from "./hands.js";
import { Zoom } from "./zoom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Item, Items } from "./viewer.js" */

const ICONS = {
  close: CLOSE,
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  larger: "M12 5v14M5 12h14",
  smaller: "M5 12h14",
  info: "M12 11v6M12 7.5v.01M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18",
  compare: "M4 5h16v14H4zM12 3v18M8 12l-1.5-1.5M8 12l-1.5 1.5M16 12l1.5-1.5M16 12l1.5 1.5",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  save: "M12 4v11m-5-5l5 5 5-5M5 19h14",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
};
const MOST_TEXT = 200_000; // bytes of a text that are shown
const SQUARES_FROM = 6; // from this scale on pixels are shown as what they are

/**
 * @param {Editor} editor
 * @param {Items} items
 * @param {number} start
 * @returns {Promise<void>} when it is closed
 */
export function showViewer(editor, items, start) {
  const t = editor.text.bind(editor);
  const stop = new AbortController();
  const { signal } = stop;
  const zoom = new Zoom();
  let index = Math.max(0, Math.min(start, items.length - 1));
  /** @type {Item | undefined} */
  let item;
  /** @type {HTMLImageElement | HTMLMediaElement | null} */
  let content = null;
  /** @type {Player | null} of a video or a sound */
  let player = null;
  let turn = 0; // which of several that are being loaded is wanted
  let isInfoOpen = false;

  /** @param {string} name @param {string} shape @param {() => unknown} run @param {Record<string, any>} [more] */
  const button = (name, shape, run, more = {}) => h("button", { type: "button", class: "quiet", "aria-label": t(name), title: t(name), on: { click: () => void run() }, ...more }, icon(shape));
  const name = h("p", { class: "viewer-name" });
  const facts = h("p", { class: "viewer-facts" });
  const percent = h("button", { type: "button", class: "quiet viewer-percent", title: t("viewer.actual"), on: { click: () => act(() => (zoom.isFit || Math.abs(zoom.scale - 1) > 0.001 ? zoom.actual() : zoom.fit())) } });
  const infoButton = button("viewer.info", ICONS.info, toggleInfo, { "aria-pressed": "false" });
  const compareButton = button("viewer.compare", ICONS.compare, compare);
  const saveButton = button("viewer.save", ICONS.save, () => item?.file && editor.commands.run("gallery.download", [item.file]));
  const deleteButton = button("viewer.delete", ICONS.trash, remove);
  const moreButton = button("viewer.more", ICONS.more, menu, { "aria-haspopup": "menu" });
  const stage = h("div", { class: "viewer-stage" });
  const previous = button("viewer.previous", ICONS.previous, () => step(-1), { class: "viewer-step viewer-previous" });
  const next = button("viewer.next", ICONS.next, () => step(1), { class: "viewer-step viewer-next" });
  const info = h("aside", { class: "viewer-info", "aria-label": t("viewer.info"), tabindex: "0", hidden: true });
  /** @type {HTMLDialogElement} */
  const dialog = h("dialog", { class: "viewer", "aria-label": t("viewer.title") },
    h("header", { class: "viewer-bar" }, h("div", { class: "viewer-words", role: "status" }, name, facts),
      h("div", { class: "viewer-tools" },
        h("span", { class: "viewer-zooming" }, button("viewer.smaller", ICONS.smaller, () => act(() => zoom.by(0.8))), percent, button("viewer.larger", ICONS.larger, () => act(() => zoom.by(1.25))), button("viewer.fit", ICONS.fit, () => act(() => zoom.fit()))),
        infoButton, compareButton, saveButton, deleteButton, moreButton, button("shell.close", ICONS.close, () => dialog.close()))),
    h("div", { class: "viewer-middle" }, stage, previous, next, info));

  /** @param {() => void} change */
  function act(change) {
    change();
    draw();
  }

  function draw() {
    const isPicture = content instanceof HTMLImageElement;
    dialog.classList.toggle("is-picture", isPicture);
    stage.classList.toggle("can-pan", isPicture && zoom.canPan);
    percent.textContent = t("viewer.percent", { percent: Math.round(zoom.scale * 100) });
    percent.setAttribute("aria-label", `${t("viewer.actual")}: ${percent.textContent}`);
    if (!content || !isPicture) return;
    content.style.transform = `translate(${zoom.x}px, ${zoom.y}px)`;
    content.style.width = `${zoom.picture.width * zoom.scale}px`;
    content.style.height = `${zoom.picture.height * zoom.scale}px`;
    content.style.imageRendering = zoom.scale >= SQUARES_FROM ? "pixelated" : "auto";
  }

  function words() {
    name.textContent = item?.name ?? item?.file?.filename ?? "";
    const size = content instanceof HTMLImageElement && content.naturalWidth ? content : null;
    const { width, height } = item?.file ?? /** @type {any} */ ({});
    facts.textContent = [
      items.length > 1 ? t("viewer.of", { at: index + 1, count: items.length.toLocaleString(editor.messages.locale) }) : null,
      width ? `${width} × ${height}` : size ? `${size.naturalWidth} × ${size.naturalHeight}` : content instanceof HTMLVideoElement && content.videoWidth ? `${content.videoWidth} × ${content.videoHeight}` : null,
    ].filter(Boolean).join(" · ");
    previous.hidden = index <= 0;
    next.hidden = index >= items.length - 1;
    const hasFile = Boolean(item?.file);
    infoButton.hidden = deleteButton.hidden = saveButton.hidden = moreButton.hidden = !hasFile;
    deleteButton.hidden ||= item?.file?.type === "input";
    compareButton.hidden = items.length < 2 || !item || kindOf(item) !== "image";
  }

  /** @param {number} at */
  async function show(at) {
    const mine = ++turn;
    index = at;
    const wanted = await items.get(at);
    if (mine !== turn) return;
    item = wanted;
    items.shown?.(at);
    player?.media.pause();
    player = null;
    const kind = item ? kindOf(item) : "";
    if (!item) {
      place(h("p", { class: "viewer-none" }, t("viewer.gone")), null);
    } else if (kind === "image") {
      await showPicture(item, mine);
    } else if (kind === "video" || kind === "audio") {
      player = new Player(editor, { kind, src: item.src, name: item.name ?? "", file: item.file, class: `viewer-${kind}`, isLoud: kind === "video" });
      player.media.addEventListener("loadedmetadata", () => mine === turn && words());
      place(player.element, player.media);
    } else if (kind === "text") {
      await showText(item, mine);
    } else {
      place(h("p", { class: "viewer-none" }, t("viewer.no-view")), null);
    }
    if (mine !== turn) return;
    words();
    draw();
    if (isInfoOpen) void fillInfo();
    for (const near of [at + 1, at - 1]) void ahead(near);
  }

  /** @param {Item} wanted @param {number} mine */
  async function showPicture(wanted, mine) {
    const image = h("img", { class: "viewer-picture", alt: wanted.name ?? "", draggable: "false", src: wanted.src });
    const { width, height } = wanted.file ?? /** @type {any} */ ({});
    if (wanted.thumbnail && width && height && !image.complete) {
      const first = h("img", { class: "viewer-picture", alt: "", draggable: "false", src: wanted.thumbnail });
      place(first, first, { width, height });
      words();
      draw();
    }
    try {
      await image.decode();
    } catch {
      const isGone = await fetch(wanted.src, { method: "HEAD" }).then((answer) => answer.status === 404, () => false);
      if (mine === turn) place(h("p", { class: "viewer-none" }, t(isGone ? "viewer.gone" : "content.no-picture")), null);
      return;
    }
    if (mine === turn) place(image, image, { width: image.naturalWidth, height: image.naturalHeight });
  }

  /** As letters, whatever is in it: nothing of it is run. @param {Item} wanted @param {number} mine */
  async function showText(wanted, mine) {
    try {
      const answer = await fetch(wanted.src, { headers: { Range: `bytes=0-${MOST_TEXT - 1}` } });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const isCut = (wanted.file?.bytes ?? bytes.length) > MOST_TEXT;
      const text = new TextDecoder().decode(bytes.subarray(0, MOST_TEXT), { stream: isCut }); // no half letter at the end
      if (mine === turn) place(h("pre", { class: "viewer-text", tabindex: "0", role: "document", "aria-label": wanted.name ?? "" }, text, isCut ? `\n${t("viewer.cut")}` : ""), null);
    } catch {
      if (mine === turn) place(h("p", { class: "viewer-none" }, t("viewer.no-text")), null);
    }
  }

  /**
   * @param {HTMLElement} element
   * @param {HTMLImageElement | HTMLMediaElement | null} shown
   * @param {{width: number, height: number}} [size]
   */
  function place(element, shown, size) {
    content = shown;
    stage.replaceChildren(element);
    if (size && (size.width !== zoom.picture.width || size.height !== zoom.picture.height)) zoom.setPicture(size, true);
  }

  /** Loads what is likely looked at next. @param {number} at */
  async function ahead(at) {
    if (at < 0 || at >= items.length) return;
    const near = await items.get(at);
    if (near && kindOf(near) === "image") new Image().src = near.src;
  }

  /** @param {1 | -1} by */
  function step(by) {
    const at = index + by;
    if (at >= 0 && at < items.length) void show(at);
  }

  async function toggleInfo() {
    isInfoOpen = !isInfoOpen;
    info.hidden = !isInfoOpen;
    infoButton.setAttribute("aria-pressed", String(isInfoOpen));
    if (isInfoOpen) await fillInfo();
  }

  async function fillInfo() {
    const file = item?.file;
    const mine = turn;
    if (!file || !editor.services.gallery) return;
    const view = await editor.services.gallery.details(file).catch((error) => h("p", { class: "viewer-none" }, error.message));
    if (mine === turn) info.replaceChildren(view);
  }

  async function compare() {
    const other = await items.get(index + 1 < items.length ? index + 1 : index - 1);
    if (item && other) await editor.services.viewer?.compare(other, item);
  }

  async function remove() {
    if (!item?.file) return;
    const at = index;
    const isGone = await editor.commands.run("gallery.delete", [item.file]);
    if (!isGone) return;
    await items.gone(at);
    if (items.length === 0) dialog.close();
    else void show(Math.min(at, items.length - 1));
  }

  function menu() {
    const area = moreButton.getBoundingClientRect();
    if (item?.file) editor.services.gallery?.menu([item.file], { x: area.left, y: area.bottom + 4 }, () => dialog.close());
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLMediaElement && [" ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) return;
    if (/** @type {Element} */ (event.target).closest(".menu, .viewer-info") && event.key !== "Escape") return;
    if (/** @type {Element} */ (event.target).closest(".viewer-text") && ["PageUp", "PageDown", "Home", "End"].includes(event.key)) return;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (content instanceof HTMLImageElement && zoomByKey(event, zoom)) draw();
    else if (player && isPlain && event.key === " ") void player.toggle();
    else if (player && isPlain && event.key === "m") player.mute();
    else if (isPlain && (event.key === "ArrowRight" || event.key === "PageDown")) step(1);
    else if (isPlain && (event.key === "ArrowLeft" || event.key === "PageUp")) step(-1);
    else if (isPlain && event.key === "Home") void show(0);
    else if (isPlain && event.key === "End") void show(items.length - 1);
    else if (isPlain && event.key === "i" && item?.file) void toggleInfo();
    else if (isPlain && event.key === "c" && !compareButton.hidden) void compare();
    else if (isPlain && event.key === "f") act(() => zoom.fit());
    else if (event.key === "Delete" && !deleteButton.hidden) void remove();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, { signal });
  handle(stage, () => zoom, {
    changed: draw,
    placeOf(x, y) {
      const area = stage.getBoundingClientRect();
      return { x: x - area.left, y: y - area.top };
    },
    swipe: step,
  }, signal);
  stage.addEventListener("contextmenu", (event) => {
    if (!item?.file || !editor.services.gallery) return;
    event.preventDefault();
    editor.services.gallery.menu([item.file], { x: event.clientX, y: event.clientY }, () => dialog.close());
  }, { signal });
  const watch = new ResizeObserver(() => {
    if (stage.clientWidth) act(() => zoom.setWindow({ width: stage.clientWidth, height: stage.clientHeight }));
  });
  const closed = editor.shell.modal(dialog).then(() => {
    turn++;
    player?.media.pause();
    stop.abort();
    watch.disconnect();
  });
  stage.tabIndex = -1;
  stage.focus();
  zoom.setWindow({ width: stage.clientWidth, height: stage.clientHeight });
  watch.observe(stage);
  void show(index);
  return closed;
}

/** @param {Item} item */
function kindOf({ kind, file }) {
  if (kind) return kind;
  const { filename = "" } = file ?? {};
  return kindOfName(filename) ?? (/\.[a-z0-9]+$/i.test(filename) ? "other" : "image");
}
