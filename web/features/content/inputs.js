/** What nodes that read files show: the picture, sound or video that their widget names. */

import { fileOf, kindOfFiles } from "../../core/file-inputs.js";

/** @import { Server } from "../../core/server.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Medium, Picture } from "./store.js" */

/** @type {WeakMap<InputSpec[], InputSpec[]>} inputs of a type -> those that name files */
const known = new WeakMap();

/**
 * @param {Server} server
 * @param {Node} node
 * @param {(file: {filename: string, subfolder: string, type: string}) => Record<string, string>} [versionOf]  what tells a
 *   file from the one that had its name before
 * @returns {{pictures: Picture[], media: Medium[]} | null} null: it reads no file
 */
export function filesOf(server, node, versionOf = () => ({})) {
  const specs = node.inputSpecs;
  let inputs = known.get(specs);
  if (!inputs) known.set(specs, (inputs = specs.filter(kindOfFiles)));
  if (!inputs.length) return null;
  /** @type {{pictures: Picture[], media: Medium[]}} */
  const found = { pictures: [], media: [] };
  for (const input of inputs) {
    if (node.isDriven(input.name)) continue;
    const file = fileOf(node.values[input.name], input.options.image_folder);
    if (!file) continue;
    const src = server.fileAddress(file, versionOf(file));
    const kind = kindOfFiles(input);
    if (kind === "image") found.pictures.push({ src, file, ...(input.options.animated_image_upload ? { isMoving: true } : {}) });
    else if (kind) found.media.push({ src, kind, file });
  }
  return found.pictures.length || found.media.length ? found : null;
}
