/**
 * What jobs bring, on the nodes that it belongs to: pictures, texts, previews, progress. Kept by the id that the server
 * has for a node, so that it is there when the person comes back to a document or opens a subgraph whose inside several
 * instances share.
 */

import { kindOfName } from "../../core/file-inputs.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Job, Jobs, NodeRun } from "./jobs.js" */

/** @typedef {{output?: any, jobId?: string, text?: string, run?: {state: NodeRun["state"] | null, value: number, max: number | null, ms?: number}}} Shown */

const SOON_MS = 100;
const MODEL = /\.(glb|gltf|obj|fbx|stl|ply|spz|splat|ksplat|usdz)(?: \[(?:input|output|temp)\])?$/i;

export class Showing {
  /** @type {WeakMap<Document, Map<string, Shown>>} */
  #kept = new WeakMap();
  /** @type {Map<string, {number: number, picture: Blob}>} "job node": the latest one; they are read one beside the other */
  #previews = new Map();
  /** @type {Map<Job, Set<string>>} instances whose inside moved */
  #touched = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #editor;

  /** @param {Editor} editor @param {Jobs} jobs */
  constructor(editor, jobs) {
    this.#editor = editor;
    this.jobs = jobs;
    this.cleanups = [
      () => clearTimeout(this.#timer),
      jobs.events.on("node", ({ job, id }) => this.#node(job, id)),
      jobs.events.on("result", ({ job, id, output }) => this.#result(job, id, output)),
      jobs.events.on("text", ({ job, id, text, said }) => this.#text(job, id, editor.messages.said(text, said))),
      jobs.events.on("state", (job) => this.#state(job)),
      editor.events.on("graph", () => this.showAgain()),
    ];
  }

  get #content() {
    return this.#editor.services.content;
  }

  /** @param {Document} document @param {string} id @returns {Shown} */
  #of(document, id) {
    let all = this.#kept.get(document);
    if (!all) this.#kept.set(document, (all = new Map()));
    let shown = all.get(id);
    if (!shown) all.set(id, (shown = {}));
    return shown;
  }

  /** Everything of the subgraph that is open now: its nodes are shared by all instances. */
  showAgain() {
    const { document, path, graph } = this.#editor;
    if (!path.length) return;
    const prefix = `${path.map((each) => each.id).join(":")}:`;
    const kept = this.#kept.get(document) ?? new Map();
    for (const node of graph.nodes.values()) {
      this.#content.clear(node);
      const shown = kept.get(prefix + node.key);
      if (!shown) continue;
      if (shown.output) this.#paintOutput([node], shown.output, shown.jobId);
      if (shown.text) this.#content.setText(node, shown.text);
      if (shown.run) this.#paintRun(node, shown.run);
    }
    for (const [key, { picture }] of [...this.#previews]) {
      const [jobId, id] = key.split(" ");
      const job = this.jobs.get(jobId);
      if (job?.document === document && id.startsWith(prefix)) void this.preview(job, id, picture);
    }
    this.#editor.events.emit("run:shown-again", null);
  }

  /**
   * The nodes on the canvas that stand for a node of a job.
   * @param {Document | null} document
   * @param {string} id  on the server
   * @returns {{node: Node | null, instances: {node: Node, rest: string[]}[]}}
   *   `node`: null if it is inside of a subgraph that is not open; `instances`: those around it that can be seen, with
   *   the way from there to the node
   */
  placesOf(document, id) {
    if (!document) return { node: null, instances: [] };
    const found = this.#editor.nodeOf(id, document);
    if (!found) return { node: null, instances: [] };
    const { path, node } = found;
    const parts = id.split(":");
    /** @param {Node[]} wanted */
    const isOpen = (wanted) => !wanted.length || (document === this.#editor.document && wanted.length === this.#editor.path.length && wanted.every((each, i) => each === this.#editor.path[i]));
    const instances = path.map((each, i) => ({ node: each, rest: parts.slice(i + 1), around: path.slice(0, i) })).filter((each) => isOpen(each.around));
    return { node: isOpen(path) ? node : null, instances };
  }

  /** @param {Job} job @param {string} id */
  #node(job, id) {
    if (!job.document) return;
    const run = job.nodes.get(id);
    const shown = this.#of(job.document, id);
    shown.run = run ? { state: run.state, value: run.value, max: run.max, ms: run.ms } : { state: null, value: 0, max: null };
    const { node, instances } = this.placesOf(job.document, id);
    if (node) this.#paintRun(node, shown.run);
    for (const each of instances) this.#touchInstance(job, id.split(":").slice(0, -each.rest.length).join(":"));
    if (run?.state !== "running") this.#dropPreview(job, id);
  }

  /** @param {Node} node @param {NonNullable<Shown["run"]>} run */
  #paintRun(node, run) {
    this.#content.setState(node, { state: run.state, ms: run.ms });
    if (run.state === "running" && run.max) this.#content.setProgress(node, run.value, run.max);
    else this.#content.setProgress(node, null);
  }

  /** A thousand nodes inside may move at once: their instance is painted after that. @param {Job} job @param {string} id */
  #touchInstance(job, id) {
    const ids = this.#touched.get(job);
    if (ids) ids.add(id);
    else this.#touched.set(job, new Set([id]));
    this.#timer ??= setTimeout(() => this.#paintTouched(), SOON_MS);
  }

  #paintTouched() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const all = [...this.#touched];
    this.#touched.clear();
    for (const [job, ids] of all) {
      for (const id of ids) {
        const { node } = this.placesOf(job.document, id);
        if (node) this.#paintInstance(job, node, id);
      }
    }
  }

  /** What its inside does, on the instance itself. @param {Job} job @param {Node} node @param {string} id */
  #paintInstance(job, node, id) {
    const inner = [...job.nodes].filter(([each]) => each.startsWith(`${id}:`)).map(([, run]) => run);
    const running = inner.findLast((run) => run.state === "running");
    const isWhole = job.wanted && [...job.wanted.keys()].filter((each) => each.startsWith(`${id}:`)).every((each) => ["done", "cached"].includes(job.nodes.get(each)?.state ?? ""));
    /** @type {NodeRun["state"] | null} */
    let state = null;
    if (inner.some((run) => run.state === "error")) state = "error";
    else if (isWhole) state = inner.every((run) => run.state === "cached") ? "cached" : "done";
    else if (inner.length && !job.hasEnded) state = "running";
    const ms = isWhole ? inner.reduce((sum, run) => sum + (run.ms ?? 0), 0) : undefined;
    const run = { state, value: running?.value ?? 0, max: running?.max ?? null, ms };
    if (job.document) this.#of(job.document, id).run = run;
    this.#paintRun(node, run);
  }

