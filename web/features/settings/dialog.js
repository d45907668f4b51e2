/** The dialog of settings. Loaded when it is opened. */

import { addStyle, h, icon } from "../../core/dom.js";
import { fillKeys } from "./bindings.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Setting } from "../../core/settings.js" */

const ORDER = ["settings.general", "theme.section", "setting.canvas", "run.section"];
const KEYS = "settings.keys";
const FILE_KIND = "heddle-settings";
const MOST_WAIT_MS = 5000; // for what stands in the tabs to be kept, before the page is loaded again
const LOOK_EVERY_MS = 50;

/**
 * @param {Editor} editor
 * @param {string} [first]  key of the message of the section to begin with
 * @returns {Promise<void>} when it is closed
 */
export async function showSettings(editor, first = ORDER[0]) {
  const removeStyle = await addStyle("./settings.css", import.meta.url);
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  const { settings } = editor;
  const stop = new AbortController();
  /** @type {(() => void)[]} */
  let follows = [];
  let section = first;

  await editor.shell.dialog(t("settings.title"), (body) => {
    const search = h("input", { type: "search", placeholder: t("settings.search"), "aria-label": t("settings.search"), autocomplete: "off" });
    const nav = h("nav", { class: "settings-nav", "aria-label": t("settings.sections") });
    const page = h("div", { class: "settings-page", tabindex: "0", role: "region", "aria-label": t("settings.title") });
    const foot = h("div", { class: "settings-foot" },
      h("button", { type: "button", on: { click: exportFile } }, t("settings.export")),
      h("button", { type: "button", on: { click: chooseFile } }, t("settings.import")));
    body.append(h("div", { class: "settings" }, h("div", { class: "settings-side" }, search, nav, foot), page));

    function sections() {
      const found = new Set(settings.all.map((each) => each.section));
      const known = ORDER.filter((each) => found.has(each));
      return [...known, ...[...found].filter((each) => !known.includes(each)), KEYS];
    }

    function render() {
      follows.forEach((each) => each());
      follows = [];
      const wanted = search.value.trim().toLowerCase();
      const all = sections();
      if (!all.includes(section)) section = all[0];
      nav.replaceChildren(...all.map((each) => h("button", {
        type: "button", "aria-current": !wanted && each === section ? "page" : null, on: { click: () => { section = each; search.value = ""; render(); } },
      }, t(each))));
      page.replaceChildren();
      for (const each of wanted ? all : [section]) {
        const block = h("section", {}, h("h3", {}, t(each)));
        if (each === KEYS) {
          if (!fillKeys(editor, block, wanted, stop.signal) && wanted) continue;
        } else {
          const rows = settings.all.filter((setting) => setting.section === each && isFound(setting, wanted)).map(rowOf);
          if (!rows.length) continue;
          block.append(...rows);
        }
        page.append(block);
      }
      if (!page.children.length) page.append(h("p", { class: "settings-none", role: "status" }, t("settings.none")));
      page.scrollTop = 0;
      nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }

    /** @param {Setting} setting @param {string} wanted */
    function isFound(setting, wanted) {
      if (!wanted) return true;
      const options = (setting.options ?? []).map((each) => t(each.title));
      const text = [t(setting.title), hintOf(setting), setting.id, t(setting.section), ...options].join(" ").toLowerCase();
      return wanted.split(/\s+/).every((word) => text.includes(word));
    }

    /** @param {Setting} setting @returns {string} */
    function hintOf(setting) {
      const key = `${setting.title}.hint`;
      const text = t(key);
      return text === key ? "" : text;
    }

    /** @param {Setting} setting */
    function rowOf(setting) {
      const id = `setting-${setting.id}`;
      const hint = hintOf(setting);
      const { element, show } = controlOf(setting, id, hint ? `${id}-hint` : null);
      const reset = h("button", { type: "button", class: "quiet settings-reset", title: t("settings.reset"), "aria-label": t("settings.reset-one", { name: t(setting.title) }), on: { click: () => {
        settings.write(setting.id, undefined);
        /** @type {HTMLElement | null} */ (page.querySelector(`#${CSS.escape(id)}`))?.focus();
      } } }, icon("M4 12a8 8 0 1 0 3-6.2M4 4v5h5"));
      const reload = setting.needsReload ? h("button", { type: "button", class: "settings-reload", hidden: true, on: { click: () => void reloadPage(editor).catch((error) => editor.report(error)) } }, t("settings.reload")) : null;
      let isFirst = true;
      follows.push(settings.follow(setting.id, () => {
        show(settings.read(setting.id));
        reset.style.visibility = settings.isChanged(setting.id) ? "visible" : "hidden";
        if (reload && !isFirst) reload.hidden = false;
        isFirst = false;
      }));
      return h("div", { class: setting.isLong ? "settings-row is-long" : "settings-row" },
        h("div", { class: "settings-words" }, h("label", { for: id }, t(setting.title)), hint && h("p", { id: `${id}-hint` }, hint), reload), h("div", { class: "settings-control" }, element, reset));
    }

    /**
     * @param {Setting} setting
     * @param {string} id
     * @param {string | null} hint
     * @returns {{element: HTMLElement, show: (value: any) => void}}
     */
    function controlOf(setting, id, hint) {
      /** @param {any} value */
      const write = (value) => settings.write(setting.id, value);
      if (setting.kind === "boolean") {
        const element = h("input", { type: "checkbox", id, "aria-describedby": hint, class: "switch", on: { change: () => write(element.checked) } });
        return { element, show: (value) => (element.checked = value) };
      }
      if (setting.kind === "choice") {
        const options = setting.options ?? [];
        const element = h("select", { id, "aria-describedby": hint, on: { change: () => write(options[element.selectedIndex].value) } }, options.map((each) => h("option", {}, t(each.title))));
        return { element, show: (value) => (element.selectedIndex = options.findIndex((each) => each.value === value)) };
      }
      if (setting.kind === "colour") {
        const element = h("input", { type: "color", id, "aria-describedby": hint, on: { input: () => write(element.value) } });
        return { element, show: (value) => (element.value = value || shownColour(setting.id)) };
      }
      if (setting.isLong) {
        const element = h("textarea", { id, rows: 5, spellcheck: "false", "aria-describedby": hint, on: { change: () => write(element.value) } });
        return { element, show: (value) => (element.value = value) };
      }
      const isNumber = setting.kind === "number";
      const element = h("input", { id, type: isNumber ? "number" : "text", min: setting.low, max: setting.high, step: setting.step, "aria-describedby": hint, on: { change: () => {
        if (!isNumber) return write(element.value);
        const value = Math.min(setting.high ?? Infinity, Math.max(setting.low ?? -Infinity, element.valueAsNumber));
        if (Number.isFinite(value)) write(value);
        element.value = String(settings.read(setting.id));
        return undefined;
      } } });
      return { element, show: (value) => (element.value = String(value)) };
    }

    /** The colour that the theme has where none was chosen. @param {string} id */
    function shownColour(id) {
      const { theme } = editor.view;
      const colour = { "canvas.ground": theme.ground, "canvas.grid": theme.grid, "canvas.node": theme.node, "canvas.title": theme.title }[id] ?? "";
      return /^#[0-9a-f]{6}$/i.test(colour) ? colour : "#808080";
    }

    function exportFile() {
      const text = JSON.stringify({ kind: FILE_KIND, version: 1, settings: settings.written }, null, 2);
      const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      h("a", { href: address, download: "heddle-settings.json" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    }

    function chooseFile() {
      const picker = h("input", { type: "file", accept: "application/json,.json" });
      picker.addEventListener("change", async () => {
        const file = picker.files?.[0];
        if (!file) return;
        try {
          const found = JSON.parse(await file.text());
          if (found?.kind !== FILE_KIND || typeof found.settings !== "object" || found.settings === null) throw new TypeError();
          const refused = settings.takeIn(found.settings);
          editor.shell.note(refused.length ? t("settings.imported-part", { names: refused.join(", ") }) : t("settings.imported"), { kind: refused.length ? "error" : "good" });
        } catch {
          editor.shell.note(t("settings.import-failed", { name: file.name }), { kind: "error" });
        }
        render();
      });
      picker.click();
    }

    search.addEventListener("input", render);
    render();
    queueMicrotask(() => search.focus());
  }, { kind: "dialog-settings" });
  stop.abort();
  follows.forEach((each) => each());
  removeStyle();
}

/** When all that stands in the tabs is kept: they come back as they are. @param {Editor} editor */
async function reloadPage({ settings, services: { workflows } }) {
  await settings.flush();
  const end = performance.now() + MOST_WAIT_MS;
  while (!workflows.isKept() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  location.reload();
}
