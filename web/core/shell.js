/**
 * The page around the canvas: the bar at the top, panels at both sides, menus, dialogs, and short notes. Features put
 * their elements in; what they look like is the style sheet's.
 */

import { CLOSE, h, icon } from "./dom.js";

/** @import { Messages } from "./messages.js" */

/**
 * @typedef {"left" | "right" | "bottom"} Side
 *
 * @typedef {object} Panel
 * @property {string} id
 * @property {string} title  key of the message
 * @property {string} icon  path of a drawing, 24 by 24
 * @property {Side} side  one at the bottom has its button below those at the left
 * @property {number} order
 * @property {(body: HTMLElement) => Undo | Promise<Undo>} open  fills the body, perhaps with a module that it loads first;
 *   what it returns is called when the panel closes
 *
 * @typedef {(() => void) | void} Undo
 *
 * One entry: its words are `text`, or the message that `title` names.
 * @typedef {{text?: string, title?: string, keys?: string, isDisabled?: boolean, isChecked?: boolean,
 *   run?: () => unknown, children?: MenuItem[], colour?: string, isStart?: boolean}} MenuEntry  `colour`: shown before the
 *   words; `isStart`: the keyboard begins at it
 * @typedef {MenuEntry | "line"} MenuItem
 *
 * @typedef {{text: string, run: () => unknown}} NoteAction
 */

const NOTE_MS = 6000;
const OFFER_MS = 20_000; // a note that offers something: people read it, think, and go there
const SAY_MS = 150; // what comes together is said together

export class Shell {
  /** @type {Map<string, {panel: Panel, button: HTMLButtonElement}>} */
  #panels = new Map();
  /** @type {Record<Side, {id: string, close: Undo, hasFailed: boolean} | null>} */
  #open = { left: null, right: null, bottom: null };
  #messages;
  /** @type {() => void} */
  #closeMenu = () => {};
  /** What is about to be said, by what it is about. @type {Map<string, string>} */
  #words = new Map();
  #voice = h("div", { class: "voice unseen", role: "status", "aria-live": "polite" });
  /** @type {(error: unknown) => void} */
  onError = reportError;
  /** Told when a panel opens or closes. @type {(side: Side, id: string | null) => void} */
  onPanel = () => {};

