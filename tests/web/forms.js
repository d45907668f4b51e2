/** Saved workflows of every form, small, with the types that they are made of. */

export const RECORDS = {
  Load: { input: { required: { name: [["a", "b"], {}] } }, output: ["MODEL", "CLIP"], output_name: ["MODEL", "CLIP"] },
  Text: { input: { required: { text: ["STRING", { multiline: true }] }, optional: { clip: ["CLIP"] } }, output: ["CONDITIONING"], output_name: ["CONDITIONING"] },
  Sampler: {
    input: { required: { model: ["MODEL"], seed: ["INT", { default: 0, max: 2 ** 64 }], steps: ["INT", { default: 20 }], cfg: ["FLOAT", { default: 8 }] } },
    output: ["LATENT"], output_name: ["LATENT"],
  },
  Forced: { input: { required: { text: ["STRING", { forceInput: true }], count: ["INT", { default: 1 }] } }, output: [] },
  Upload: { input: { required: { image: [["a.png", "b.png"], { image_upload: true }] } }, output: ["IMAGE"], output_name: ["IMAGE"] },
  Dynamic: {
    input: { required: { mode: ["COMFY_DYNAMICCOMBO_V3", { options: [{ key: "small", inputs: {} }, { key: "big", inputs: { required: { size: ["INT", { default: 1 }], name: ["STRING", {}] } } }] }], after: ["INT", { default: 0 }] } },
    output: [],
  },
  Grow: { input: { required: { images: ["COMFY_AUTOGROW_V3", { template: { input: { required: { image: ["IMAGE"] } }, prefix: "image", min: 1, max: 8 } }] } }, output: ["IMAGE"], output_name: ["IMAGE"] },
};

const node = (id, type, more = {}) => ({ id, type, pos: [10, 20], size: [200, 100], flags: {}, order: 3, mode: 0, properties: { "Node name for S&R": type }, ...more });
const load = (id, ...links) => node(id, "Load", { outputs: [{ name: "MODEL", type: "MODEL", links, slot_index: 0 }], widgets_values: ["a"] });
const sampler = (id, link, more = {}) => node(id, "Sampler", { inputs: [{ name: "model", type: "MODEL", link }], outputs: [{ name: "LATENT", type: "LATENT", links: null }], widgets_values: [5, "fixed", 20, 8], ...more });
const workflow = (nodes, links = [], more = {}) => ({ id: "00000000-0000-4000-8000-000000000000", revision: 0, last_node_id: 50, last_link_id: 60, nodes, links, groups: [], config: {}, extra: {}, version: 0.4, ...more });

const UUID = "11111111-1111-4111-8111-111111111111";

/** With a promoted seed and a model that comes in. */
export const SUBGRAPH = {
  id: UUID, version: 1, revision: 0, name: "Paint", description: "kept", config: {}, widgets: [], extra: { own: 1 },
  state: { lastNodeId: 5, lastLinkId: 6, lastGroupId: 0, lastRerouteId: 0 },
  inputNode: { id: -10, bounding: [0, 0, 100, 80], more: 1 },
  outputNode: { id: -20, bounding: [500, 0, 100, 60] },
  inputs: [
    { id: "a", name: "model", type: "MODEL", linkIds: [1], localized_name: "model", pos: [1, 2] },
    { id: "b", name: "seed", type: "INT", linkIds: [2], label: "my seed" },
  ],
  outputs: [{ id: "c", name: "LATENT", type: "LATENT", linkIds: [3] }],
  nodes: [node(5, "Sampler", {
    inputs: [{ name: "model", type: "MODEL", link: 1 }, { name: "seed", type: "INT", link: 2, widget: { name: "seed" } }],
    outputs: [{ name: "LATENT", type: "LATENT", links: [3] }],
    widgets_values: [7, "randomize", 20, 8],
  })],
  groups: [],
  links: [
    { id: 1, origin_id: -10, origin_slot: 0, target_id: 5, target_slot: 0, type: "MODEL" },
    { id: 2, origin_id: -10, origin_slot: 1, target_id: 5, target_slot: 1, type: "INT" },
    { id: 3, origin_id: 5, origin_slot: 0, target_id: -20, target_slot: 0, type: "LATENT", note: "kept" },
  ],
};

const instance = (id, more = {}) => node(id, UUID, {
  inputs: [{ name: "model", type: "MODEL", link: null }, { name: "seed", type: "INT", link: null, widget: { name: "seed" } }],
  outputs: [{ name: "LATENT", type: "LATENT", links: null }], properties: {}, widgets_values: [99], ...more,
});