  /** @param {Job} job @param {string} id @param {any} output */
  #result(job, id, output) {
    if (!job.document || !output) return;
    const { jobId } = this.#of(job.document, id);
    if (job.isRecalled && jobId && this.jobs.get(jobId)?.isRecalled === false) return; // the person has run it again meanwhile
    Object.assign(this.#of(job.document, id), { output, jobId: job.id });
    const { node, instances } = this.placesOf(job.document, id);
    const nodes = instances.filter((each) => isExposed(each.node, each.rest)).map((each) => each.node);
    for (const each of instances) {
      const at = id.split(":").slice(0, -each.rest.length).join(":");
      if (nodes.includes(each.node)) Object.assign(this.#of(job.document, at), { output, jobId: job.id });
    }
    this.#paintOutput(node ? [node, ...nodes] : nodes, output, job.id);
  }

  /** @param {Node[]} nodes @param {any} output  of a node: kind -> files or texts @param {string | undefined} jobId */
  #paintOutput(nodes, output, jobId) {
    const content = this.#content;
    const { pictures, media, text, comparison, histogram } = readOutput(output, (file) => this.#editor.server.fileAddress(file, jobId ? { v: jobId.slice(0, 8) } : {}));
    for (const node of nodes) {
      content.setPreview(node, null);
      if (pictures.length || content.get(node)?.pictures.length) content.setImages(node, pictures);
      if (media.length || content.get(node)?.media.length) content.setMedia(node, media);
      if (text || content.get(node)?.text) content.setText(node, text);
      if (comparison || content.get(node)?.comparison) content.setComparison(node, comparison);
      if (histogram || content.get(node)?.histogram) content.setHistogram(node, histogram);
    }
  }

  /** @param {Job} job @param {string} id @param {string} text */
  #text(job, id, text) {
    if (!job.document) return;
    this.#of(job.document, id).text = text;
    const { node } = this.placesOf(job.document, id);
    if (node) this.#content.setText(node, text);
  }

