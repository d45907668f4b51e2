/** The picture of a saved workflow, to know it again by: what it made last, else a sketch of its graph. */

import { sketch } from "./sketch.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Files } from "./files.js" */

const LARGEST_PX = 320; // of the longer side
const SKETCH = { width: 240, height: 160 }; // CSS px
const PICTURE_TYPE = "image/jpeg";
const SKETCH_TYPE = "image/png"; // which tells them apart later

/**
 * @param {Editor} editor
 * @param {Files} files
 * @param {Document} document  one that was saved just now
 */
export async function keepThumbnail(editor, files, document) {
  const picture = await pictureOf(editor, document);
  await files.inTurn(document, async () => {
    const { path } = files.stateOf(document);
    if (path === null) return;
    const drawn = picture ?? ((await hasPicture(editor, path)) ? null : await blobOf(sketch(files.write(document), SKETCH), SKETCH_TYPE));
    if (drawn) await editor.server.ask("PUT", `/heddle/files/workflows/${encodeURIComponent(path)}/thumbnail`, drawn);
  });
  editor.events.emit("workflow:pictured", document);
}

/** The latest result, small. @param {Editor} editor @param {Document} document @returns {Promise<Blob | null>} null: there is none */
async function pictureOf({ server, services }, document) {
  const nodes = [...document.root.nodes.values()].filter((node) => node.spec?.isOutput).reverse();
  const shown = nodes.flatMap((node) => services.content.get(node)?.pictures ?? []).find((each) => !each.isMoving);
  if (!shown) return null;
  const image = new Image();
  image.src = shown.file ? server.fileAddress(shown.file, { preview: "webp;85" }) : shown.src;
  try {
    await image.decode();
  } catch {
    return null; // the file is gone
  }
  const scale = Math.min(1, LARGEST_PX / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = globalThis.document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return blobOf(canvas, PICTURE_TYPE);
}

/** Whether what it made some other day is there: a sketch does not take the place of that. @param {Editor} editor @param {string} path */
async function hasPicture({ server }, path) {
  const { workflows } = await server.get("/heddle/files/workflows");
  const address = workflows.find((/** @type {any} */ each) => each.path === path)?.thumbnail;
  return Boolean(address) && (await (await fetch(server.address(address))).blob()).type !== SKETCH_TYPE;
}

/** @param {HTMLCanvasElement} canvas @param {string} type @returns {Promise<Blob | null>} */
function blobOf(canvas, type) {
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.85));
}
