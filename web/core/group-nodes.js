/**
 * Older group nodes: described in `extra.groupNodes`, with instances of the type "workflow>Name". A file keeps them until
 * the person turns them into subgraphs, for that is another file. Names and values are read by the same rules as on the
 * server, so what runs afterwards is what ran before. Source: workflow_format, section 6.3.
 */

import { Definition } from "./document.js";
import { Graph, Node } from "./graph.js";
import { newId } from "./ids.js";
import { groupNameOf } from "./instances.js";
import { readDefinition } from "./read.js";
import { refit } from "./shaping.js";
import { PRIMITIVE, readInputs } from "./spec.js";
import { same, takeJoined } from "./values.js";
import { REROUTE } from "./virtual.js";

/** @import { Document } from "./document.js" */
/** @import { InputSpec } from "./spec.js" */

/** @param {Document} document @returns {Node[]} in order of their graphs */
export function groupNodesOf(document) {
  return [...document.graphs()].flatMap((graph) => [...graph.nodes.values()].filter((node) => groupNameOf(node) !== null));
}

/**
 * Makes subgraphs of all the group nodes of a workflow; each keeps its links and its values. Part of an edit.
 * @param {Document} document
 * @returns {Node[]} the nodes that are instances of subgraphs now
 * @throws {RangeError} if group nodes contain each other
 */
export function turnGroupNodes(document) {
  const nodes = groupNodesOf(document);
  document.holdShapes(() => {
    const turner = new Turner(document);
    for (const node of nodes) turner.turn(node, /** @type {string} */ (groupNameOf(node)));
    const left = Object.fromEntries(Object.entries(document.extra.groupNodes ?? {}).filter(([name]) => !turner.turned.has(name)));
    document.setExtra("groupNodes", Object.keys(left).length ? left : undefined);
  });
  return nodes;
}

/**
 * A part's input that the group may show.
 * @typedef {{part: string, name: string, shown: string, type: string, widget: InputSpec | null, isHidden: boolean, isSocket: boolean}} Inlet
 *
 * @typedef {object} Group
 * @property {Definition} definition
 * @property {Inlet[]} inlets  those of the subgraph
 * @property {Parts} parts
 */

class Turner {
  /** @type {Map<string, Group>} by name */
  turned = new Map();
  /** @type {string[]} */
  #within = [];

  /** @param {Document} document */
  constructor(document) {
    this.document = document;
  }

  /** @param {Node} node @param {string} name */
  turn(node, name) {
    const { definition, parts, inlets } = this.#group(name);
    const { journal } = this.document;
    const { graph } = node;
    const values = parts.valuesOf(node.raw ?? {});
    const spec = this.document.specOf(definition.id);
    if (!spec) throw new TypeError(`the group node ${name} has no description`);
    this.#renameSlots(node, inlets, spec.outputs.map((each) => each.name));
    journal.set(node, node, "type", definition.id);
    for (const { part, name: widget, shown } of inlets) {
      const own = values.get(`${part} ${widget}`);
      if (own !== undefined && own !== null) journal.set(node, node.values, shown, own);
      const mode = values.get(`${part} ${parts.controlNameOf(part, widget)}`);
      if (mode !== undefined) journal.set(node, node.values, `${shown}.control_after_generate`, typeof mode === "boolean" ? (mode ? "randomize" : "fixed") : mode);
    }
    refit(graph, node, spec);
  }