/** @type {Record<string, {saved: any, damage?: string[]}>} */
export const FORMS = {
  "links as tuples": { saved: workflow([load(1, 4), sampler(2, 4)], [[4, 1, 0, 2, 0, "MODEL"]]) },
  "places as objects, ids as texts": { saved: workflow([{ ...load("1", 4), pos: { 0: 1, 1: 2 }, size: { 0: 100, 1: 80 } }, sampler("2", 4)], [[4, "1", "0", "2", "0", "MODEL"]]) },
  "types of links as numbers and lists": { saved: workflow([load(1, 4, 5), sampler(2, 4), sampler(3, 5)], [[4, 1, 0, 2, 0, 0], [5, 1, 0, 3, 0, ["MODEL", "CLIP"]]]) },
  "a place in a link that is not its socket's": { saved: workflow([load(1, 4), node(2, "Sampler", { inputs: [{ name: "cfg", type: "FLOAT", link: null, widget: { name: "cfg" } }, { name: "model", type: "MODEL", link: 4 }] })], [[4, 1, 0, 2, 0, "MODEL"]]) },
  "a socket that does not name its link": { saved: workflow([load(1), sampler(2, null)], [[4, 1, 0, 2, 0, "MODEL"]]) },
  "unknown keys everywhere": { saved: workflow([{ ...sampler(2, null), own: { a: 1 }, inputs: [{ name: "model", type: "MODEL", link: null, dir: 3, odd: [1] }] }], [], { odd: 1, extra: { ue_links: [1], ds: { scale: 1, offset: [0, 0] } }, config: { links_ontop: true }, models: [{ name: "m" }], groups: [{ id: 1, title: "g", bounding: [0, 0, 10, 10], color: "#fff", font_size: 24, flags: { pinned: true }, locked: true, odd: 2 }] }) },
  "little more than nodes": { saved: { nodes: [{ id: 1, type: "Text" }], version: 0.4 } },
  "old group nodes": { saved: workflow([node(1, "workflow>Mine", { widgets_values: [1, "a"] }), node(2, "workflow/Mine")], [], { extra: { groupNodes: { Mine: { nodes: [], links: [], external: [], config: {} } } } }) },
  "native reroutes": {
    saved: workflow([load(1, 4, 5), sampler(2, 4), sampler(3, 5)], [[4, 1, 0, 2, 0, "MODEL"], [5, 1, 0, 3, 0, "MODEL"]], {
      extra: { reroutes: [{ id: 1, pos: [5, 5], linkIds: [4, 5] }, { id: 2, parentId: 1, pos: [9, 9], linkIds: [5], floating: { slotType: "output" } }], linkExtensions: [{ id: 4, parentId: 1 }, { id: 5, parentId: 2 }, { id: 77, parentId: 1 }] },
      floatingLinks: [{ id: 9, origin_id: 1, origin_slot: 0, target_id: -1, target_slot: -1, type: "MODEL", parentId: 2 }],
    }),
  },
  "links that lead nowhere": { saved: workflow([load(1, 4, 6), sampler(2, 9), null, { id: 7 }], [[4, 1, 0, 88, 0, "MODEL"], [6, 99, 0, 2, 0, "MODEL"], null]), damage: ["damage.node", "damage.node", "damage.link", "damage.link"] },
  "a socket that is none and has a link, a link that is a long number, a group whose title is one": {
    saved: workflow([load(1, 4), node(2, "Sampler", { inputs: [5] })], [[4, 1, 0, 2, 0, "MODEL"], 18446744073709551615n], { groups: [{ id: 1, title: 5, bounding: [0, 0, 10, 10] }] }), damage: ["damage.link"],
  },
  "a link twice": { saved: workflow([load(1, 4), sampler(2, 4)], [[4, 1, 0, 2, 0, "MODEL"], [4, 1, 0, 2, 0, "MODEL"]]) },
  "values as an object, by name, and longer than they should be": { saved: workflow([sampler(1, null, { widgets_values: { seed: 1, preview: {} } }), sampler(2, null, { widgets_values_named: { seed: 5, control_after_generate: "fixed", steps: 20, cfg: 8 } }), sampler(3, null, { widgets_values: [5, "fixed", 20, 8, "more", { a: 1 }] })]) },
  "placeholders of unknown types": { saved: workflow([node(1, "Nobody knows this", { inputs: [{ name: "x", type: "ODD", link: null }], widgets_values: [1, { a: [2] }], title: "<b>T</b>", color: "#111", bgcolor: "#222", shape: 2, showAdvanced: true })]) },
  "editor's own nodes": {
    saved: workflow([
      node(1, "PrimitiveNode", { outputs: [{ name: "INT", type: "INT", links: [4], widget: { name: "seed" } }], widgets_values: [5, "increment"], properties: { "Run widget replace on values": false } }),
      node(2, "Sampler", { inputs: [{ name: "seed", type: "INT", link: 4, widget: { name: "seed" } }], widgets_values: [5, "fixed", 20, 8] }),
      node(3, "Reroute", { inputs: [{ name: "", type: "*", link: null }], outputs: [{ name: "", type: "*", links: [] }], properties: { showOutputText: false, horizontal: false } }),
      node(4, "Note", { widgets_values: ["<script>"] }), node(5, "MarkdownNote", { widgets_values: ["# a"] }),
    ], [[4, 1, 0, 2, 0, "INT"]]),
  },
  "dynamic inputs": { saved: workflow([load(9), node(1, "Dynamic", { widgets_values: ["big", 7, "x", 3] }), node(2, "Grow", { inputs: [{ name: "images.image0", type: "IMAGE", link: 4 }, { name: "images.image1", type: "IMAGE", link: null }] }), node(3, "Upload", { outputs: [{ name: "IMAGE", type: "IMAGE", links: [4] }], widgets_values: ["a.png", "image"] })], [[4, 3, 0, 2, 0, "IMAGE"]]) },
  "a subgraph twice": { saved: workflow([instance(1), instance(2, { widgets_values: [5] }), instance(3, { widgets_values: [], inputs: [] })], [], { definitions: { subgraphs: [SUBGRAPH], odd: 1 } }) },
  "definitions within definitions, and one that nobody uses": {
    saved: workflow([node(1, "outer")], [], {
      definitions: {
        subgraphs: [
          { ...SUBGRAPH, id: "outer", inputs: [], outputs: [], links: [], nodes: [instance(6)], definitions: { subgraphs: [SUBGRAPH] } },
          { ...SUBGRAPH, id: "unused", name: "Unused" },
        ],
      },
    }),
  },
  "an older instance that lists widgets inside": { saved: workflow([instance(1, { inputs: [], widgets_values: [99, 12], properties: { proxyWidgets: [["-1", "seed"], ["5", "steps"], ["5", "$$preview"]] } })], [], { definitions: { subgraphs: [SUBGRAPH] } }) },
  "a damaged definition": { saved: workflow([node(1, UUID)], [], { definitions: { subgraphs: [null, { id: UUID }, 5] } }), damage: ["damage.definition", "damage.definition", "damage.definition"] },
};

