/** Which of the nodes that answer a search stand first: what most graphs are made of, and what this person takes. */

/** @import { Settings } from "./settings.js" */

/** Types that nearly every graph has. */
const BASIC = new Set([
  "CheckpointLoaderSimple", "CLIPTextEncode", "KSampler", "VAEDecode", "EmptyLatentImage", "SaveImage", "PreviewImage", "LoadImage", "LoraLoader",
]);

/** Types that most have. */
const USUAL = new Set([
  "VAEEncode", "LoraLoaderModelOnly", "UNETLoader", "CLIPLoader", "VAELoader", "ControlNetLoader", "ControlNetApplyAdvanced", "CLIPSetLastLayer",
  "UpscaleModelLoader", "ImageUpscaleWithModel", "ImageScale", "ImageScaleBy", "LatentUpscaleBy",
]);

/** Types that many have. */
const COMMON = new Set([
  "KSamplerAdvanced", "KSamplerSelect", "SamplerCustom", "SamplerCustomAdvanced", "RandomNoise", "BasicScheduler", "BasicGuider", "CFGGuider", "FluxGuidance",
  "DualCLIPLoader", "TripleCLIPLoader", "CLIPVisionLoader", "CLIPVisionEncode", "StyleModelLoader", "ModelSamplingFlux", "ModelSamplingSD3", "ModelSamplingAuraFlow",
  "EmptySD3LatentImage", "LatentUpscale", "RepeatLatentBatch", "SetLatentNoiseMask", "VAEDecodeTiled", "VAEEncodeForInpaint", "InpaintModelConditioning",
  "ConditioningCombine", "ConditioningConcat", "ConditioningZeroOut", "ConditioningSetTimestepRange", "ReferenceLatent",
  "ImageScaleToTotalPixels", "ImagePadForOutpaint", "ImageCompositeMasked", "ImageBatch", "ImageInvert", "GetImageSize", "ImageCompare", "Canny",
  "MaskToImage", "ImageToMask", "GrowMask", "LoadVideo", "CreateVideo", "SaveVideo", "LoadAudio", "SaveAudio", "PreviewAudio",
  "PreviewAny", "PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline", "StringConcatenate", "Reroute", "Note", "MarkdownNote",
]);

/**
 * What a node is worth beside how well its name answers: to be handed to `rank`.
 * @param {Settings} settings
 * @returns {(entry: {id: string, title: string, isDeprecated?: boolean, isExperimental?: boolean}) => number} -200 to 480
 */
export function worth(settings) {
  const recent = new Map(/** @type {string[]} */ (settings.read("palette.recent", [])).map((id, i) => [id, i]));
  /** @type {Set<string>} */
  const favourites = new Set(settings.read("palette.favourites", []));
  return ({ id, title, isDeprecated, isExperimental }) => {
    // Some types say so in their title alone.
    if (isDeprecated || /\(deprecated\)/i.test(title)) return -200;
    const usual = BASIC.has(id) ? 300 : USUAL.has(id) ? 160 : COMMON.has(id) ? 90 : 0;
    const used = recent.get(id);
    return usual + (used === undefined ? 0 : 150 - used * 4) + (favourites.has(id) ? 30 : 0) - (isExperimental ? 10 : 0);
  };
}
