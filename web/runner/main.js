/** The first page: choose a workflow, say what to show, run it, see the picture. */

import { findControls, nameOf, randomSeed, read, withValues } from "./graph.js";
import { noteOf, savedWithValues } from "./saved.js";
import { addressOf, ask, listen, Refusal, send, upload } from "./server.js";
import {
  bringIntoView, element, invite, sayState, sayTrouble, showCaption, showPictures, showPreview, showProgress,
} from "./view.js";

/** @import { Controls, Place } from "./graph.js" */
/** @import { Graph, Message, Picture } from "./server.js" */

/**
 * @typedef {{graph: Graph, pictures: Picture[], startedAt: number}} Job
 */

const desk = element("desk", HTMLFormElement);
const choice = element("workflow", HTMLSelectElement);
const positive = element("positive", HTMLTextAreaElement);
const negative = element("negative", HTMLTextAreaElement);
const seed = element("seed", HTMLInputElement);
const steps = element("steps", HTMLInputElement);
const reroll = element("reroll", HTMLInputElement);
const source = element("source", HTMLInputElement);
const sourceField = element("source-field", HTMLDivElement);
const sourcePicture = element("source-picture", HTMLImageElement);
const run = element("run", HTMLButtonElement);
const stop = element("stop", HTMLButtonElement);
const past = element("past", HTMLElement);
const strip = element("strip", HTMLOListElement);

const EARLIER = 12; // pictures in the strip
const FIRST_CHOICE = "text_to_image";

/** The workflow on the desk. `graph` is null until the server has read it. */
const work = {
  /** @type {any} */ saved: null,
  /** @type {Graph | null} */ graph: null,
  /** @type {Controls} */ controls: {},
  /** @type {Record<string, any>} */ definitions: {},
};
/** @type {Map<string, Job>} */
const jobs = new Map();
let waiting = 0;
let isReady = false;
let usedSeed = "";
/** @type {string | null} */
let runningJob = null;
/** What was said is taken in one by one: looking up a job of an earlier visit must not let later words overtake. */
let told = Promise.resolve();

const clientId = listen({
  message: (message) => {
    told = told.then(() => attempt(() => hear(message)));
  },
  preview: (picture, about) => {
    if (jobs.has(about.prompt_id)) showPreview(picture);
  },
  open: () => void watchWorkers(),
  lost: () => {
    isReady = false;
    sayState("The server is away; trying again", "lost");
  },
});

desk.addEventListener("submit", (event) => {
  event.preventDefault();
  void queue();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !run.disabled) {
    event.preventDefault();
    desk.requestSubmit();
  }
});
stop.addEventListener("click", () => void attempt(() => send("/interrupt", { prompt_id: runningJob })));
choice.addEventListener("change", () => void attempt(() => open(choice.value)));
source.addEventListener("change", () => void attempt(bringPicture));
sourcePicture.addEventListener("error", () => {
  sourcePicture.hidden = true; // the workflow's own picture is not here; the person brings one
});
void attempt(begin);

async function begin() {
  const found = await ask("/heddle/workflows");
  choice.replaceChildren(...found.map((/** @type {any} */ each) => new Option(each.title, each.name)));
  if (!found.length) {
    invite("There is no workflow yet. Put one into the folder user/default/workflows and load this page again.");
    return;
  }
  const names = found.map((/** @type {any} */ each) => each.name);
  choice.value = names.includes(FIRST_CHOICE) ? FIRST_CHOICE : names[0];
  choice.disabled = false;
  await Promise.all([open(choice.value), refreshPast()]);
}

/** @param {string} name */
async function open(name) {
  run.disabled = true;
  const saved = await ask(`/heddle/workflows/${name.split("/").map(encodeURIComponent).join("/")}`);
  const graph = await send("/heddle/convert", saved);
  if (choice.value !== name) return; // another one was chosen in the meantime
  work.saved = saved;
  take(graph);
  invite(noteOf(saved) || "Say what to show, then run it. The picture appears here.");
  const classes = new Set(Object.values(work.controls).map((place) => graph[place?.node]?.class_type));
  const records = await Promise.all([...classes].filter(Boolean).map((each) => ask(`/object_info/${each}`)));
  work.definitions = Object.assign({}, ...records);
}

/**
 * Puts a graph on the desk: each field shows what the graph holds, or is closed where it has no such thing.
 * @param {Graph} graph
 */