  /** Slots go by name from now on; before, what had no known name went by its place. @param {Node} node @param {Inlet[]} inlets @param {string[]} outputs */
  #renameSlots(node, inlets, outputs) {
    const known = new Set(inlets.map((each) => each.shown));
    const had = new Set(node.inputs.map((slot) => slot.name));
    const open = inlets.filter((each) => !each.widget && !had.has(each.shown));
    for (const slot of node.inputs.filter((each) => !known.has(each.name))) {
      const inlet = open.shift();
      if (inlet) node.graph.setSlot(node, slot, "name", inlet.shown);
    }
    if (node.outputs.length === outputs.length) {
      node.outputs.forEach((slot, i) => slot.name === outputs[i] || node.graph.setSlot(node, slot, "name", outputs[i]));
    }
  }

  /** @param {string} name @returns {Group} */
  #group(name) {
    const before = this.turned.get(name);
    if (before) return before;
    if (this.#within.includes(name)) throw new RangeError(`group nodes contain each other: ${[...this.#within, name].join(" -> ")}`);
    this.#within.push(name);
    const { document } = this;
    const parts = new Parts(document, document.extra.groupNodes[name]);
    const used = groupNodesOf(document).filter((node) => groupNameOf(node) === name).map((node) => parts.valuesOf(node.raw ?? {}));
    // A hidden widget of which a node has a value of its own is shown from now on: nothing else could keep it.
    const inlets = parts.inlets.filter((each) => !each.isHidden || used.some((values) => {
      const own = values.get(`${each.part} ${each.name}`);
      return own !== undefined && !same(own, parts.ownValue(each.part, each.name));
    }));
    const definition = new Definition(newId(), name);
    definition.graph = new Graph(document, definition);
    readDefinition(definition, parts.record(definition.id, name, inlets), [], new Set(document.definitions.keys()));
    document.addDefinition(definition);
    for (const node of definition.graph.nodes.values()) {
      const inner = groupNameOf(node);
      if (inner !== null) this.turn(node, inner);
    }
    this.#within.pop();
    const group = { definition, parts, inlets };
    this.turned.set(name, group);
    return group;
  }
}

/** The nodes of a group, and what the group shows of them. */
class Parts {
  /** @type {Map<string, any>} by the index that links have for them */
  records = new Map();
  /** @type {Map<string, Node>} the same as nodes, for what they offer */
  nodes = new Map();
  /** @type {{from: string, output: number, to: string, slot: number, type: string}[]} */
  links = [];
  /** @type {Inlet[]} */
  inlets = [];
  /** @type {Map<string, string>} what flows through a reroute, which has no type of its own */
  #kinds = new Map();
  /** @type {Set<string>} "part widget" of those that a link inside feeds */
  #linked = new Set();
  #raw;

  /**
   * @param {Document} document
   * @param {any} raw  the description
   */
  constructor(document, raw) {
    this.#raw = raw;
    const scratch = new Graph(document);
    listIn(raw.nodes).filter(isRecord).forEach((record, place) => {
      const key = String(record.index ?? place);
      const inputs = listIn(record.inputs).map((slot) => ({ ...slot, link: null }));
      this.records.set(key, { ...record, id: Number.isSafeInteger(Number(key)) ? Number(key) : key, type: String(record.type), inputs });
      const node = new Node(scratch, key, String(record.type));
      node.spec = node.type === PRIMITIVE ? primitiveSpec(record) : document.specOf(node.type);
      this.nodes.set(key, node);
    });
    for (const entry of listIn(raw.links).filter(Array.isArray)) this.#addLink(entry);
    this.#nameInputs();
  }

  /** @param {any[]} entry */
  #addLink([from, output, to, slot, , type]) {
    if (![from, output, to, slot].every((each) => isPlace(each))) return; // to the outside, which older files list with null
    const kind = typeof type === "string" ? type : "*";
    for (const part of [String(from), String(to)]) if (!this.#kinds.has(part)) this.#kinds.set(part, kind);
    const input = this.records.get(String(to))?.inputs[slot];
    this.links.push({ from: String(from), output: Number(output), to: String(to), slot: Number(slot), type: kind });
    if (input) this.#linked.add(`${to} ${input.name}`);
  }