const model = (link = null) => ({ name: "model", type: "MODEL", link });
const widget = (name, link = null) => ({ name, type: "INT", link, widget: { name } });
const latent = (...links) => [{ name: "LATENT", type: "LATENT", links }];
const loadPart = { index: 0, type: "Load", outputs: [{ name: "MODEL", type: "MODEL", links: [] }, { name: "CLIP", type: "CLIP", links: [] }], widgets_values: ["a"] };
const samplerPart = (index, more = {}) => ({ index, type: "Sampler", pos: [300 * index, 0], size: [200, 100], inputs: [model(1)], outputs: latent(), widgets_values: [index, "fixed", 20 + index, 8], ...more });
const GROUPED = {
  nodes: [loadPart, samplerPart(1), samplerPart(2, { title: "Second" })],
  links: [[0, 0, 1, 0, 11, "MODEL"], [0, 0, 2, 0, 11, "MODEL"]], external: [], config: {},
};
const shownPart = (id, link, name = "latent") => node(id, "Show", { inputs: [{ name, type: "LATENT", link }] });
const grouped = (groupNodes, nodes, links = []) => workflow([...nodes, node(90, "Show")], links, { extra: { groupNodes, own: 1 } });

/** Types for `GROUP_NODES`. */
export const GROUP_RECORDS = { ...RECORDS, Show: { input: { required: { latent: ["LATENT"] } }, output: [], output_node: true } };

