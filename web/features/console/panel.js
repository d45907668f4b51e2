/** The panel of the log. Loaded when it is opened; only then does the server send its lines. */

import { addStyle, h, icon } from "../../core/dom.js";
import { copyText } from "../../core/files-out.js";

/** @import { Editor } from "../../core/editor.js" */

/** @typedef {{t: string, m: string, level: string, source: string, pack?: string, said?: any}} Line  `t`: ISO time, UTC; `said`: what the server made it of */

const LEVELS = ["debug", "info", "warning", "error"];
const MOST_LINES = 2000;

/**
 * @param {Editor} editor
 * @param {HTMLElement} body
 * @param {Line[]} errors  of the page
 * @returns {() => void}
 */
export function fillPanel(editor, body, errors) {
  const { server, shell, view } = editor;
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  /** @type {Line[]} */
  let lines = [];
  /** @type {WeakMap<Line, HTMLElement>} */
  const elements = new WeakMap();
  let isFollowing = true;

  const filter = h("input", { type: "search", placeholder: t("console.filter"), "aria-label": t("console.filter"), autocomplete: "off", spellcheck: "false" });
  const level = h("select", { "aria-label": t("console.level") }, LEVELS.map((each) => h("option", { value: each, selected: each === "info" }, t(`console.level.${each}`))));
  const source = h("select", { "aria-label": t("console.source") });
  const follow = h("button", { type: "button", "aria-pressed": "true", on: { click: () => setFollowing(!isFollowing) } }, t("console.follow"));
  const copy = h("button", { type: "button", on: { click: () => void copyShown() } }, t("console.copy"));
  const clear = h("button", { type: "button", on: { click: () => { lines = []; render(); } } }, t("console.clear"));
  const list = h("div", { class: "console-lines", role: "log", "aria-label": t("console.title"), tabindex: "0" });
  const none = h("p", { class: "console-none", hidden: true }, t("console.none"));

  /** @param {boolean} wanted */
  function setFollowing(wanted) {
    isFollowing = wanted;
    follow.setAttribute("aria-pressed", String(wanted));
    if (wanted) list.scrollTop = list.scrollHeight;
  }

  /** @param {Line} line */
  function isShown(line) {
    if (LEVELS.indexOf(line.level) < LEVELS.indexOf(level.value)) return false;
    if (source.value && line.source !== source.value) return false;
    const words = filter.value.trim().toLowerCase();
    return !words || `${line.m} ${textOf(line)} ${line.pack ?? ""}`.toLowerCase().includes(words);
  }

  /** In the page's language, where that is known. @param {Line} line */
  function textOf({ m, said }) {
    const text = m.replace(/\n$/, "");
    const ours = said ? editor.messages.said("", said) : "";
    if (!ours) return text;
    const [head] = /^([A-Z]+ [\w.]+: )?/.exec(text) ?? [""]; // how grave, and who says it
    const trace = text.indexOf("\nTraceback ");
    return head + ours + (trace < 0 ? "" : text.slice(trace));
  }

  /** @param {Line} line */
  function elementOf(line) {
    let element = elements.get(line);
    if (element) return element;
    element = h("div", { class: `console-line is-${line.level}` },
      h("time", { datetime: line.t }, new Date(line.t).toLocaleTimeString(editor.messages.locale, { hour12: false })),
      h("span", { class: "console-source" }, line.pack ?? sourceName(line.source)),
      h("span", { class: "console-text" }, textOf(line)));
    elements.set(line, element);
    return element;
  }

  /** @param {string} name */
  const sourceName = (name) => (name === "desk" ? t("console.source.desk") : name === "page" ? t("console.source.page") : name);

  function render() {
    const shown = lines.filter(isShown);
    list.replaceChildren(...shown.map(elementOf));
    none.hidden = shown.length > 0;
    if (isFollowing) list.scrollTop = list.scrollHeight;
  }

  function showSources() {
    const found = [...new Set(lines.map((line) => line.source))].sort();
    if (source.options.length === found.length + 1) return;
    const { value } = source;
    source.replaceChildren(h("option", { value: "" }, t("console.source.all")), ...found.map((each) => h("option", { value: each, selected: each === value }, sourceName(each))));
  }

  /** @param {Line[]} more */
  function add(more) {
    lines.push(...more);
    const gone = lines.splice(0, Math.max(0, lines.length - MOST_LINES));
    for (const line of gone) elements.get(line)?.remove();
    list.append(...more.filter((line) => lines.includes(line) && isShown(line)).map(elementOf));
    none.hidden = list.children.length > 0;
    showSources();
    if (isFollowing) list.scrollTop = list.scrollHeight;
  }

  async function copyShown() {
    const text = lines.filter(isShown).map((line) => `${line.t} ${line.source} ${line.level.toUpperCase()} ${textOf(line)}`).join("\n");
    const isCopied = await copyText(text);
    shell.note(t(isCopied ? "shell.copied" : "shell.not-copied"), { kind: isCopied ? "good" : "error" });
  }

  /** @param {boolean} enabled */
  const subscribe = (enabled) => server.ask("PATCH", "/internal/logs/subscribe", { clientId: server.clientId, enabled });

  async function begin() {
    try {
      await subscribe(true);
      const { entries } = await server.get("/internal/logs/raw?details=true");
      const known = new Set(lines.map((line) => `${line.t} ${line.m}`)); // lines may have come in between
      const before = /** @type {Line[]} */ (entries).filter((line) => !known.has(`${line.t} ${line.m}`));
      lines = [...new Set([...before, ...errors, ...lines])].sort((a, b) => a.t.localeCompare(b.t)).slice(-MOST_LINES);
      showSources();
      render();
    } catch (error) {
      editor.report(error);
    }
  }

  list.addEventListener("scroll", () => {
    const isAtEnd = list.scrollTop + list.clientHeight > list.scrollHeight - 8;
    if (isAtEnd !== isFollowing) {
      isFollowing = isAtEnd;
      follow.setAttribute("aria-pressed", String(isAtEnd));
    }
  });
  for (const each of [filter, level, source]) each.addEventListener("input", render);
  body.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    view.element.focus({ preventScroll: true });
  });
  const removeStyle = addStyle("./console.css", import.meta.url);
  body.classList.add("console");
  body.append(h("div", { class: "console-tools" }, filter, level, source, follow, copy, clear), none, list);
  const stops = [
    server.events.on("message", ({ type, data }) => void (type === "logs" && add(data?.entries ?? []))),
    server.events.on("state", (state) => void (state === "open" && begin())), // the server forgot who listens
    editor.events.on("console:error", (line) => add([line])),
  ];
  void begin();
  return () => {
    stops.forEach((each) => each());
    void subscribe(false).catch(() => {}); // it is away: nothing is sent any more
    body.classList.remove("console");
    void removeStyle.then((remove) => remove());
  };
}
