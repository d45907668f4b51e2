/** Putting a model file to use: into the fitting widget of a chosen node, or into a new loader. */

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Point } from "../../core/view/links.js" */

/** The loader of each kind, with the input that names the file; the first that is known here. @type {Record<string, [string, string][]>} */
const LOADERS = {
  checkpoints: [["CheckpointLoaderSimple", "ckpt_name"]],
  loras: [["LoraLoader", "lora_name"], ["LoraLoaderModelOnly", "lora_name"]],
  vae: [["VAELoader", "vae_name"]],
  diffusion_models: [["UNETLoader", "unet_name"]],
  unet: [["UNETLoader", "unet_name"]],
  text_encoders: [["CLIPLoader", "clip_name"]],
  clip: [["CLIPLoader", "clip_name"]],
  clip_vision: [["CLIPVisionLoader", "clip_name"]],
  controlnet: [["ControlNetLoader", "control_net_name"]],
  style_models: [["StyleModelLoader", "style_model_name"]],
  upscale_models: [["UpscaleModelLoader", "model_name"]],
  latent_upscale_models: [["LatentUpscaleModelLoader", "model_name"]],
  hypernetworks: [["HypernetworkLoader", "hypernetwork_name"]],
  ipadapter: [["HeddleIPAdapterLoader", "ip_adapter_name"]],
  gligen: [["GLIGENLoader", "gligen_name"]],
  photomaker: [["PhotoMakerLoader", "photomaker_model_name"]],
  diffusers: [["DiffusersLoader", "model_path"]],
  audio_encoders: [["AudioEncoderLoader", "audio_encoder_name"]],
  model_patches: [["ModelPatchLoader", "name"]],
};

/**
 * The widget of a node that a file of this kind fits into: one whose list has it, or that is a loader's.
 * @param {Node} node
 * @param {string} folder
 * @param {string} name
 * @returns {InputSpec | undefined}
 */
function widgetFor(node, folder, name) {
  const choosable = node.widgets.filter((each) => each.widget === "COMBO" && !each.companionOf && !node.isDriven(each.name));
  const own = LOADERS[folder]?.find(([type]) => type === node.type)?.[1];
  return choosable.find((each) => each.name === own) ?? choosable.find((each) => Array.isArray(each.options.options) && each.options.options.includes(name));
}

/**
 * What a file of this kind is loaded by here.
 * @param {Editor} editor
 * @param {string} folder
 * @param {string} name
 * @returns {[string, string] | undefined} type and input
 */
export function loaderFor({ catalogue }, folder, name) {
  const known = LOADERS[folder]?.find(([type, input]) => catalogue.spec(type)?.inputs.some((each) => each.name === input));
  if (known) return known;
  for (const type of catalogue.types) {
    const input = catalogue.spec(type)?.inputs.find((each) => each.widget === "COMBO" && Array.isArray(each.options.options) && each.options.options.includes(name));
    if (input) return [type, input.name];
  }
  return undefined;
}

/** How an embedding is written into a prompt. @param {string} name */
export function embeddingText(name) {
  return `embedding:${name.replace(/\.(safetensors|pt|bin)$/i, "")}`;
}

/**
 * Puts a file to use.
 * @param {Editor} editor
 * @param {string} folder
 * @param {string} name
 * @param {Point} [at]  where it was dropped, graph px; without it the chosen node is asked first
 * @returns {Node | null} the node that has it now; null: nothing here takes it
 */
export function uses(editor, folder, name, at) {
  const { graph, view } = editor;
  const hit = at && view.hit(at.x, at.y);
  const targets = at ? (hit && "node" in hit ? [hit.node] : []) : editor.selection.nodes;
  for (const node of targets) {
    if (folder === "embeddings") {
      const text = node.widgets.find((each) => each.widget === "STRING" && each.options.multiline && !node.isDriven(each.name));
      if (!text) continue;
      const before = String(node.values[text.name] ?? "");
      editor.edit("undo.use-model", () => graph.setValue(node, text.name, [before.trimEnd(), embeddingText(name)].filter(Boolean).join(before.trimEnd().endsWith(",") ? " " : ", ")));
      return node;
    }
    const widget = widgetFor(node, folder, name);
    if (!widget) continue;
    editor.edit("undo.use-model", () => graph.setValue(node, widget.name, name));
    return node;
  }
  const loader = loaderFor(editor, folder, name);
  if (!loader) return null;
  const [type, input] = loader;
  const place = at ? { x: at.x - 20, y: at.y + 15 } : view.toGraph(view.width / 2 - 130, view.height / 2 - 60);
  const isTaken = () => [...graph.nodes.values()].some((node) => Math.abs(node.x - place.x) < 15 && Math.abs(node.y - place.y) < 15);
  while (isTaken()) [place.x, place.y] = [place.x + 30, place.y + 30];
  const made = editor.edit("undo.use-model", () => {
    const added = graph.addNode(type, place, { [input]: name });
    const { width, height } = view.layouts.of(added);
    graph.setNode(added, "width", width);
    graph.setNode(added, "height", height);
    return added;
  });
  editor.selection.set([made]);
  return made;
}