/** Workflows with older group nodes. */
export const GROUP_NODES = {
  "values joined in one list": grouped({ Both: GROUPED }, [node(8, "workflow>Both", { widgets_values: ["b", 70, "randomize", 7, 1.5, 80, "fixed", 8, 2.5], outputs: [{ name: "CLIP", type: "CLIP", links: null }, ...latent(4), { name: "Second LATENT", type: "LATENT", links: [5] }] }), shownPart(2, 4), shownPart(3, 5)], [[4, 8, 1, 2, 0, "LATENT"], [5, 8, 2, 3, 0, "LATENT"]]),
  "the older type, two of them, with fewer values": grouped({ Both: GROUPED }, [node(8, "workflow/Both", { widgets_values: ["b", 70] }), node(9, "workflow>Both", { mode: 2 }), node(10, "workflow>Both", { widgets_values_named: { name: "b", steps: 3, "Second steps": 4 } })]),
  "a widget driven from outside": grouped({ Both: GROUPED }, [node(1, "Forced", { outputs: [] }), node(7, "PrimitiveNode", { outputs: [{ name: "INT", type: "INT", links: [4], widget: { name: "steps" } }], widgets_values: [5, "fixed"] }), node(8, "workflow>Both", { inputs: [widget("Second steps", 4)], widgets_values: ["a", 1, "fixed", 2, 3] })], [[4, 7, 0, 8, 0, "INT"]]),
  "names and sockets of the person's choice": grouped({ Both: { ...GROUPED, links: [[0, 0, 1, 0, 11, "MODEL"]], config: { 0: { output: { 0: { visible: true, name: "own" } } }, 1: { input: { steps: { name: "count" }, cfg: { visible: false } } }, 2: { input: { model: { name: "other" } } } } } }, [load(1, 4), node(8, "workflow>Both", { inputs: [{ name: "strange", type: "MODEL", link: 4 }], widgets_values: ["b", 70, "fixed", 7, 80, "fixed", 8, 2.5] })], [[4, 1, 0, 8, 0, "MODEL"]]),
  "a hidden widget with a value of its own": grouped({ Both: { ...GROUPED, config: { 1: { input: { cfg: { visible: false } } } } } }, [node(8, "workflow>Both", { widgets_values: ["b", 70, "fixed", 7, 3.25, 80, "fixed", 8, 2.5] }), node(9, "workflow>Both", { widgets_values: ["b", 71, "fixed", 7, 80, "fixed", 8, 2.5] })]),
  "a widget that was made a socket": grouped({ Both: { ...GROUPED, nodes: [loadPart, samplerPart(1, { inputs: [model(1), widget("steps")] })], links: [[0, 0, 1, 0, 11, "MODEL"]] } }, [node(8, "workflow>Both", { widgets_values: ["b", 70, "fixed", 2.5] })]),
  "a primitive inside": grouped({ P: { nodes: [{ index: 0, type: "PrimitiveNode", outputs: [{ name: "INT", type: "INT", links: [], widget: { name: "steps" } }], widgets_values: [4, "fixed"] }, samplerPart(1, { inputs: [model(), widget("steps")] }), samplerPart(2, { inputs: [model(), widget("steps")] })], links: [[0, 0, 1, 1, 3, "INT"], [0, 0, 2, 1, 3, "INT"]] } }, [load(1, 4), node(8, "workflow>P", { inputs: [model(4)], widgets_values: [44, "fixed", 70, "fixed", 5, 80, "fixed", 6] })], [[4, 1, 0, 8, 0, "MODEL"]]),
  "a hidden primitive inside": grouped({ P: { config: { 0: { input: { value: { visible: false } } } }, nodes: [{ index: 0, type: "PrimitiveNode", outputs: [{ name: "INT", type: "INT", links: [], widget: { name: "steps" } }], widgets_values: [4, "fixed"] }, samplerPart(1, { inputs: [model(), widget("steps")] })], links: [[0, 0, 1, 1, 3, "INT"]] } }, [node(8, "workflow>P", { widgets_values: [70, "fixed", 5] })]),
  "a reroute inside": grouped({ R: { nodes: [{ index: 0, type: "Reroute", inputs: [{ name: "", type: "*", link: null }], outputs: [{ name: "", type: "*", links: [] }] }, samplerPart(1)], links: [[0, 0, 1, 0, 3, "MODEL"]] } }, [load(1, 4), node(8, "workflow>R", { inputs: [{ name: "MODEL", type: "MODEL", link: 4 }], widgets_values: [70, "fixed", 5, 6] })], [[4, 1, 0, 8, 0, "MODEL"]]),
  "a group node in a group node": grouped({ Both: GROUPED, Outer: { nodes: [{ index: 0, type: "workflow>Both", widgets_values: ["b", 7], inputs: [], outputs: [{ name: "CLIP", type: "CLIP", links: [] }, ...latent(), { name: "Second LATENT", type: "LATENT", links: [] }] }, samplerPart(1)], links: [], external: [] } }, [node(8, "workflow>Outer", { widgets_values: [70, "fixed", 5, 6] })]),
  "one without a description": grouped({ Both: GROUPED }, [node(8, "workflow>Lost", { widgets_values: [1] }), node(9, "workflow>Both")]),
};

/** A type whose choices a script of the page adds. */
export const CUSTOM_COMBO_RECORDS = { CustomCombo: { input: { required: { choice: ["COMBO", { multiselect: false, options: [] }] } }, output: ["STRING", "INT"], output_name: ["STRING", "INDEX"] } };
