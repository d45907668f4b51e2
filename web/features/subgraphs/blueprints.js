/**
 * Subgraphs kept for reuse: a person's own lie in their files under `subgraphs/`, those of packs are told by the server.
 * Each is a workflow that holds one instance. Source: workflow_format, section 6.2.
 */

import { blueprintOf, insertWorkflow } from "../../core/blueprints.js";
import { definitionOf } from "../../core/instances.js";
import { parseExactly, writeExactly } from "../../core/json.js";
import { readWorkflow } from "../../core/read.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Graph, Node } from "../../core/graph.js" */
/** @import { InputSpec, OutputSpec } from "../../core/spec.js" */

const FOLDER = "subgraphs";

/**
 * One that can be put into a graph, in the shape of what the search for nodes shows.
 * @typedef {object} Blueprint
 * @property {string} id  "blueprint:own/Paint", "blueprint:pack/..."
 * @property {string} title
 * @property {string} name  of the pack, or empty
 * @property {string} category
 * @property {string} doc
 * @property {string[]} aliases
 * @property {{name: string, type: string, isWidget: boolean}[]} inputs
 * @property {OutputSpec[]} outputs
 * @property {boolean} isDeprecated
 * @property {boolean} isExperimental
 * @property {boolean} isOwn
 * @property {(graph: Graph, place: {x: number, y: number}) => Node | undefined} insert  part of the caller's edit
 */

/**
 * Files below `subgraphs/`. To ask for a folder that is not there yet would be an error, which browsers log.
 * @param {import("../../core/server.js").Server} server
 */
async function ownPaths(server) {
  const all = await server.get("/v2/userdata").catch(() => []);
  const isThere = Array.isArray(all) && all.some((each) => each?.type === "directory" && each.name === "subgraphs");
  return isThere ? server.get("/userdata?dir=subgraphs&recurse=true").catch(() => []) : [];
}

export class Blueprints {
  /** Those that were read so far. @type {Blueprint[]} */
  entries = [];
  /** @type {Promise<Blueprint[]> | null} */
  #reading = null;
  #editor;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  /** All of them; asked for once, and again after `forget`. @returns {Promise<Blueprint[]>} */
  load() {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  forget() {
    this.#reading = null;
  }

  async #read() {
    const { server } = this.#editor;
    const [own, shared] = await Promise.all([
      ownPaths(server),
      server.get("/global_subgraphs").catch(() => ({})),
    ]);
    const paths = Array.isArray(own) ? own.filter((each) => typeof each === "string" && each.endsWith(".json")) : [];
    const texts = await Promise.all(paths.map((path) => textOf(server.address(addressOf(path)))));
    /** @type {(Blueprint | null)[]} */
    const found = paths.map((path, i) => this.#entry(`own/${path}`, path.replace(/\.json$/, ""), "", texts[i], true));
    for (const [id, each] of Object.entries(shared ?? {})) found.push(this.#entry(`pack/${id}`, String(each?.name ?? id), String(each?.info?.node_pack ?? ""), each?.data, false));
    this.entries = found.filter((each) => each !== null);
    return this.entries;
  }

  /**
   * @param {string} id
   * @param {string} title
   * @param {string} pack
   * @param {unknown} text
   * @param {boolean} isOwn
   * @returns {Blueprint | null} null: it is no such workflow
   */
  #entry(id, title, pack, text, isOwn) {
    if (typeof text !== "string") return null;
    const editor = this.#editor;
    const read = () => readWorkflow(parseExactly(text).value, editor.catalogue).document;
    try {
      const [node] = read().root.nodes.values();
      const spec = node?.spec;
      if (!spec) return null;
      return {
        id: `blueprint:${id}`, title, name: pack, category: spec.category || editor.text(isOwn ? "subgraph.own" : "subgraph.shared"), doc: spec.doc, aliases: spec.aliases,
        inputs: spec.inputs.filter((each) => !each.companionOf).map((each) => ({ name: each.name, type: each.type, isWidget: Boolean(each.widget) })),
        outputs: spec.outputs, isDeprecated: false, isExperimental: false, isOwn,
        insert: (graph, place) => insertWorkflow(graph, read(), place)[0],
      };
    } catch (error) {
      console.warn(`subgraph ${title}`, error);
      return null;
    }
  }

  /** Keeps an instance with all that it needs, under a name that the person gives. @param {Node} node */
  async publish(node) {
    const { shell, server } = this.#editor;
    /** @param {string} key @param {Record<string, string>} [values] */
    const t = (key, values) => this.#editor.text(key, values);
    const given = await shell.askText(t("subgraph.publish-name"), definitionOf(node)?.name ?? "");
    const name = given?.replace(/[\\/:*?"<>|\p{Cc}]/gu, "_").trim();
    if (!name) return;
    const text = writeExactly(blueprintOf(node));
    try {
      await server.ask("POST", `${addressOf(`${name}.json`)}?overwrite=false`, text);
    } catch (error) {
      if (/** @type {any} */ (error)?.status !== 409) throw error;
      const answer = await shell.ask(t("subgraph.publish-name"), t("subgraph.publish-taken", { name }), [
        { id: "keep", text: t("shell.cancel") }, { id: "replace", text: t("subgraph.publish-replace"), isDangerous: true },
      ]);
      if (answer !== "replace") return;
      await server.ask("POST", `${addressOf(`${name}.json`)}?overwrite=true`, text);
    }
    this.forget();
    await this.load();
    shell.note(t("subgraph.published", { name }), { kind: "good" });
  }

  /** @param {Blueprint} blueprint  one of the person's own */
  async remove(blueprint) {
    await this.#editor.server.ask("DELETE", addressOf(blueprint.id.replace("blueprint:own/", "")));
    this.forget();
  }
}

/** @param {string} path  below the folder */
function addressOf(path) {
  return `/userdata/${encodeURIComponent(`${FOLDER}/${path}`)}`;
}

/** The text itself: as JSON, long numbers would lose digits. @param {string} address */
async function textOf(address) {
  const answer = await fetch(address);
  return answer.ok ? answer.text() : null;
}