  /**
   * What is being sampled.
   * @param {Job} job
   * @param {string} id
   * @param {Blob} picture
   */
  async preview(job, id, picture) {
    const key = `${job.id} ${id}`;
    const number = (this.#previews.get(key)?.number ?? 0) + 1;
    this.#previews.set(key, { number, picture });
    const { node, instances } = this.placesOf(job.document, id);
    const nodes = instances.filter((each) => isExposed(each.node, each.rest)).map((each) => each.node);
    for (const each of node ? [node, ...nodes] : nodes) {
      const bitmap = await createImageBitmap(picture); // one each: who shows it closes it
      if (this.#previews.get(key)?.number === number && !job.hasEnded) this.#content.setPreview(each, bitmap);
      else bitmap.close();
    }
  }

  /** @param {Job} job @param {string} id */
  #dropPreview(job, id) {
    if (!this.#previews.delete(`${job.id} ${id}`)) return;
    const { node, instances } = this.placesOf(job.document, id);
    for (const each of [...(node ? [node] : []), ...instances.map((each) => each.node)]) this.#content.setPreview(each, null);
  }

  /** A job that starts takes away the marks of the one before; its pictures stay until there are new ones. @param {Job} job */
  #state(job) {
    const { document } = job;
    if (!document) return;
    if (job.state === "running" && !job.nodes.size) {
      for (const [id, shown] of this.#kept.get(document) ?? []) {
        if (!shown.run && !shown.text) continue;
        shown.run = undefined;
        const { node } = this.placesOf(document, id);
        if (!node) continue;
        this.#paintRun(node, { state: null, value: 0, max: null });
        if (shown.text) this.#content.setText(node, "");
        shown.text = undefined;
      }
    }
    if (job.hasEnded) {
      for (const key of [...this.#previews.keys()]) if (key.startsWith(`${job.id} `)) this.#dropPreview(job, key.slice(job.id.length + 1));
      for (const id of job.nodes.keys()) {
        const parts = id.split(":");
        for (let i = 1; i < parts.length; i++) this.#touchInstance(job, parts.slice(0, i).join(":"));
      }
      this.#paintTouched();
    }
  }

  /** The server knows better than this page how long nodes ran. @param {Job} job @param {Record<string, {how: string | null, seconds: number | null}>} nodes */
  explain(job, nodes) {
    if (!job.document) return;
    for (const [id, { how, seconds }] of Object.entries(nodes)) {
      const state = how === "ran" ? "done" : how === "memory" || how === "disk" || how === "finished" ? "cached" : null;
      if (!state) continue;
      const run = { state: /** @type {NodeRun["state"]} */ (state), value: 0, max: null, ms: state === "done" && seconds !== null ? seconds * 1000 : undefined };
      this.#of(job.document, id).run = run;
      const { node } = this.placesOf(job.document, id);
      if (node) this.#paintRun(node, run);
    }
  }
}

/**
 * Whether a subgraph shows what a node inside it brings. Older files do not say: then it does.
 * @param {Node} instance
 * @param {string[]} rest  ids from there to the node
 * @returns {boolean}
 */
function isExposed(instance, rest) {
  const exposures = instance.properties.previewExposures;
  if (!Array.isArray(exposures)) return true;
  if (exposures.some((each) => String(each?.sourceNodeId) === rest.join(":"))) return true;
  if (rest.length < 2 || !exposures.some((each) => String(each?.sourceNodeId) === rest[0])) return false;
  const inner = instance.graph.document.definitions.get(instance.type)?.graph.node(rest[0]);
  return Boolean(inner && isExposed(inner, rest.slice(1)));
}

/** @typedef {{src: string, width?: number, height?: number, file: any, isMoving?: boolean}} Picture */

/**
 * What a page can show of an output. Kinds that it does not know are left out.
 * @param {any} output  of a node: kind -> files or texts
 * @param {(file: any) => string} address
 * @returns {{pictures: Picture[], media: {src: string, kind: "audio" | "video" | "file", file: any}[], text: string, comparison: {a: Picture[], b: Picture[]} | null, histogram: number[] | null}}
 */
export function readOutput(output, address) {
  /** @type {ReturnType<typeof readOutput>} */
  const found = { pictures: [], media: [], text: "", comparison: null, histogram: null };
  /** @type {string[]} */
  const texts = [];
  for (const [kind, given] of Object.entries(output ?? {})) {
    const items = kind === "text" && !Array.isArray(given) ? [given] : given;
    if (!Array.isArray(items)) continue;
    if (kind === "histogram" && items.length > 1 && items.every(Number.isFinite)) found.histogram = items;
    const isMoving = kind === "gifs" || kind === "animated_images" || (kind === "images" && output.animated?.[0] === true);
    for (const item of items) {
      if (kind === "text" && ["string", "number", "boolean"].includes(typeof item)) texts.push(String(item));
      const file = typeof item?.filename === "string" ? item : kind === "result" ? modelFile(item) : null;
      if (!file) continue;
      const src = address(file);
      /** @type {Picture} */
      const picture = { src, width: file.width, height: file.height, file, ...(isMoving ? { isMoving } : {}) };
      const known = kindOfName(file.filename);
      const isVideo = kind === "video" || kind === "videos" || (typeof file.format === "string" && file.format.startsWith("video/"));
      if (kind === "audio" || known === "audio") found.media.push({ src, kind: "audio", file });
      else if (known === "video" || (isVideo && !known)) found.media.push({ src, kind: "video", file });
      else if (kind === "3d" || MODEL.test(file.filename)) found.media.push({ src, kind: "file", file });
      else if (kind === "a_images" || kind === "b_images") (found.comparison ??= { a: [], b: [] })[kind === "a_images" ? "a" : "b"].push(picture);
      else if (kind === "images" || kind === "gifs" || kind === "animated_images") found.pictures.push(picture);
    }
  }
  found.text = texts.join("\n");
  return found;
}

/** Views of 3D models name their file in a text. @param {any} item */
function modelFile(item) {
  if (typeof item !== "string" || !MODEL.test(item)) return null;
  const [, path, type = "output"] = /** @type {RegExpExecArray} */ (/^(.+?)(?: \[(input|output|temp)\])?$/s.exec(item));
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return { filename: path.slice(at + 1), subfolder: path.slice(0, Math.max(0, at)).replaceAll("\\", "/"), type };
}