  /**
   * @param {HTMLElement} root
   * @param {Messages} messages
   */
  constructor(root, messages) {
    this.#messages = messages;
    this.root = root;
    /** @param {string} name */
    const t = (name) => messages.text(name);
    this.barStart = h("div", { class: "bar-start" });
    this.barMiddle = h("div", { class: "bar-middle" });
    this.barEnd = h("div", { class: "bar-end" });
    this.bar = h("header", { class: "bar" }, h("h1", { class: "unseen" }, t("shell.name")), this.barStart, this.barMiddle, this.barEnd);
    this.rails = { left: h("nav", { class: "rail rail-left", "aria-label": t("shell.panels-left") }), right: h("nav", { class: "rail rail-right", "aria-label": t("shell.panels-right") }) };
    this.sides = {
      left: h("aside", { class: "side side-left", hidden: true }),
      right: h("aside", { class: "side side-right", hidden: true }),
      bottom: h("aside", { class: "side side-bottom", hidden: true }),
    };
    this.canvas = h("div", { class: "canvas", tabindex: "0", role: "application", "aria-label": t("shell.canvas") });
    this.over = h("div", { class: "over" }); // elements that lie over the canvas: editors of texts, the minimap
    this.stage = h("main", { class: "stage" }, this.canvas, this.over);
    this.notes = h("div", { class: "notes", role: "status", "aria-live": "polite" });
    root.append(this.bar, h("div", { class: "middle" }, this.rails.left, this.sides.left, this.stage, this.sides.right, this.rails.right), this.sides.bottom, this.notes, this.#voice);
  }

  /** @param {Panel} panel @returns {() => void} takes it away */
  addPanel(panel) {
    const title = this.#messages.text(panel.title);
    const button = h("button", {
      type: "button", class: panel.side === "bottom" ? "rail-button rail-bottom" : "rail-button", title, "aria-label": title, "aria-expanded": "false",
      style: { order: panel.side === "bottom" ? 1000 + panel.order : panel.order }, on: { click: () => this.togglePanel(panel.id) },
    }, icon(panel.icon), h("span", { class: "rail-name" }, title));
    this.#panels.set(panel.id, { panel, button });
    const rail = this.rails[panel.side === "bottom" ? "left" : panel.side];
    const after = [...rail.children].find((each) => Number(/** @type {HTMLElement} */ (each).style.order) > Number(button.style.order));
    rail.insertBefore(button, after ?? null);
    return () => {
      if (this.isPanelOpen(panel.id)) this.closePanel(panel.side);
      this.#panels.delete(panel.id);
      button.remove();
    };
  }

  /** @param {string} id */
  isPanelOpen(id) {
    return Object.values(this.#open).some((open) => open?.id === id);
  }

  /** Ids of the panels that are open. @returns {string[]} */
  get openPanels() {
    return Object.values(this.#open).flatMap((open) => (open ? [open.id] : []));
  }

  /** @param {string} id @param {{seeks?: boolean}} [how]  see `openPanel` */
  togglePanel(id, how) {
    const panel = this.#panels.get(id)?.panel;
    if (!panel) return;
    if (this.isPanelOpen(id)) this.closePanel(panel.side);
    else this.openPanel(id, how);
  }

  /**
   * @param {string} id
   * @param {{seeks?: boolean}} [how]  `seeks`: the keyboard goes into its field for searching, unless the person went elsewhere
   * @returns {HTMLElement | null} its body
   */
  openPanel(id, { seeks = false } = {}) {
    const found = this.#panels.get(id);
    if (!found) return null;
    const { panel, button } = found;
    if (this.isPanelOpen(id)) return /** @type {HTMLElement} */ (this.sides[panel.side].querySelector(".side-body"));
    this.closePanel(panel.side);
    const side = this.sides[panel.side];
    const title = this.#messages.text(panel.title);
    const body = h("div", { class: "side-body", data: { panel: id } });
    const close = h("button", { type: "button", class: "quiet", "aria-label": this.#messages.text("shell.close"), on: { click: () => this.closePanel(panel.side) } }, icon(CLOSE));
    side.replaceChildren(h("header", { class: "side-head" }, h("h2", {}, title), close), body);
    side.setAttribute("aria-label", title);
    side.hidden = false;
    button.setAttribute("aria-expanded", "true");
    const opened = { id, close: /** @type {Undo} */ (undefined), hasFailed: false };
    this.#open[panel.side] = opened;
    const before = document.activeElement;
    const seek = () => {
      if (!seeks || ![before, document.body].includes(document.activeElement)) return;
      /** @type {HTMLElement | null} */ (body.querySelector("input[type=search]"))?.focus({ preventScroll: true });
    };
    const filled = panel.open(body);
    if (filled instanceof Promise) {
      filled.then((undo) => {
        if (this.#open[panel.side] !== opened) return undo?.(); // closed meanwhile
        opened.close = undo;
        return seek();
      }, (error) => {
        this.onError(error);
        opened.hasFailed = true;
        body.replaceChildren(h("p", {}, this.#messages.text("shell.empty-panel")), h("button", { type: "button", on: { click: () => this.#openAgain(panel.side) } }, this.#messages.text("shell.try-again")));
      });
    } else {
      opened.close = filled;
      seek();
    }
    this.onPanel(panel.side, id);
    return body;
  }

  /** @param {Side} name */
  #openAgain(name) {
    const { id } = this.#open[name] ?? {};
    if (!id) return;
    this.closePanel(name);
    this.openPanel(id);
  }

  /** The server is back: panels that stayed empty without it are filled. */
  fillPanels() {
    for (const [name, open] of Object.entries(this.#open)) if (open?.hasFailed) this.#openAgain(/** @type {Side} */ (name));
  }

  /** @param {Side} name */
  closePanel(name) {
    const open = this.#open[name];
    if (!open) return;
    this.#open[name] = null;
    const hadFocus = this.sides[name].contains(document.activeElement);
    open.close?.();
    const button = this.#panels.get(open.id)?.button;
    button?.setAttribute("aria-expanded", "false");
    this.sides[name].replaceChildren();
    this.sides[name].hidden = true;
    if (hadFocus) (button?.getClientRects().length ? button : this.canvas).focus({ preventScroll: true });
    this.onPanel(name, null);
  }

  /**
   * Says something that needs no answer. Of an equal one that is still shown, it takes the place.
   * @param {string} text
   * @param {{kind?: "plain" | "error" | "good", action?: NoteAction | NoteAction[], lasts?: boolean}} [how]
   *   `action`: what can be done about it; one ends the note
   * @returns {() => void} takes it away
   */
  note(text, { kind = "plain", action, lasts = kind === "error" } = {}) {
    const remove = () => note.remove();
    const buttons = [action ?? []].flat().map((each) => h("button", { type: "button", on: { click: () => { remove(); each.run(); } } }, each.text));
    const note = h("div", { class: `note note-${kind}`, role: kind === "error" ? "alert" : null },
      h("p", {}, text),
      buttons.length > 1 ? h("div", { class: "note-actions" }, buttons) : buttons,
      h("button", { type: "button", class: "quiet", "aria-label": this.#messages.text("shell.dismiss"), on: { click: remove } }, icon(CLOSE)));
    for (const shown of [...this.notes.children]) if (shown.textContent === note.textContent) shown.remove();
    const host = this.topmost;
    if (this.notes.parentElement !== host) host.append(this.notes); // what lies below a modal dialog cannot be pressed
    this.notes.append(note);
    while (this.notes.children.length > 5) this.notes.firstElementChild?.remove();
    if (!lasts) setTimeout(remove, action ? OFFER_MS : NOTE_MS);
    return remove;
  }

  /**
   * Tells something to those who hear the page and do not see it.
   * @param {string} text
   * @param {string} [topic]  of what comes at once about the same, only the last is said
   */
  say(text, topic = "") {
    if (!this.#words.size) {
      setTimeout(() => {
        this.#voice.replaceChildren(...[...this.#words.values()].map((each) => h("p", {}, each)));
        this.#words.clear();
      }, SAY_MS);
    }
    this.#words.set(topic, text);
  }

  /**
   * A dialog over everything; Escape closes it. The keyboard goes back to where it was.
   * @param {string} title
   * @param {(body: HTMLElement, close: () => void) => void} fill
   * @param {{kind?: string}} [how]  `kind`: class of the dialog
   * @returns {Promise<void>} when it is closed
   */
  dialog(title, fill, { kind = "" } = {}) {
    const body = h("div", { class: "dialog-body" });
    const close = () => dialog.close();
    const dialog = h("dialog", { class: `dialog ${kind}`, "aria-label": title },
      h("header", { class: "dialog-head" }, h("h2", {}, title), h("button", { type: "button", class: "quiet", "aria-label": this.#messages.text("shell.close"), on: { click: close } }, icon(CLOSE))),
      body);
    fill(body, close);
    return this.modal(dialog);
  }

  /**
   * The same for an element of one's own.
   * @param {HTMLDialogElement} dialog
   * @returns {Promise<void>} when it is closed; it is taken away then
   */
  modal(dialog) {
    const before = document.activeElement;
    this.root.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        if (dialog.contains(this.notes)) this.root.append(this.notes);
        dialog.remove();
        if (before instanceof HTMLElement) before.focus({ preventScroll: true });
        resolve();
      }, { once: true });
    });
  }

  /** Whether a modal dialog lies over the page: nothing below it is for keys, drops or the pointer. */
  get isCovered() {
    return document.querySelector("dialog:modal") !== null;
  }

  /** Where what lies over everything belongs: the modal dialog on top, else the page. @returns {HTMLElement} */
  get topmost() {
    return /** @type {HTMLElement | undefined} */ ([...document.querySelectorAll("dialog:modal")].at(-1)) ?? this.root;
  }

  /**
   * Asks for one of several answers.
   * @param {string} title
   * @param {string} text
   * @param {{id: string, text: string, isMain?: boolean, isDangerous?: boolean}[]} answers
   * @returns {Promise<string | null>} null: closed without one
   */
  async ask(title, text, answers) {
    /** @type {string | null} */
    let chosen = null;
    await this.dialog(title, (body, close) => {
      body.append(h("p", { class: "dialog-text" }, text), h("div", { class: "dialog-actions" }, answers.map((each) =>
        h("button", { type: "button", class: [each.isMain ? "main" : "", each.isDangerous ? "danger" : ""].join(" ").trim() || null, autofocus: each.isMain, on: { click: () => { chosen = each.id; close(); } } }, each.text))));
    }, { kind: "dialog-ask" });
    return chosen;
  }

  /**
   * Asks for a text.
   * @param {string} title
   * @param {string} value  to begin with
   * @param {(given: string) => string | null | Promise<string | null>} [check]  what is wrong with it: is shown, and the
   *   question stays
   * @returns {Promise<string | null>} null: cancelled
   */
  async askText(title, value, check = () => null) {
    /** @type {string | null} */
    let given = null;
    await this.dialog(title, (body, close) => {
      const wrong = h("p", { class: "dialog-wrong", id: "dialog-wrong", role: "alert" });
      /** @param {string | null} trouble */
      const tell = (trouble) => {
        wrong.textContent = trouble ?? "";
        if (trouble) field.setAttribute("aria-invalid", "true");
        else field.removeAttribute("aria-invalid");
      };
      const field = h("input", { type: "text", value, autofocus: true, "aria-label": title, "aria-describedby": "dialog-wrong", on: { input: () => tell(null) } });
      let isAsked = false;
      const take = async () => {
        if (isAsked) return; // Enter, pressed twice
        isAsked = true;
        const asked = field.value;
        const trouble = await check(asked);
        isAsked = false;
        tell(trouble);
        if (trouble) return field.focus();
        given = asked;
        close();
      };
      const form = h("form", { method: "dialog", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); void take(); } } },
        field, wrong, h("div", { class: "dialog-actions" },
          h("button", { type: "button", on: { click: close } }, this.#messages.text("shell.cancel")),
          h("button", { type: "submit", class: "main" }, this.#messages.text("shell.ok"))));
      body.append(form);
      queueMicrotask(() => field.select());
    }, { kind: "dialog-ask" });
    return given;
  }

  /**
   * A menu at a place of the page. Arrow keys, letters, Enter and Escape work in it.
   * @param {MenuItem[]} items
   * @param {{x: number, y: number}} place  CSS px of the page
   */
  menu(items, place) {
    this.#closeMenu();
    const before = document.activeElement;
    const menu = this.#buildMenu(items, this.#messages.text("shell.menu"), () => this.#closeMenu());
    const stop = new AbortController();
    this.#closeMenu = () => {
      this.#closeMenu = () => {};
      stop.abort();
      const hadFocus = menu.contains(document.activeElement);
      menu.remove();
      if (hadFocus && before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
    const host = this.topmost;
    (host === this.root ? this.stage : host).append(menu); // the page is all landmarks
    placeInside(menu, place.x, place.y);
    /** @type {HTMLElement | null} */ (menu.querySelector("[data-start]") ?? menu.querySelector("[role^=menuitem]:not([aria-disabled=true])"))?.focus();
    addEventListener("pointerdown", (event) => {
      if (!menu.contains(/** @type {globalThis.Node} */ (event.target))) this.#closeMenu();
    }, { signal: stop.signal, capture: true });
    addEventListener("blur", () => this.#closeMenu(), { signal: stop.signal });
    addEventListener("wheel", (event) => {
      if (!menu.contains(/** @type {globalThis.Node} */ (event.target))) this.#closeMenu();
    }, { signal: stop.signal, capture: true, passive: true });
  }

  /** @param {MenuItem[]} items @param {string} name @param {() => void} close @returns {HTMLElement} */
  #buildMenu(items, name, close) {
    const menu = h("div", { class: "menu", role: "menu", "aria-label": name, tabindex: "-1" });
    /** @type {HTMLElement | null} */
    let opened = null;
    for (const item of items) {
      if (item === "line") {
        menu.append(h("hr", { role: "separator" }));
        continue;
      }
      const text = item.text ?? this.#messages.text(item.title ?? "");
      const row = h("div", {
        role: item.isChecked === undefined ? "menuitem" : "menuitemcheckbox", class: "menu-item", tabindex: "-1",
        "aria-disabled": item.isDisabled ? "true" : null, "aria-checked": item.isChecked === undefined ? null : String(item.isChecked),
        "aria-haspopup": item.children ? "menu" : null, data: item.isStart ? { start: "" } : null,
      }, item.colour && h("i", { class: "menu-colour", style: { background: item.colour } }), h("span", { class: "menu-text" }, text), item.keys && h("kbd", {}, item.keys), item.children && h("span", { class: "menu-more", "aria-hidden": "true" }, "›"));
      const open = () => {
        opened?.remove();
        opened = null;
        if (!item.children || item.isDisabled) return;
        opened = this.#buildMenu(item.children, text, close);
        row.append(opened);
        const area = row.getBoundingClientRect();
        placeInside(opened, area.right - 2, area.top - 4, area.left);
        const place = opened.getBoundingClientRect();
        if (place.left < area.right - 4 && place.right > area.left + 4) placeInside(opened, area.left + 16, area.bottom); // no room beside it: what is under the pointer stays
      };
      row.addEventListener("pointerenter", ({ pointerType }) => {
        if (pointerType === "touch") return; // a finger that is lifted where the menu came up has chosen nothing
        row.focus();
        open();
      });
      row.addEventListener("click", (event) => {
        event.stopPropagation();
        if (item.isDisabled) return;
        if (item.children) return open();
        close();
        item.run?.();
      });
      row.addEventListener("keydown", (event) => {
        if (event.key === "ArrowRight" && item.children) {
          open();
          /** @type {HTMLElement | null} */ (opened?.querySelector("[role^=menuitem]"))?.focus();
          event.stopPropagation();
        } else if ((event.key === "Enter" || event.key === " ") && event.target === row) {
          row.click();
          event.stopPropagation();
          event.preventDefault();
        }
      });
      menu.append(row);
    }
    menu.addEventListener("keydown", (event) => {
      const rows = /** @type {HTMLElement[]} */ ([...menu.children].filter((each) => each.getAttribute("role")?.startsWith("menuitem")));
      const at = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        rows[(at + (event.key === "ArrowDown" ? 1 : -1) + rows.length) % rows.length]?.focus();
      } else if (event.key === "ArrowLeft" && menu.parentElement?.classList.contains("menu-item")) {
        menu.parentElement.focus();
        menu.remove();
      } else if (event.key === "Escape") {
        close();
      } else if (event.key.length === 1) {
        rows.slice(at + 1).concat(rows).find((each) => each.textContent?.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    });
    return menu;
  }
}

/**
 * Puts an element at a place, so that all of it is on the page.
 * @param {HTMLElement} element
 * @param {number} x  CSS px of the page
 * @param {number} y
 * @param {number} [otherX]  where its right edge goes if there is no room at the right of `x`
 */
export function placeInside(element, x, y, otherX = x) {
  element.style.position = "fixed";
  element.style.left = "0px";
  element.style.top = "0px";
  const { width, height } = element.getBoundingClientRect();
  const left = x + width > innerWidth - 4 ? otherX - width : x;
  element.style.left = `${Math.max(4, left)}px`;
  element.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
}
