/**
 * What jobs brought, drawn on the nodes: pictures, live previews, texts, sounds, videos, progress, run time, errors.
 * Others say what there is through `editor.services.content` (see `ContentStore`).
 */

import { addStyle } from "../../core/dom.js";
import { keysOf } from "../../core/commands.js";
import { overlap } from "../../core/view/spatial.js";
import { filesOf, Versions } from "./files.js";
import { paintContent, paintProgress } from "./paint.js";
import { Pictures } from "./pictures.js";
import { aspectOf, gridOf, linesIn, measure, noticeOf, place } from "./shape.js";
import { ContentStore } from "./store.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { MenuItem } from "../../core/shell.js" */
/** @import { Layout } from "../../core/view/layout.js" */
/** @import { Press } from "../../core/view/pointer.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { MediaLayer } from "./media.js" */
/** @import { Content, Medium, Picture } from "./store.js" */
/** @import { Parts, Shown } from "./shape.js" */

const SWEEP_MS = 20_000;
const LENS = 24; // screen px

/** Everything of a node that is drawn below its widgets, measured once. */
export class ContentView {
  /** @type {WeakMap<Node, {key: string, shown: Shown, parts: Parts}>} */
  #measured = new WeakMap();
  /** @type {Map<string, Set<Node>>} address -> nodes that show it */
  #users = new Map();
  /** Of videos. @type {Map<string, {width: number, height: number}>} by address */
  #sizes = new Map();

  /** @param {Editor} editor @param {ContentStore} store */
  constructor(editor, store) {
    this.editor = editor;
    this.store = store;
    this.versions = new Versions(editor, () => editor.view.touchAll());
    store.filesOf = (node) => this.#filesOf(node);
    this.pictures = new Pictures((src, isNew) => this.#arrived(src, isNew));
  }

  /** Of a picture or a video. @param {string} src @returns {{width: number, height: number} | null} null: not known yet */
  sizeOf(src) {
    return this.#sizes.get(src) ?? this.pictures.sizeOf(src);
  }

  /** @param {string} src @param {Node} node  that shows it @param {{width: number, height: number}} size */
  learnSize(src, node, size) {
    if (this.#sizes.has(src)) return;
    this.#sizes.set(src, size);
    this.#measured.delete(node);
    this.editor.view.touchNode(node);
  }

  /** @param {string} src @param {boolean} isNew */
  #arrived(src, isNew) {
    const { view } = this.editor;
    if (!isNew) return view.redraw();
    for (const node of this.#users.get(src) ?? []) {
      this.#measured.delete(node);
      view.touchNode(node);
    }
    this.#users.delete(src);
    view.redraw();
  }

  /** @param {Node} node */
  #filesOf(node) {
    return filesOf(this.editor.server, node, (file) => this.versions.of(file));
  }

  /** @param {Node} node @param {number} width @returns {{shown: Shown, parts: Parts} | null} null: it shows nothing */
  of(node, width) {
    const content = this.store.get(node);
    const files = content?.pictures.length || content?.media.length ? null : this.#filesOf(node);
    const notice = noticeOf(this.editor, node);
    if (!files && !notice && (!content || isEmpty(content))) return null;
    const key = `${content?.version ?? 0} ${Math.round(width)} ${files ? [...files.pictures, ...files.media].map((each) => each.src).join(" ") : ""}`;
    let known = this.#measured.get(node);
    if (known?.key !== key) {
      const shown = { content, pictures: files?.pictures ?? content?.pictures ?? [], media: files?.media ?? content?.media ?? [], notice };
      for (const { src } of shown.pictures) {
        if (this.pictures.sizeOf(src)) continue;
        const users = this.#users.get(src) ?? new Set();
        this.#users.set(src, users.add(node));
      }
      known = { key, shown, parts: measure(shown, width, this.editor.view.letters, (src) => this.sizeOf(src)) };
      this.#measured.set(node, known);
    }
    return known;
  }

  /** @param {Node} node @param {number} width @param {number} spare  what the node has left below its widgets */
  heightOf(node, width, spare) {
    const found = this.of(node, width);
    if (!found) return 0;
    const { parts, shown } = found;
    const grows = node.height === 0 || (shown.content?.bornHeight === node.height && spare < parts.least);
    return grows ? parts.ideal : parts.least;
  }

