/** The menu of all commands. */

import { groupsOf } from "../../core/command-groups.js";

/** @import { Command } from "../../core/commands.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { MenuItem } from "../../core/shell.js" */

/** What keys alone are for: in a menu it would only be in the way. */
const KEYS_ONLY = /^(walk\.|arrange\.(nudge|push)-|content\.(next|previous|grid)|find\.(next|previous)|menu\.|select\.none)/;

/** Those of a group that have a menu of their own, by the first part of their ids. @type {Record<string, string>} */
const INNER = { arrange: "menu.arrange", group: "groups.name", select: "menu.select" };

/** @param {Editor} editor @returns {MenuItem[]} */
export function menuItems(editor) {
  return groupsOf(editor).map(({ key, commands }) => {
    /** @type {MenuItem[]} */
    const children = [];
    /** @type {Map<string, MenuItem[]>} */
    const inner = new Map();
    for (const command of commands) {
      if (KEYS_ONLY.test(command.id)) continue;
      const part = command.id.split(".")[0];
      if (!(part in INNER)) {
        children.push(editor.menuItem(command.id));
        continue;
      }
      let items = inner.get(part);
      if (!items) {
        inner.set(part, (items = []));
        children.push({ title: INNER[part], children: items });
      }
      items.push(editor.menuItem(command.id));
    }
    return { title: key, children };
  });
}