function take(graph) {
  work.graph = graph;
  work.controls = findControls(graph);
  const { controls } = work;
  /** @type {[HTMLInputElement | HTMLTextAreaElement, Place | undefined][]} */
  const fields = [
    [positive, controls.positive],
    [negative, controls.negative],
    [seed, controls.seed],
    [steps, controls.steps],
  ];
  for (const [field, place] of fields) {
    field.disabled = !place;
    field.value = String(read(graph, place) ?? "");
  }
  reroll.disabled = !controls.seed;
  sourceField.hidden = !controls.source;
  if (controls.source) showSource(String(read(graph, controls.source)));
  usedSeed = "";
  run.disabled = false;
}

async function queue() {
  if (!work.graph) return;
  sayTrouble(null);
  const { controls } = work;
  if (controls.seed) {
    if (reroll.checked && seed.value.trim() === usedSeed) seed.value = String(randomSeed());
    if (!/^\d+$/.test(seed.value.trim()) || !Number.isSafeInteger(Number(seed.value))) {
      sayTrouble(`Seed: a whole number from 0 to ${Number.MAX_SAFE_INTEGER} is wanted.`);
      seed.focus();
      return;
    }
    usedSeed = seed.value.trim();
  }
  /** @type {[Place | undefined, any][]} */
  const changes = [
    [controls.positive, positive.value],
    [controls.negative, negative.value],
    [controls.seed, Number(seed.value)],
    [controls.steps, Number(steps.value)],
  ];
  if (controls.source) changes.push([controls.source, read(work.graph, controls.source)]);
  const graph = withValues(work.graph, changes);
  // Our own id, so that the first messages, which may overtake the answer, already mean something.
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  jobs.set(id, { graph, pictures: [], startedAt: 0 });
  await attempt(async () => {
    try {
      const workflow = savedWithValues(work.saved, work.definitions, changes);
      const body = { prompt: graph, prompt_id: id, client_id: clientId, extra_data: { extra_pnginfo: { workflow } } };
      const answer = await send("/prompt", body);
      const left = Object.values(answer.node_errors ?? {}).length;
      if (left) sayTrouble("Some outputs cannot run; the others do.");
    } catch (error) {
      jobs.delete(id);
      throw error;
    }
  });
}

/** @param {Message} message */
async function hear({ type, data }) {
  if (type === "status") {
    waiting = data.status.exec_info.queue_remaining;
    describe();
    return;
  }
  if (type === "notification") {
    sayTrouble(data.value);
    return;
  }
  const id = data?.prompt_id;
  if (!id) return;
  const job = jobs.get(id) ?? (await rememberJob(id));
  if (!job) return;
  switch (type) {
    case "execution_start":
      job.startedAt = data.timestamp;
      runningJob = id;
      sayTrouble(null);
      describe();
      bringIntoView();
      break;
    case "executing":
      if (data.node === null) {
        if (runningJob === id) runningJob = null;
        showProgress(null);
        describe();
      } else {
        runningJob = id;
        describe(nameOf(job.graph, data.node));
      }
      break;
    case "progress":
      showProgress(data.value, data.max);
      describe(`${nameOf(job.graph, data.node)}, step ${data.value} of ${data.max}`);
      break;
    case "executed":
      if (data.output?.images) {
        job.pictures.push(...data.output.images);
        showPictures(job.pictures, textOf(job.graph));
      }
      break;
    case "execution_success":
      showJob(job, job.startedAt ? data.timestamp - job.startedAt : null);
      void attempt(refreshPast);
      break;
    case "execution_interrupted":
      showCaption("Stopped before it was finished", []);
      break;
    case "execution_error": {
      const words = String(data.exception_message);
      const isPlaced = data.node_id === null || words.startsWith(`node ${data.node_id} `);
      sayTrouble(isPlaced ? words : `${nameOf(job.graph, data.node_id)}: ${words}`);
      break;
    }
  }
}

/**
 * A job of this window that was queued before the page was loaded again.
 * @param {string} id
 * @returns {Promise<Job | undefined>}
 */
async function rememberJob(id) {
  try {
    const { prompt, execution_start_time } = await ask(`/heddle/jobs/${encodeURIComponent(id)}`);
    const job = jobs.get(id) ?? { graph: prompt, pictures: [], startedAt: execution_start_time ?? 0 };
    jobs.set(id, job);
    return job;
  } catch {
    return undefined;
  }
}