  /** Boxes of the pictures that are shown. @param {Node} node @param {Layout} layout @returns {{picture: Picture, index: number, box: Box}[]} */
  cellsOf(node, layout) {
    const found = layout.extraHeight > 0 ? this.of(node, layout.width) : null;
    if (!found || found.shown.content?.preview) return [];
    const { pictures, content } = found.shown;
    const box = place(node, layout, found.parts, found.shown).pictures;
    if (!box || !pictures.length) return [];
    const enlarged = content?.pictures === pictures ? content.enlarged : pictures.length === 1 ? 0 : -1;
    if (enlarged >= 0) return [{ picture: pictures[enlarged], index: enlarged, box }];
    const aspect = aspectOf(pictures[0], (src) => this.pictures.sizeOf(src));
    return gridOf(box, pictures.length, aspect).map((each, index) => ({ picture: pictures[index], index, box: each }));
  }

  /** @param {Press} press @returns {{node: Node, medium: Medium} | null} the video or sound under the pointer */
  mediumAt({ hit, x, y }) {
    if (hit.kind !== "body") return null;
    const layout = this.editor.view.layouts.of(hit.node);
    const found = layout.extraHeight > 0 ? this.of(hit.node, layout.width) : null;
    if (!found) return null;
    const boxes = place(hit.node, layout, found.parts, found.shown).media;
    const at = boxes.findIndex((box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom);
    const medium = found.shown.media[at];
    return medium && medium.kind !== "file" ? { node: hit.node, medium } : null;
  }

  /** @param {Press} press @returns {{node: Node, picture: Picture, index: number, box: Box} | null} the picture under the pointer */
  pictureAt({ hit, x, y }) {
    if (hit.kind !== "body") return null;
    const cells = this.cellsOf(hit.node, this.editor.view.layouts.of(hit.node));
    const cell = cells.find(({ box }) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom);
    return cell ? { node: hit.node, ...cell } : null;
  }
}

/** @param {Content} content */
function isEmpty(content) {
  return !content.pictures.length && !content.preview && !content.text && !content.media.length && !content.errors.length;
}

/** @type {Feature} */
export const content = {
  name: "content",
  async install(editor) {
    const { view } = editor;
    const removeStyle = await addStyle("./content.css", import.meta.url);
    const store = new ContentStore();
    const shown = new ContentView(editor, store);
    const media = new LaterMedia(editor, shown);
    store.pictureAt = (press) => shown.pictureAt(press);
    view.layouts.extraHeight = (node, width, spare) => shown.heightOf(node, width, spare);
    view.touchAll();
    const stops = [
      removeStyle,
      editor.offer("content", store),
      ...shown.versions.cleanups,
      store.events.on("change", ({ node, what }) => {
        if (node.graph !== view.graph) {
          if (what === "shape") view.layouts.forget(node);
        } else if (what === "progress") {
          view.redrawOverlay();
        } else if (what === "shape") {
          view.touchNode(node);
        } else {
          view.redraw();
        }
      }),
      view.addLayer("back", -1000, () => media.begin()),
      view.addNodePainter((pen, node, layout) => {
        paintContent(pen, editor, shown, node, layout);
        if (layout.extraHeight > 0) media.see(node, layout);
      }, { isFarToo: true }),
      view.events.on("drawn", () => media.settle()),
      view.events.on("graph", () => media.clear()),
      view.addLayer("overlay", 10, (pen) => {
        for (const node of store.busy) {
          if (node.graph === view.graph && overlap(view.layouts.boxOf(node), view.window)) paintProgress(pen, node, store, view.layouts.of(node));
        }
      }),
      view.events.on("click", (press) => {
        const found = shown.pictureAt(press);
        const batch = found && store.get(found.node);
        if (found && batch && batch.pictures.length > 1 && !press.ctrl && !press.shift) store.enlarge(found.node, batch.enlarged >= 0 ? -1 : found.index);
      }),
      addLens(editor, shown),
      view.events.on("double", (press) => {
        const found = shown.pictureAt(press);
        if (found) editor.commands.run("content.view", found);
      }),
      editor.events.on("catalogue", () => shown.pictures.retry()),
      listenForWheel(editor, shown),
      editor.addMenu(5, (press) => menuOf(editor, shown, press)),
      addCommands(editor, store, shown, media),
    ];
    const timer = setInterval(() => shown.pictures.sweep(), SWEEP_MS);
    return () => {
      clearInterval(timer);
      stops.forEach((each) => each());
      media.clear();
      shown.pictures.clear();
      view.layouts.extraHeight = () => 0;
      view.touchAll();
    };
  },
};

/** The layer of players: its module is asked for when the first node has something to play. */
class LaterMedia {
  /** @type {MediaLayer | null} */
  layer = null;
  #editor;
  #shown;
  #isAsked = false;

  /** @param {Editor} editor @param {ContentView} shown */
  constructor(editor, shown) {
    this.#editor = editor;
    this.#shown = shown;
  }

  begin() {
    this.layer?.begin();
  }

