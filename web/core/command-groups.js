/** All commands in the groups in which people look for them: menus, lists of keys. */

/** @import { Command } from "./commands.js" */
/** @import { Editor } from "./editor.js" */

/** By a command's id or its first part, in this order; what is not named is the last one's. @type {[string, string[]][]} */
const GROUPS = [
  ["group.file", ["file", "workflows", "saved", "form", "forms", "template", "templates"]],
  ["group.edit", ["edit.undo", "edit.redo", "edit", "select", "palette", "clipboard", "find", "subgraph", "subgraphs"]],
  ["group.node", ["node", "widgets", "arrange", "group", "grid", "splice", "content"]],
  ["group.view", ["view", "panel", "minimap", "queue", "gallery", "library", "models", "console", "walk", "outline", "menu"]],
  ["group.run", ["run", "errors"]],
  ["group.help", ["help", "settings", "extensions"]],
];

/**
 * @param {Editor} editor
 * @returns {{key: string, commands: Command[]}[]} `key` of the message
 */
export function groupsOf({ commands }) {
  /** @type {Map<string, Command[]>} */
  const found = new Map(GROUPS.map(([key]) => [key, []]));
  for (const command of commands.all) {
    if (command.isHidden) continue;
    const key = GROUPS.find(([, parts]) => placeIn(parts, command) >= 0)?.[0] ?? "group.other";
    found.set(key, [...(found.get(key) ?? []), command]);
  }
  for (const [key, parts] of GROUPS) found.get(key)?.sort((a, b) => placeIn(parts, a) - placeIn(parts, b));
  return [...found].map(([key, listed]) => ({ key, commands: listed })).filter((each) => each.commands.length);
}

/** @param {string[]} parts @param {Command} command @returns {number} -1: it belongs elsewhere */
function placeIn(parts, { id }) {
  const place = parts.indexOf(id);
  return place >= 0 ? place : parts.indexOf(id.split(".")[0]);
}
