/** The colours that nodes and groups are offered in; files of this kind have these very values. */

/**
 * `title` of a node's title bar, `body` of its body, `group` of a group's frame; `key` of the message.
 * @type {{key: string, title: string, body: string, group: string}[]}
 */
export const COLOURS = [
  { key: "colour.red", title: "#322", body: "#533", group: "#A88" },
  { key: "colour.brown", title: "#332922", body: "#593930", group: "#b06634" },
  { key: "colour.green", title: "#232", body: "#353", group: "#8A8" },
  { key: "colour.blue", title: "#223", body: "#335", group: "#88A" },
  { key: "colour.pale-blue", title: "#2a363b", body: "#3f5159", group: "#3f789e" },
  { key: "colour.cyan", title: "#233", body: "#355", group: "#8AA" },
  { key: "colour.purple", title: "#323", body: "#535", group: "#a1309b" },
  { key: "colour.yellow", title: "#432", body: "#653", group: "#b58b2a" },
  { key: "colour.black", title: "#222", body: "#000", group: "#444" },
];