  /** @param {Node} node @param {Layout} layout */
  see(node, layout) {
    const shown = this.#shown.of(node, layout.width)?.shown;
    if (!shown?.media.length && !shown?.pictures.some((each) => each.isMoving)) return;
    this.layer?.see(node, layout);
    if (this.#isAsked) return;
    this.#isAsked = true;
    void import("./media.js").then(({ MediaLayer }) => {
      this.layer = new MediaLayer(this.#editor, this.#shown);
      this.#editor.view.redraw();
    }, (error) => {
      this.#isAsked = false;
      this.#editor.report(error);
    });
  }

  settle() {
    this.layer?.settle();
  }

  clear() {
    this.layer?.clear();
  }
}

/** A long text of a chosen node is scrolled. @param {Editor} editor @param {ContentView} shown */
function listenForWheel(editor, shown) {
  const { view } = editor;
  return view.onWheel((event, { y }, hit) => {
    if (hit.kind !== "body" || !editor.selection.has(hit.node)) return false;
    const layout = view.layouts.of(hit.node);
    const found = shown.of(hit.node, layout.width);
    const box = found?.parts.lines.length ? place(hit.node, layout, found.parts, found.shown).text : null;
    const content = shown.store.get(hit.node);
    if (!found || !box || !content || y < box.top || y > box.bottom) return false;
    const most = Math.max(0, found.parts.lines.length - linesIn(box));
    const next = Math.min(most, Math.max(0, content.scroll + Math.sign(event.deltaY) * 3));
    if (next === content.scroll) return false; // at its end: the wheel is the view's again
    content.scroll = next;
    return true;
  });
}

/**
 * The corner of the picture under the pointer, which opens it in the viewer: a click elsewhere is for the node.
 * @param {Editor} editor
 * @param {ContentView} shown
 */
function addLens(editor, shown) {
  const { view } = editor;
  /** @type {ReturnType<ContentView["pictureAt"]>} */
  let found = null;
  /** @param {{box: Box}} cell @returns {Box | null} null: there is no room for it */
  const boxOf = ({ box }) => {
    const size = LENS / view.scale;
    return box.right - box.left > 3 * size ? { left: box.right - size - 4 / view.scale, right: box.right - 4 / view.scale, top: box.top + 4 / view.scale, bottom: box.top + size + 4 / view.scale } : null;
  };
  const stops = [
    view.events.on("hover", (press) => {
      const now = shown.pictureAt(press);
      if (now?.picture === found?.picture && now?.node === found?.node) return;
      found = now;
      view.redrawOverlay();
    }),
    view.events.on("graph", () => (found = null)),
    view.addLayer("overlay", 20, (pen) => {
      const box = found && found.node.graph === view.graph ? boxOf(found) : null;
      if (!box) return;
      const part = (box.right - box.left) / 4;
      pen.box(box, pen.theme.title, { radius: 5 / view.scale });
      const { context } = pen;
      context.beginPath();
      for (const [x, y, dx, dy] of [[box.right, box.top, -1, 1], [box.left, box.bottom, 1, -1]]) {
        context.moveTo(x + dx * 2.4 * part, y + dy * part);
        context.lineTo(x + dx * part, y + dy * part);
        context.lineTo(x + dx * part, y + dy * 2.4 * part);
      }
      context.strokeStyle = pen.theme.text;
      context.lineWidth = 1.8 / view.scale;
      context.stroke();
    }),
    view.pointer.onPress(7, (press) => {
      const cell = press.button === 0 && press.kind !== "touch" ? shown.pictureAt(press) : null;
      const box = cell && boxOf(cell);
      if (!cell || !box || press.x < box.left || press.x > box.right || press.y < box.top || press.y > box.bottom) return undefined;
      return { end: (_, moved) => void (moved || editor.commands.run("content.view", cell)) };
    }),
  ];
  return () => stops.forEach((each) => each());
}

/** @param {Editor} editor @param {ContentView} shown @param {Press} press @returns {MenuItem[]} */
function menuOf(editor, shown, press) {
  const found = shown.pictureAt(press);
  if (found) {
    return ["content.view", "content.open", "content.copy", "content.save"].map((id) => editor.menuItem(id, found));
  }
  const playable = shown.mediumAt(press);
  if (playable) return ["content.play", "content.view", "content.open", "content.save"].map((id) => editor.menuItem(id, playable));
  const { hit } = press;
  if (hit.kind !== "body" && hit.kind !== "title") return [];
  const text = shown.store.get(hit.node)?.text;
  return text ? [editor.menuItem("content.copy-text", { text })] : [];
}

/** @param {Editor} editor @param {ContentStore} store @param {ContentView} shown @param {LaterMedia} media */
function addCommands(editor, store, shown, media) {
  /** @returns {{node: Node, content: Content} | null} the one chosen node, if it has a batch of which one is large */
  const enlarged = () => {
    const [node, ...others] = editor.selection.nodes;
    const content = node && !others.length ? store.get(node) : undefined;
    return content && content.pictures.length > 1 && content.enlarged >= 0 ? { node, content } : null;
  };
  /** @param {number} step */
  const turn = (step) => {
    const found = enlarged();
    if (!found) return;
    const { pictures, enlarged: at } = found.content;
    store.enlarge(found.node, (at + step + pictures.length) % pictures.length);
  };
  /** @param {any} argument @returns {{node: Node, picture: Picture, index: number} | null} */
  const chosen = (argument) => {
    if (argument?.picture) return argument;
    const [node] = editor.selection.nodes;
    const cells = node ? shown.cellsOf(node, editor.view.layouts.of(node)) : [];
    return cells.length ? { node, picture: cells[0].picture, index: cells[0].index } : null;
  };
  /** The video or sound that is meant, else the first one of the chosen node. @param {any} argument @returns {{node: Node, medium: Medium} | null} */
  const played = (argument) => {
    if (argument?.medium) return argument;
    const [node] = argument?.picture ? [] : editor.selection.nodes;
    const medium = node && store.mediaOf(node).find((each) => each.kind !== "file");
    return medium ? { node, medium } : null;
  };
  /** What a command is about: a file to be seen or heard. @param {any} argument @returns {{src: string, file?: any} | undefined} */
  const meant = (argument) => (argument?.medium ?? chosen(argument)?.picture ?? played(argument)?.medium);
  const stop = new AbortController();
  // Arrow keys also move nodes: while one of a batch is looked at, they turn its pages and nothing else.
  addEventListener("keydown", (event) => {
    if (document.activeElement !== editor.view.element || !enlarged()) return;
    for (const id of ["content.next", "content.previous", "content.grid"]) {
      if (!editor.commands.keysOf(id).includes(keysOf(event))) continue;
      event.preventDefault();
      event.stopPropagation();
      editor.commands.run(id);
    }
  }, { capture: true, signal: stop.signal });
  const remove = editor.commands.addAll([
    { id: "content.next", title: "command.content-next", keys: ["arrowright"], when: () => enlarged() !== null, run: () => turn(1) },
    { id: "content.previous", title: "command.content-previous", keys: ["arrowleft"], when: () => enlarged() !== null, run: () => turn(-1) },
    { id: "content.grid", title: "command.content-grid", keys: ["escape"], when: () => enlarged() !== null, run: () => {
      const found = enlarged();
      if (found) store.enlarge(found.node, -1);
    } },
    { id: "content.view", title: "command.content-view", run: (argument) => {
      const wanted = meant(argument);
      const node = (argument?.node ?? chosen(argument)?.node ?? played(argument)?.node);
      if (!wanted || !node) return undefined;
      const all = [
        ...store.picturesOf(node).map(({ src, file }) => ({ src, kind: "image", name: file?.filename, file })),
        ...store.mediaOf(node).filter(({ kind }) => kind !== "file").map(({ src, kind, file }) => ({ src, kind: String(kind), name: file?.filename, file })),
      ];
      for (const player of media.layer?.playersOf(node) ?? []) player.media.pause();
      return editor.services.viewer?.open(all, all.findIndex(({ src }) => src === wanted.src));
    } },
    { id: "content.play", title: "command.content-play", keys: ["k"], when: () => played(null) !== null, run: async (argument) => {
      const found = played(argument);
      const players = found ? (media.layer?.playersOf(found.node) ?? []) : [];
      const player = players.find((each) => each.media.getAttribute("src") === found?.medium.src) ?? players[0];
      if (!found || !player) return;
      await player.toggle();
      editor.shell.say(editor.text(player.isPlaying ? "content.plays" : "content.paused", { name: found.medium.file?.filename ?? found.node.name }));
    } },
    { id: "content.open", title: "command.content-open", run: (argument) => {
      const found = meant(argument);
      if (found) window.open(found.src, "_blank", "noopener");
    } },
    { id: "content.save", title: "command.content-save", run: async (argument) => {
      const found = meant(argument);
      if (found) (await import("../../core/files-out.js")).saveFile(found.src, found.file?.filename ?? "");
    } },
    { id: "content.copy", title: "command.content-copy", run: async (argument) => {
      const found = chosen(argument);
      if (found) await (await import("../../core/files-out.js")).copyPicture(found.picture.src);
    } },
    { id: "content.copy-text", title: "command.content-copy-text", isHidden: true, run: async ({ text }) => {
      const { copyText } = await import("../../core/files-out.js");
      if (!(await copyText(text))) editor.shell.note(editor.text("shell.not-copied"), { kind: "error" });
    } },
  ]);
  return () => {
    stop.abort();
    remove();
  };
}