  /** @param {string} part @returns {InputSpec[]} */
  #widgetsOf(part) {
    return (this.nodes.get(part)?.spec?.inputs ?? []).filter((each) => each.widget && !each.companionOf);
  }

  /** Names as the older editor gave them: each part's widgets, then its sockets; widgets made sockets come last. */
  #nameInputs() {
    /** @type {Map<string, number>} */
    const seen = new Map();
    /** @type {[string, any, InputSpec | null][]} */
    const late = [];
    for (const [part, record] of this.records) {
      const own = new Map(record.inputs.map((/** @type {any} */ slot) => [slot.name, slot]));
      const widgets = this.#widgetsOf(part);
      for (const widget of widgets) {
        const slot = own.get(widget.name);
        if (slot?.widget) continue;
        this.#show(part, slot ?? { name: widget.name }, widget, seen, false);
      }
      for (const slot of own.values()) {
        const widget = widgets.find((each) => each.name === slot.name) ?? null;
        if (slot.widget) late.push([part, slot, widget]);
        else if (!widget) this.#show(part, slot, null, seen, false);
      }
    }
    for (const [part, slot, widget] of late) this.#show(part, slot, widget, seen, true);
  }

  /** @param {string} part @param {any} slot @param {InputSpec | null} widget @param {Map<string, number>} seen @param {boolean} isSocket */
  #show(part, slot, widget, seen, isSocket) {
    if (this.#linked.has(`${part} ${slot.name}`)) return;
    const record = this.records.get(part);
    const wish = this.#raw.config?.[part]?.input?.[slot.name];
    const plain = record.type === REROUTE ? (this.#kinds.get(part) ?? "*") : String(slot.name ?? "");
    const title = textIn(record.title);
    let shown = textIn(wish?.name) || textIn(slot.label) || plain;
    let key = shown;
    if (seen.has(shown) || (record.type === PRIMITIVE && title)) {
      const prefix = title || record.type;
      key = shown = `${prefix} ${plain}`;
      if (seen.has(key)) shown = `${prefix} ${seen.get(key)} ${plain}`;
    }
    seen.set(key, (seen.get(key) ?? 1) + 1);
    const type = record.type === REROUTE ? plain : (widget?.type ?? textIn(slot.type) ?? "*");
    this.inlets.push({ part, name: String(slot.name ?? ""), shown, type, widget, isHidden: wish?.visible === false, isSocket });
  }

  /** @param {string} part @returns {{name: string, label?: string, type: string}[]} */
  #outputsOf(part) {
    const record = this.records.get(part);
    if (record.type === REROUTE) return [{ name: this.#kinds.get(part) ?? "*", type: this.#kinds.get(part) ?? "*" }];
    const listed = listIn(record.outputs);
    if (listed.length) return listed.map((slot) => ({ name: textIn(slot?.name) || String(slot?.type ?? "*"), label: textIn(slot?.label), type: String(slot?.type ?? "*") }));
    return this.nodes.get(part)?.spec?.outputs.map(({ name, type }) => ({ name, type })) ?? [];
  }

  /** @returns {{part: string, output: number, name: string, type: string}[]} */
  get outlets() {
    const leaving = new Set(this.links.map((link) => `${link.from} ${link.output}`));
    const external = new Set(listIn(this.#raw.external).filter(Array.isArray).map((entry) => `${entry[0]} ${entry[1]}`));
    const seen = new Set();
    /** @type {{part: string, output: number, name: string, type: string}[]} */
    const found = [];
    for (const [part, record] of this.records) {
      this.#outputsOf(part).forEach(({ name: given, label, type }, output) => {
        const wish = this.#raw.config?.[part]?.output?.[output];
        const at = `${part} ${output}`;
        if (!(wish?.visible ?? (!leaving.has(at) || external.has(at)))) return;
        const prefix = textIn(record.title) || record.type;
        let name = textIn(wish?.name) || label || given;
        if (seen.has(name)) name = `${prefix} ${name}`;
        if (seen.has(name)) name = `${prefix}  ${part} ${label || given}`;
        seen.add(name);
        found.push({ part, output, name, type });
      });
    }
    return found;
  }

  /** The control beside a widget, by its name among the values. @param {string} part @param {string} widget */
  controlNameOf(part, widget) {
    return this.nodes.get(part)?.spec?.inputs.find((each) => each.widget === "CONTROL" && each.companionOf === widget)?.name ?? "control_after_generate";
  }

  /** What a part holds itself. @param {string} part @param {string} name */
  ownValue(part, name) {
    const record = this.records.get(part);
    const saved = record?.widgets_values;
    if (isRecord(record?.widgets_values_named) && name in record.widgets_values_named) return record.widgets_values_named[name];
    const spec = this.nodes.get(part)?.spec;
    return spec && Array.isArray(saved) ? takeJoined([{ part, inputs: spec.inputs, absent: new Set() }], saved).values.get(`${part} ${name}`) : undefined;
  }

  /**
   * What an instance has of its own.
   * @param {any} record  the instance's
   * @returns {Map<string, any>} by "part widget"
   */
  valuesOf(record) {
    const named = isRecord(record.widgets_values_named) ? record.widgets_values_named : isRecord(record.widgets_values) ? record.widgets_values : null;
    if (named && Object.keys(named).length) return new Map(this.inlets.filter((each) => Object.hasOwn(named, each.shown)).map((each) => [`${each.part} ${each.name}`, named[each.shown]]));
    if (!Array.isArray(record.widgets_values)) return new Map();
    const [sockets, hidden] = [this.inlets.filter((each) => each.isSocket), this.inlets.filter((each) => each.isHidden)];
    // Whether sockets and hidden widgets have a place in the list depends on the program; its length tells.
    for (const [isSocketless, isSeen] of [[true, true], [true, false], [false, true], [false, false]]) {
      const gone = new Set(this.#linked);
      for (const each of [...(isSocketless ? sockets : []), ...(isSeen ? hidden : [])]) gone.add(`${each.part} ${each.name}`);
      const listed = [...this.nodes].map(([part, { spec }]) => ({ part, inputs: spec?.inputs ?? [], absent: new Set([...gone].filter((each) => each.startsWith(`${part} `)).map((each) => each.slice(part.length + 1))) }));
      const { values, next } = takeJoined(listed, record.widgets_values);
      if (next >= record.widgets_values.length) return values;
    }
    return new Map();
  }

  /**
   * The group as the record of a subgraph. Primitives go: what they fed is fed by the end, or holds their value.
   * @param {string} id
   * @param {string} name
   * @param {Inlet[]} inlets
   */
  record(id, name, inlets) {
    let lastLink = 0;
    /** @type {any[]} */
    const links = [];
    const nodes = new Map([...this.records].filter(([, each]) => each.type !== PRIMITIVE).map(([part, each]) => {
      const { index: _, ...rest } = each;
      const inputs = each.inputs.map((/** @type {any} */ slot) => ({ ...slot, link: null }));
      const outputs = this.#outputsOf(part).map((slot, i) => ({ ...each.outputs?.[i], name: each.type === REROUTE ? "" : slot.name, type: slot.type, links: [] }));
      return [part, { ...rest, flags: rest.flags ?? {}, mode: rest.mode ?? 0, inputs, outputs }];
    }));
    /** @param {string} part @param {number} output @param {string | null} to @param {number} slot @param {string} type */
    const link = (part, output, to, slot, type) => {
      const made = { id: ++lastLink, origin_id: part === "" ? -10 : nodes.get(part)?.id, origin_slot: output, target_id: to === null ? -20 : nodes.get(to)?.id, target_slot: slot, type };
      links.push(made);
      if (part !== "") nodes.get(part)?.outputs[output]?.links.push(made.id);
      if (to !== null) nodes.get(to).inputs[slot].link = made.id;
      return made.id;
    };
    for (const { from, output, to, slot, type } of this.links) {
      if (nodes.get(from)?.outputs[output] && nodes.get(to)?.inputs[slot]) link(from, output, to, slot, type);
    }
    const inputs = inlets.map(({ part, name: own, shown, type, widget }, at) => {
      /** @type {number[]} */
      const linkIds = [];
      let kind = type;
      if (this.records.get(part).type === PRIMITIVE) {
        for (const each of this.links.filter((one) => one.from === part && nodes.get(one.to)?.inputs[one.slot])) {
          kind = each.type;
          linkIds.push(link("", at, each.to, each.slot, each.type));
        }
      } else {
        const target = nodes.get(part);
        let slot = target.inputs.findIndex((/** @type {any} */ each) => String(each.name ?? "") === own);
        if (slot < 0) slot = target.inputs.push({ name: own, type, widget: { name: own }, link: null }) - 1;
        else if (widget && !target.inputs[slot].widget) target.inputs[slot] = { ...target.inputs[slot], widget: { name: own } };
        linkIds.push(link("", at, part, slot, type));
      }
      return { id: newId(), name: shown, type: kind, linkIds };
    });
    for (const [part, each] of this.records) {
      if (each.type !== PRIMITIVE || inlets.some((one) => one.part === part)) continue;
      const value = listIn(each.widgets_values)[0];
      for (const { from, to, slot } of this.links) if (from === part && value !== undefined) this.#giveValue(nodes.get(to), slot, value);
    }
    const outlets = this.outlets.filter((each) => nodes.has(each.part));
    const outputs = outlets.map(({ part, output, name: shown, type }, at) => ({ id: newId(), name: shown, type, linkIds: [link(part, output, null, at, type)] }));
    const places = [...nodes.values()].map((each) => ({ x: Number(each.pos?.[0]) || 0, y: Number(each.pos?.[1]) || 0, width: Number(each.size?.[0]) || 200 }));
    const [left, right, top] = [Math.min(0, ...places.map((each) => each.x)), Math.max(0, ...places.map((each) => each.x + each.width)), Math.min(0, ...places.map((each) => each.y))];
    return {
      id, version: 1, revision: 0, name, config: {}, widgets: [], extra: {}, groups: [],
      state: { lastNodeId: Math.max(0, ...[...nodes.values()].map((each) => Number(each.id) || 0)), lastLinkId: lastLink, lastGroupId: 0, lastRerouteId: 0 },
      inputNode: { id: -10, bounding: [left - 240, top, 160, 60] },
      outputNode: { id: -20, bounding: [right + 80, top, 160, 60] },
      inputs, outputs, nodes: [...nodes.values()], links,
    };
  }

  /** @param {any} record  of a node @param {number} slot @param {any} value */
  #giveValue(record, slot, value) {
    const name = record?.inputs[slot]?.widget?.name ?? record?.inputs[slot]?.name;
    const spec = record && this.nodes.get(String(record.id))?.spec;
    if (!spec || !Array.isArray(record.widgets_values)) return;
    const { places } = takeJoined([{ part: "", inputs: spec.inputs, absent: new Set() }], record.widgets_values);
    const place = places.get(` ${name}`);
    if (place !== undefined) record.widgets_values = record.widgets_values.with(place, value);
    if (isRecord(record.widgets_values_named) && name in record.widgets_values_named) record.widgets_values_named = { ...record.widgets_values_named, [name]: value };
  }
}

/** A primitive's own widget, with a control where its values have one. @param {any} record @returns {any} */
function primitiveSpec(record) {
  const isControlled = listIn(record.widgets_values).length > 1;
  const inputs = readInputs({ required: { value: [isControlled ? "INT" : "STRING", { control_after_generate: isControlled }] } });
  return { type: PRIMITIVE, inputs, outputs: [] };
}

/** @param {any} value */
function isPlace(value) {
  return value !== null && value !== "" && typeof value !== "boolean" && Number.isSafeInteger(Number(value)) && Number(value) >= 0;
}

/** @param {any} value @returns {any[]} */
function listIn(value) {
  return Array.isArray(value) ? value : [];
}

/** @param {any} value */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** @param {any} value @returns {string | undefined} */
function textIn(value) {
  return typeof value === "string" ? value : undefined;
}
