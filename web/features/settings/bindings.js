/** The keys of all commands: shown, recorded anew, taken away, put back. */

import { groupsOf } from "../../core/command-groups.js";
import { keysOf } from "../../core/commands.js";
import { CLOSE, h, icon } from "../../core/dom.js";
import { keysText } from "../../core/editor.js";

/** @import { Command } from "../../core/commands.js" */
/** @import { Editor } from "../../core/editor.js" */

const MODIFIERS = new Set(["Control", "Shift", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Process"]);

/**
 * @param {Editor} editor
 * @param {HTMLElement} into
 * @param {string} wanted  what is searched, in lower case
 * @param {AbortSignal} signal  stops a recording
 * @returns {number} how many commands are shown
 */
export function fillKeys(editor, into, wanted, signal) {
  const { commands, settings } = editor;
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  let count = 0;
  /** @type {Map<string, () => void>} */
  const rows = new Map();

  /** @param {string} id @param {string[] | undefined} keys */
  function bind(id, keys) {
    const { [id]: _, ...others } = settings.read("keys", {});
    const isUsual = keys === undefined || JSON.stringify(keys) === JSON.stringify(commands.get(id)?.keys ?? []);
    settings.write("keys", isUsual ? others : { ...others, [id]: keys });
    rows.forEach((show) => show());
  }

  /** Others with the same keys. @param {Command} command @param {string} keys */
  function sharing(command, keys) {
    return commands.all.filter((other) => other !== command && !other.isHidden && commands.keysOf(other.id).includes(keys)).map((other) => t(other.title));
  }

  const changed = Object.keys(settings.read("keys", {})).length;
  const resetAll = h("button", { type: "button", hidden: !changed, on: { click: () => { settings.write("keys", {}); rows.forEach((show) => show()); resetAll.hidden = true; } } }, t("settings.keys-reset"));
  into.append(h("p", { class: "settings-hint" }, t("settings.keys-hint")), resetAll);
  for (const { key, commands: listed } of groupsOf(editor)) {
    const found = listed.filter((command) => {
      const text = `${t(command.title)} ${command.id} ${commands.keysOf(command.id).map(keysText).join(" ")}`.toLowerCase();
      return !wanted || wanted.split(/\s+/).every((word) => text.includes(word));
    });
    if (!found.length) continue;
    count += found.length;
    into.append(h("h4", {}, t(key)), h("ul", { class: "keys-list" }, found.map(rowOf)));
  }

  /** @param {Command} command */
  function rowOf(command) {
    const { id } = command;
    const name = t(command.title);
    const chips = h("span", { class: "keys-chips" });
    const warning = h("p", { class: "keys-warning", role: "status" });
    const record = h("button", { type: "button", "aria-label": t("settings.keys-record", { name }), on: { click: listen } }, t("settings.keys-add"));
    const reset = h("button", { type: "button", class: "quiet", title: t("settings.reset"), "aria-label": t("settings.reset-one", { name }), on: { click: () => { bind(id, undefined); record.focus(); } } }, icon("M4 12a8 8 0 1 0 3-6.2M4 4v5h5"));

    function show() {
      const keys = commands.keysOf(id);
      chips.replaceChildren(...keys.map((each) => h("span", { class: sharing(command, each).length ? "keys-chip is-shared" : "keys-chip" }, h("kbd", {}, keysText(each)), command.isNative ? null : h("button", {
        type: "button", class: "quiet", title: t("settings.keys-remove"), "aria-label": t("settings.keys-remove-one", { keys: keysText(each), name }),
        on: { click: () => { bind(id, keys.filter((other) => other !== each)); record.focus(); } },
      }, icon(CLOSE)))));
      reset.style.visibility = id in settings.read("keys", {}) ? "visible" : "hidden";
      resetAll.hidden = !Object.keys(settings.read("keys", {})).length;
      const isOwn = id in settings.read("keys", {});
      const conflicts = isOwn ? keys.flatMap((each) => sharing(command, each).map((other) => t("settings.keys-shared", { keys: keysText(each), name: other }))) : [];
      warning.textContent = conflicts.join("\n");
      warning.hidden = !conflicts.length;
    }

    function listen() {
      record.textContent = t("settings.keys-press");
      record.removeAttribute("aria-label"); // its words say what to do now
      record.classList.add("is-listening");
      const ears = new AbortController();
      const done = () => {
        ears.abort();
        record.textContent = t("settings.keys-add");
        record.setAttribute("aria-label", t("settings.keys-record", { name }));
        record.classList.remove("is-listening");
      };
      record.addEventListener("keydown", (event) => {
        event.preventDefault();
        event.stopPropagation();
        if (MODIFIERS.has(event.key) || event.isComposing) return;
        done();
        if (event.key === "Escape" && !event.ctrlKey && !event.altKey && !event.shiftKey && !event.metaKey) return;
        const keys = keysOf(event);
        if (!commands.keysOf(id).includes(keys)) bind(id, [...commands.keysOf(id), keys]);
      }, { signal: AbortSignal.any([ears.signal, signal]) });
      record.addEventListener("blur", done, { signal: ears.signal });
    }

    rows.set(id, show);
    show();
    return h("li", { class: "keys-row" }, h("span", { class: "keys-name" }, name, warning), chips, command.isNative ? h("span", { class: "keys-native" }, t("settings.keys-native")) : [record, reset]);
  }

  return count;
}
