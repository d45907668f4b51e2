/** In which order a search lists what it finds. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { worth } from "../../web/core/everyday.js";
import { rank, score, searchable, wordsOf } from "../../web/core/rank.js";

const things = (...names) => names.map((name) => searchable([name], [], ""));
const found = (names, query) => {
  const all = things(...names);
  return rank(all, query, (each) => each).map((each) => names[all.indexOf(each)]);
};

test("a whole name comes before a beginning, that before a word, that before letters inside a word", () => {
  assert.deepEqual(found(["Resample", "Custom Sample", "Sampler Select", "Sample", "Unrelated"], "sample"), ["Sample", "Sampler Select", "Custom Sample", "Resample"]);
});

test("letters in order are found last, first letters of words before them", () => {
  assert.deepEqual(found(["Clip Ensemble", "CLIP Text Encode", "Icetea"], "cte"), ["CLIP Text Encode", "Icetea"]);
  assert.deepEqual(found(["VAE Decode", "Vada"], "vad"), ["Vada", "VAE Decode"]);
  assert.equal(score(things("Save Image")[0], "zz"), 0);
});

test("words inside of names have beginnings", () => {
  assert.deepEqual(wordsOf("KSamplerAdvanced (v2) 图像"), ["K", "Sampler", "Advanced", "v", "2", "图像"]);
  assert.deepEqual(found(["Xsampler", "KSampler"], "sampler"), ["KSampler", "Xsampler"]);
});

test("every word that is typed counts, in any order", () => {
  assert.deepEqual(found(["Load Checkpoint", "Load Image", "Save Checkpoint"], "check load"), ["Load Checkpoint"]);
});

test("aliases and categories are found, after names", () => {
  const all = [searchable(["Blur"], [], "image/filter"), searchable(["Soften"], ["blur"], "x"), searchable(["Filter"], [], "x")];
  assert.deepEqual(rank(all, "blur", (each) => each), [all[0], all[1]]);
  assert.deepEqual(rank(all, "filter", (each) => each), [all[2], all[0]]);
});

test("what was used lately comes before what is as good, not before what is far better", () => {
  const all = things("Image Blur", "Image Crop", "Crop");
  const bonus = (each) => (each === all[1] ? 60 : 0);
  assert.deepEqual(rank(all.slice(0, 2), "image", (each) => each, bonus), [all[1], all[0]]);
  assert.deepEqual(rank(all, "crop", (each) => each, bonus)[0], all[2]);
});

test("among names that answer equally well those stand first that graphs are made of, then what a person takes; old ones last", () => {
  const kept = { "palette.recent": [], "palette.favourites": [] };
  const settings = { read: (id) => kept[id] };
  const entries = [
    ["LoraSave", "Extract and Save Lora"], ["LoraLoader", "Load LoRA (Model and CLIP)"], ["ControlNetApply", "Apply ControlNet (DEPRECATED)"],
    ["ControlNetApplyAdvanced", "Apply ControlNet"], ["SamplerLCM", "SamplerLCM"], ["KSampler", "KSampler"], ["ModelMergeKrea2", "ModelMergeKrea2"],
  ].map(([id, title]) => ({ id, title }));
  const first = (query) => rank(entries, query, ({ id, title }) => searchable([title, id], [], ""), worth(settings))[0].id;
  assert.equal(first("lora"), "LoraLoader");
  assert.equal(first("controlnet"), "ControlNetApplyAdvanced");
  assert.equal(first("sampler"), "KSampler");
  assert.equal(first("samplerlcm"), "SamplerLCM", "a whole name is what was meant");
  kept["palette.recent"] = ["SamplerLCM", "KSampler", "LoraSave"];
  assert.equal(first("lora"), "LoraLoader");
  kept["palette.recent"] = ["SamplerLCM"];
  assert.equal(first("sampler"), "SamplerLCM");
  assert.equal(first("krea"), "ModelMergeKrea2", "letters in order are no answer where a name holds the word");
});
