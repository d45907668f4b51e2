/** A small catalogue and graphs for tests of the model. */

import { Catalogue } from "../../web/core/catalogue.js";
import { Document } from "../../web/core/document.js";

const match = { template: { template_id: "t", allowed_types: "*" } };

export const RECORDS = {
  Load: { input: {}, output: ["MODEL", "CLIP", "VAE"], output_name: ["MODEL", "CLIP", "VAE"], category: "loaders", display_name: "Load" },
  Change: { input: { required: { model: ["MODEL"], strength: ["FLOAT", { default: 1 }] } }, output: ["MODEL"], output_name: ["MODEL"], category: "model" },
  Sample: { input: { required: { model: ["MODEL"], seed: ["INT", { default: 0 }], image: ["IMAGE"] } }, output: ["IMAGE"], output_name: ["IMAGE"], category: "sampling" },
  Picture: { input: { required: { text: ["STRING", { default: "" }] } }, output: ["IMAGE"], output_name: ["IMAGE"], category: "image" },
  Save: { input: { required: { images: ["IMAGE"] } }, output: [], category: "image", output_node: true },
  Batch: {
    input: { required: { images: ["COMFY_AUTOGROW_V3", { template: { input: { required: { image: ["IMAGE"] } }, prefix: "image", min: 1, max: 6 } }] } },
    output: ["IMAGE"], output_name: ["IMAGE"], category: "image",
  },
  Switch: {
    input: { required: { a: ["COMFY_MATCHTYPE_V3", match], b: ["COMFY_MATCHTYPE_V3", match] } },
    output: ["*"], output_name: ["out"], output_matchtypes: ["t"], category: "logic",
  },
};

export function newDocument() {
  return new Document(new Catalogue(RECORDS));
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). @param {number} seed */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {any} value */
export const plain = (value) => JSON.parse(JSON.stringify(value));