/**
 * @param {Job} job
 * @param {number | null} tookMs
 */
function showJob(job, tookMs) {
  if (job.pictures.length) showPictures(job.pictures, textOf(job.graph));
  const time = tookMs === null ? [] : [`${(tookMs / 1000).toFixed(1)} s`];
  showCaption(textOf(job.graph), [...factsOf(job.graph), ...time]);
}

/** @param {Graph} graph */
function factsOf(graph) {
  const { seed, steps } = findControls(graph);
  return [...(seed ? [`seed ${read(graph, seed)}`] : []), ...(steps ? [`${read(graph, steps)} steps`] : [])];
}

async function refreshPast() {
  const history = (await ask(`/history?max_items=${EARLIER}`)) ?? {};
  /** @type {HTMLLIElement[]} */
  const items = [];
  for (const { prompt, outputs } of Object.values(history).reverse()) {
    const graph = /** @type {Graph} */ (prompt[2]);
    const pictures = /** @type {Picture[]} */ (
      Object.values(outputs).flatMap((/** @type {any} */ output) => output.images ?? [])
    );
    const [first] = pictures;
    if (!first) continue;
    const button = document.createElement("button");
    button.type = "button";
    const image = document.createElement("img");
    image.src = addressOf(first, "webp;80");
    image.alt = textOf(graph) || first.filename;
    image.loading = "lazy";
    image.onerror = () => button.closest("li")?.remove(); // the file was deleted since
    button.append(image);
    button.title = textOf(graph);
    button.onclick = () => lookBack(graph, pictures);
    const item = document.createElement("li");
    item.append(button);
    items.push(item);
  }
  strip.replaceChildren(...items);
  past.hidden = items.length === 0;
}

/**
 * @param {Graph} graph
 * @param {Picture[]} pictures
 */
function lookBack(graph, pictures) {
  showJob({ graph, pictures, startedAt: 0 }, null);
  const there = findControls(graph);
  showCaption(textOf(graph), factsOf(graph), {
    label: "Use these words and this seed",
    act: () => {
      if (work.controls.positive) positive.value = textOf(graph);
      if (work.controls.negative) negative.value = String(read(graph, there.negative) ?? "");
      if (work.controls.seed && there.seed) seed.value = String(read(graph, there.seed));
      if (work.controls.steps && there.steps) steps.value = String(read(graph, there.steps));
      usedSeed = "";
      positive.focus();
    },
  });
}

async function bringPicture() {
  const [file] = source.files ?? [];
  if (!file || !work.graph || !work.controls.source) return;
  const name = await upload(file);
  work.graph = withValues(work.graph, [[work.controls.source, name]]);
  showSource(name);
}

/** @param {string} name */
function showSource(name) {
  sourcePicture.src = addressOf({ filename: name, subfolder: "", type: "input" }, "webp;80");
  sourcePicture.alt = name;
  sourcePicture.hidden = false;
}

/** Asks after the workers until one is ready, so that a person knows what the wait is for. */
async function watchWorkers() {
  try {
    const { workers, queue_remaining } = await ask("/heddle/status");
    waiting = queue_remaining;
    isReady = workers.some((/** @type {any} */ each) => each.state === "ready" || each.state === "busy");
    const note = workers.map((/** @type {any} */ each) => each.note).find(Boolean);
    if (isReady) {
      describe();
      return;
    }
    sayState(note ? `The worker had to start again: ${note}` : "The worker is loading; jobs wait for it", "waiting");
  } catch {
    return; // the websocket comes back and asks again
  }
  setTimeout(() => void watchWorkers(), 700);
}

/** @param {string} [doing] */
function describe(doing) {
  stop.hidden = runningJob === null;
  const line = waiting > 1 ? `, ${waiting - 1} waiting` : "";
  if (runningJob !== null) sayState((doing ?? "Running") + line, "busy");
  else if (waiting > 0) sayState(isReady ? `Busy${line}` : "The worker is loading; jobs wait for it", "waiting");
  else if (isReady) sayState("Ready", "ready");
}

/** @param {Graph} graph */
function textOf(graph) {
  return String(read(graph, findControls(graph).positive) ?? "");
}

/** @param {() => Promise<any>} work */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    sayTrouble(error.message);
  }
}
