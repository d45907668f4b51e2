/**
 * Work that was not saved and lies on the server alone: of another browser, or of this one before its data was cleared.
 * It is offered once, listed whenever it is asked for, and discarded only by name. Loaded when there is some.
 */

import { h } from "../../core/dom.js";
import { Refusal } from "../../core/server.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Drafts, KeptDraft } from "./drafts.js" */

const LEFT = "heddle.drafts-left"; // in the browser's storage: when each draft that is left alone was changed, by its id
const NAMED = 3; // names in a note
const SPANS = /** @type {const} */ ([["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]]);

/**
 * A note about those that the person did not choose to leave alone, or that changed since.
 * @param {Editor} editor
 * @param {Drafts} drafts
 * @param {KeptDraft[]} found
 */
export function offerDrafts(editor, drafts, found) {
  const left = readLeft();
  const offered = found.filter((each) => left[each.id] !== each.modified);
  if (!offered.length) return;
  const [first] = offered;
  const isOne = offered.length === 1;
  const text = isOne
    ? editor.text("workflows.drafts-one", { name: nameOf(editor, first), ago: agoText(editor, first.modified) })
    : editor.text("workflows.drafts-many", { count: offered.length, names: namesOf(editor, offered) });
  editor.shell.note(text, {
    lasts: true,
    action: [
      { text: editor.text(isOne ? "workflows.drafts-open" : "workflows.drafts-open-all"), run: () => openAll(editor, drafts, offered) },
      isOne
        ? { text: editor.text("workflows.drafts-discard"), run: async () => {
          if (!(await discard(editor, drafts, offered))) offerDrafts(editor, drafts, found);
        } }
        : { text: editor.text("workflows.drafts-choose"), run: () => editor.commands.run("file.drafts") },
      { text: editor.text("workflows.drafts-leave"), run: () => {
        writeLeft([...found.filter((each) => left[each.id] === each.modified), ...offered]);
        editor.shell.note(editor.text("workflows.drafts-left"));
      } },
    ],
  });
}

/** All that lies there, also what was left alone. @param {Editor} editor @param {Drafts} drafts */
export async function showDrafts(editor, drafts) {
  let found = await drafts.elsewhere();
  await editor.shell.dialog(editor.text("command.drafts"), (body, close) => {
    const list = h("div", { class: "draft-list" });
    const all = h("button", { type: "button", on: { click: () => ask(found) } }, editor.text("workflows.drafts-discard-all"));
    const render = () => {
      list.replaceChildren(...(found.length ? found.map(row) : [h("p", { class: "faint" }, editor.text("workflows.drafts-none"))]));
      all.hidden = found.length < 2;
    };
    /** @param {KeptDraft[]} wanted */
    const ask = async (wanted) => {
      await discard(editor, drafts, wanted);
      found = await drafts.elsewhere().catch(() => found);
      render();
    };
    /** @param {KeptDraft} each */
    const row = (each) => h("div", { class: "workflow-row draft-row" },
      h("span", { class: "row-texts" },
        h("span", { class: "row-name" }, nameOf(editor, each)),
        h("span", { class: "row-note" }, [each.path?.replace(/\.json$/, ""), agoText(editor, each.modified)].filter(Boolean).join(" · "))),
      h("button", { type: "button", "aria-label": editor.text("workflows.draft-open", { name: nameOf(editor, each) }), on: { click: async () => {
        close();
        await openAll(editor, drafts, [each]);
      } } }, editor.text("workflows.drafts-open")),
      h("button", { type: "button", "aria-label": editor.text("workflows.draft-discard", { name: nameOf(editor, each) }), on: { click: () => ask([each]) } }, editor.text("workflows.drafts-discard")));
    render();
    body.append(h("p", { class: "faint" }, editor.text("workflows.drafts-about")), list, h("div", { class: "dialog-actions" }, all));
  });
}

/** @param {Editor} editor @param {Drafts} drafts @param {KeptDraft[]} wanted */
async function openAll(editor, drafts, wanted) {
  for (const each of wanted) {
    try {
      await drafts.adopt(each);
    } catch (error) {
      editor.report(error instanceof Refusal && error.status === 404 ? new Error(editor.text("workflows.draft-gone", { name: nameOf(editor, each) })) : error);
    }
  }
}

/**
 * Asks first, and leaves what somebody went on with meanwhile.
 * @param {Editor} editor
 * @param {Drafts} drafts
 * @param {KeptDraft[]} wanted
 * @returns {Promise<boolean>} whether the person said yes
 */
async function discard(editor, drafts, wanted) {
  const lines = wanted.map((each) => editor.text("workflows.draft-line", { name: nameOf(editor, each), ago: agoText(editor, each.modified) }));
  const answer = await editor.shell.ask(editor.text("workflows.discard-title"), [editor.text("workflows.discard-text"), ...lines].join("\n"), [
    { id: "discard", text: editor.text("workflows.discard"), isDangerous: true },
    { id: "keep", text: editor.text("workflows.discard-not"), isMain: true },
  ]);
  if (answer !== "discard") return false;
  try {
    const now = new Map((await drafts.elsewhere()).map((each) => [each.id, each.modified]));
    for (const each of wanted) {
      if (!now.has(each.id)) continue; // it is gone already
      if (now.get(each.id) === each.modified) await drafts.discard(each.id);
      else editor.shell.note(editor.text("workflows.draft-changed", { name: nameOf(editor, each) }), { kind: "error" });
    }
  } catch (error) {
    editor.report(error);
  }
  return true;
}

/** @param {Editor} editor @param {KeptDraft} draft */
function nameOf(editor, draft) {
  return draft.name || editor.text("workflows.unnamed");
}

/** @param {Editor} editor @param {KeptDraft[]} drafts */
function namesOf(editor, drafts) {
  const names = drafts.slice(0, NAMED).map((each) => editor.text("workflows.quoted", { name: nameOf(editor, each) }));
  if (drafts.length > NAMED) names.push(editor.text("workflows.drafts-more", { count: drafts.length - NAMED }));
  return new Intl.ListFormat(editor.messages.locale).format(names);
}

/** "3 hours ago". @param {Editor} editor @param {number} time  ms since 1970 */
function agoText(editor, time) {
  const span = Math.max(60_000, Date.now() - time); // the server's clock may be ahead
  const [unit, unit_ms] = SPANS.find(([, each_ms]) => span >= each_ms) ?? SPANS[SPANS.length - 1];
  return new Intl.RelativeTimeFormat(editor.messages.locale).format(-Math.floor(span / unit_ms), unit);
}

/** @returns {Record<string, number>} */
function readLeft() {
  try {
    return JSON.parse(localStorage.getItem(LEFT) ?? "{}");
  } catch {
    return {}; // damaged, or the browser keeps nothing: they are offered again
  }
}

/** @param {KeptDraft[]} left */
function writeLeft(left) {
  try {
    localStorage.setItem(LEFT, JSON.stringify(Object.fromEntries(left.map((each) => [each.id, each.modified]))));
  } catch (error) {
    console.warn("what is left alone cannot be remembered", error);
  }
}
