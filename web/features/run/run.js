/**
 * Running the workflow that is open. Other features and packs find `editor.services.run`; what happens is told as
 * "run:job", "run:progress", "run:refused", "run:blocked", "run:failed" and "run:trouble".
 */

import { Draws } from "../../core/controls.js";
import { addStyle } from "../../core/dom.js";
import { newId } from "../../core/ids.js";
import { writeExactly } from "../../core/json.js";
import { writeWorkflow } from "../../core/write.js";
import { RunBar } from "./bar.js";
import { BLOCKED, Job, Jobs, readFailure } from "./jobs.js";
import { Pace } from "./pace.js";
import { nodesBehind, targetsOf } from "./reach.js";
import { Sending } from "./sending.js";
import { readOutput, Showing } from "./showing.js";

/** @import { Run } from "../../core/controls.js" */
/** @import { Document } from "../../core/document.js" */
/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Entry } from "../../core/journal.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Waits } from "./waits.js" */

/**
 * What is about to be queued. A hook may change `workflow`, which is the saved form, and what it returns false for, or
 * throws for, is not queued.
 * @typedef {{document: Document, workflow: any, targets: string[] | null, front: boolean, extraData: Record<string, any>,
 *   valuesOf: (node: Node) => Record<string, any>}} Wish  `valuesOf`: what a node is run with: a seed may be on already
 * @typedef {(wish: Wish) => void | boolean | Promise<void | boolean>} BeforeHook
 * @typedef {(asked: {document: Document, targets: string[] | null}) => void | boolean | Promise<void | boolean>} PrepareHook
 * @typedef {(job: Job) => void} AfterHook
 * @typedef {"yes" | "no" | "without" | "cancel"} Answer  `without`: the person does not wait for the hook; `cancel`: nor for the run
 * @typedef {"once" | "change" | "always"} RunMode  `change`: whenever the workflow changes; `always`: again and again
 * @typedef {{job: Job, answer: any, isPartial: boolean}} Refused  `isPartial`: what is not refused runs
 */

const MOST_AT_ONCE = 1000;
const PACE = "heddle.pace"; // where the browser keeps how long types of nodes take
const FAR_OFF = 5; // percent: an estimate that was so wrong is taken back
const KEPT_IDS = 5; // jobs of a document that are looked up after a reload
const CHANGE_PAUSE_MS = 400; // after a change, before it is run
const HOOK_PATIENCE_MS = 4000; // until the person is told who is being waited for
const LOOKS = new Set(["x", "y", "width", "height", "flags", "title", "color", "bgcolor", "rank", "label", "parentId", "lastNodeId", "lastLinkId", "lastRerouteId", "unfolded"]);

/** @type {Feature} */
export const run = {
  name: "run",
  async install(editor) {
    const service = new RunService(editor);
    const removeStyle = await addStyle("./run.css", import.meta.url);
    const bar = new RunBar(editor, service);
    const { server } = editor;
    server.declare("supports_progress_text_metadata");
    server.declare("heddle_notes");
    const cleanups = [
      editor.offer("run", service),
      editor.settings.declare([
        { id: "run.seeds", title: "run.seeds", section: "run.section", kind: "choice", fallback: "after", options: [{ value: "after", title: "run.seeds.after" }, { value: "before", title: "run.seeds.before" }] },
      ]),
      editor.commands.addAll([
        { id: "run.queue", title: "command.run", keys: ["ctrl+enter"], inText: true, run: (count) => service.queue({ count }) },
        { id: "run.front", title: "command.run-front", keys: ["ctrl+shift+enter"], inText: true, run: () => service.queue({ front: true }) },
        { id: "run.selection", title: "command.run-selection", keys: ["alt+shift+enter"], when: () => editor.selection.nodes.length > 0, run: (/** @type {Node | undefined} */ node) => service.queueSelection(node ? [node] : editor.selection.nodes) },
        { id: "run.on-change", title: "command.run-on-change", run: () => service.setMode(service.mode === "change" ? "once" : "change") },
        { id: "run.continuously", title: "command.run-continuously", run: () => service.setMode(service.mode === "always" ? "once" : "always") },
        { id: "run.interrupt", title: "command.interrupt", keys: ["ctrl+alt+enter"], inText: true, when: () => service.jobs.active.length > 0, run: () => service.interrupt() },
        { id: "run.clear", title: "command.clear-queue", run: () => service.clearQueue() },
      ]),
      editor.addMenu(30, ({ hit }) => ("node" in hit && editor.selection.nodes.length ? [editor.menuItem("run.selection")] : hit.kind === "empty" ? [editor.menuItem("run.queue")] : [])),
      server.events.on("message", ({ type, data }) => service.hear(type, data)),
      server.events.on("preview", ({ picture, about }) => service.hearPreview(picture, about)),
      server.events.on("binary", ({ kind, data }) => service.hearBinary(kind, data)),
      server.events.on("state", (state) => void (state === "open" && service.catchUp())),
    ];
    cleanups.push(server.listen(clientIdOf(sessionStorage)));
    return () => {
      cleanups.forEach((each) => each());
      service.dispose();
      bar.dispose();
      removeStyle();
    };
  },
};

/**
 * The same after a reload, so that the server tells what was missed meanwhile.
 * @param {Storage} storage  of this tab
 */
function clientIdOf(storage) {
  const known = storage.getItem("heddle.client");
  // A tab that was duplicated brings its session along: two that hear each other's jobs would mix them up.
  const isReload = performance.getEntriesByType("navigation").some((each) => /** @type {PerformanceNavigationTiming} */ (each).type !== "navigate");
  if (known && isReload) return known;
  const made = newId();
  storage.setItem("heddle.client", made);
  return made;
}

/** `editor.services.run` */
export class RunService {
  /** Before the workflow is written: what runs is what nodes hold then. What one returns false for is not queued. @type {Hooks<PrepareHook>} */
  prepare = new Hooks();
  /** Before a job is written down for the server. @type {Hooks<BeforeHook>} */
  before = new Hooks();
  /** When the server has it. @type {Hooks<AfterHook>} */
  after = new Hooks();
  jobs = new Jobs();
  pace = new Pace(localStorage.getItem(PACE));
  /** @type {RunMode} */
  mode = "once";
  /** How often the button queues. */
  count = 1;
  #editor;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #changeTimer;
  #isStale = false; // it changed while a job of it was under way
  #asking = 0; // calls of `queue` that are not through
  /** @type {Promise<Waits> | undefined} */
  #waits;
  /** @type {WeakMap<Document, Draws>} */
  #draws = new WeakMap();
  /** @type {WeakMap<Document, string>} */
  #workflowIds = new WeakMap();
  /** @type {WeakMap<Job, {percent: number, secondsLeft: number | null}>} while the line is broken nobody knows more */
  #estimates = new WeakMap();
  /** @type {(() => void)[]} */
  #cleanups;
  /** @type {() => void} */
  #unfollow = () => {};

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.sending = new Sending(editor.server);
    this.sending.onTrouble = (trouble) => editor.events.emit("run:trouble", trouble);
    this.showing = new Showing(editor, this.jobs);
    this.#cleanups = [
      this.sending.stop,
      ...this.showing.cleanups,
      this.jobs.events.on("state", (job) => this.#stateChanged(job)),
      this.jobs.events.on("blocked", (told) => editor.events.emit("run:blocked", told)),
      this.jobs.events.on("progress", (job) => editor.events.emit("run:progress", job)),
      editor.events.on("document", (document) => this.#follow(document)),
      editor.events.on("workflow:restored", (document) => void this.recall(document)),
    ];
    this.#follow(editor.document);
  }

  dispose() {
    clearTimeout(this.#changeTimer);
    this.#unfollow();
    void this.#waits?.then((waits) => waits.dispose());
    this.#cleanups.forEach((each) => each());
  }

  /**
   * Puts the open workflow into the queue.
   * @param {{count?: number, front?: boolean, targets?: string[] | null, document?: Document, extraData?: Record<string, any>}} [how]
   *   `targets`: ids of outputs, all if not given
   * @returns {Promise<Job[]>} those that were written down for the server
   */
  async queue({ count = this.count, front = false, targets = null, document = this.#editor.document, extraData = {} } = {}) {
    const when = this.#editor.settings.read("run.seeds") === "before" ? "before" : "after";
    const draws = this.#draws.get(document) ?? new Draws(document);
    this.#draws.set(document, draws);
    /** @type {Job[]} */
    const queued = [];
    /** @type {Set<Function>} hooks that the person did not wait for */
    const passed = new Set();
    this.#editor.events.emit("run:asked", document);
    this.#asking++;
    try {
      for (let i = 0; i < Math.min(MOST_AT_ONCE, Math.max(1, Math.round(count) || 1)); i++) {
        if (!(await this.#prepare({ document, targets }, passed))) break;
        const run = draws.run(when, () => this.#write(document));
        /** @type {Wish | null} */
        let wish = null;
        try {
          wish = await this.#finish({ document, workflow: run.written, targets, front, extraData, valuesOf: run.valuesOf }, passed);
        } finally {
          if (!wish) run.refused();
        }
        if (!wish) break;
        queued.push(this.#send(wish, run));
        if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve)); // the page stays alive in a long batch
      }
    } finally {
      this.#asking--;
    }
    if (!queued.length && this.mode === "change" && this.#isStale && !this.#asking) { // it changed while a hook thought about it
      this.#isStale = false;
      return this.queue({ count: 1 });
    }
    return queued;
  }

  /** @param {{document: Document, targets: string[] | null}} asked @param {Set<Function>} passed @returns {Promise<boolean>} */
  async #prepare(asked, passed) {
    for (const hook of this.prepare.all) {
      const answer = await this.#ask(this.prepare, hook, asked, passed);
      if (answer === "no" || answer === "cancel") return false;
    }
    return true;
  }

  /** @param {Wish} wish @param {Set<Function>} passed @returns {Promise<Wish | null>} as hooks changed it; null: it is not to be queued */
  async #finish(wish, passed) {
    for (const hook of this.before.all) {
      const own = { ...wish, extraData: { ...wish.extraData } }; // who is not waited for may still be changing it later
      const answer = await this.#ask(this.before, hook, own, passed);
      if (answer === "no" || answer === "cancel") return null;
      if (answer === "yes") wish = own;
    }
    return wish;
  }

  /**
   * What a hook answers. If it takes long, the person may go on without; what it answers later is not heard.
   * @param {Hooks<any>} hooks
   * @param {(value: any) => unknown} hook
   * @param {any} value
   * @param {Set<Function>} passed
   * @returns {Promise<Answer>}
   */
  async #ask(hooks, hook, value, passed) {
    if (passed.has(hook)) return "without";
    const answered = hook(value);
    if (typeof (/** @type {any} */ (answered)?.then) !== "function") return answered === false ? "no" : "yes";
    let isOver = false;
    let forget = () => {};
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let patience;
    /** @type {Promise<Answer>} */
    const decided = new Promise((resolve, reject) => {
      patience = setTimeout(async () => {
        try {
          this.#waits ??= import("./waits.js").then(({ Waits }) => new Waits(this.#editor));
          const waits = await this.#waits;
          if (!isOver) forget = waits.add(hook, hooks.nameOf(hook), resolve);
        } catch (error) {
          reject(error);
        }
      }, HOOK_PATIENCE_MS);
    });
    try {
      const answer = await Promise.race([decided, Promise.resolve(answered).then((each) => (each === false ? /** @type {Answer} */ ("no") : "yes"))]);
      if (answer === "without") passed.add(hook);
      if (answer === "cancel") this.setMode("once");
      return answer;
    } finally {
      isOver = true;
      clearTimeout(patience);
      forget();
    }
  }

  /** What its tab says. @param {Document} document @returns {string} */
  nameOf(document) {
    return this.#editor.services.workflows.stateOf(document).name;
  }

  /** @param {Document} document */
  #write(document) {
    const workflow = writeWorkflow(document, { forRun: true });
    return workflow.id ? workflow : { ...workflow, id: this.workflowIdOf(document) };
  }

  /** What the server knows its jobs by. @param {Document} document @returns {string} */
  workflowIdOf(document) {
    const own = document.raw?.id ?? this.#workflowIds.get(document) ?? newId();
    this.#workflowIds.set(document, own);
    return own;
  }

  /** @param {Wish} wish @param {Run<any>} run @returns {Job} */
  #send(wish, run) {
    const { document } = wish;
    const job = new Job(newId(), document, this.nameOf(document));
    job.targets = wish.targets;
    this.jobs.add(job);
    const body = writeExactly({
      prompt: wish.workflow,
      client_id: this.#editor.server.clientId,
      prompt_id: job.id,
      idempotency_key: job.id,
      ...(labelOf(job.name) ? { label: labelOf(job.name) } : {}),
      ...(wish.front ? { front: true } : {}),
      ...(wish.targets ? { partial_execution_targets: wish.targets } : {}),
      extra_data: wish.extraData,
    });
    this.sending.send(job, body).then(
      (answer) => {
        run.taken();
        this.#taken(job, answer);
      },
      (error) => {
        run.refused();
        this.#refused(job, error);
      },
    );
    return job;
  }

  /** @param {Job} job @param {any} answer */
  #taken(job, answer) {
    if (job.document) this.#remember(job.document, job.id);
    if (job.state === "sending") this.jobs.setState(job, "queued"); // it may run already
    if (job.hasEnded && job.state === "cancelled") void this.cancel(job); // taken back on its way
    if (answer?.node_errors && Object.keys(answer.node_errors).length) {
      this.#editor.events.emit("run:refused", { job, answer, isPartial: true });
    }
    for (const hook of this.after.all) hook(job);
  }

  /** @param {Job} job @param {any} error */
  #refused(job, error) {
    if (error?.name === "AbortError") return;
    this.setMode("once");
    job.failure = { nodeId: null, type: "", message: error.message, kind: "", traceback: "" };
    job.refusal = error.body?.error ? error.body : { error: { message: error.message } };
    this.jobs.setState(job, "failed");
    this.#editor.events.emit("run:refused", { job, answer: job.refusal, isPartial: false });
  }

  /** @param {Document} document @param {string} id */
  #remember(document, id) {
    document.lastJobs = [...document.lastJobs, id].slice(-KEPT_IDS);
    this.#editor.events.emit("run:jobs", document); // who keeps drafts keeps them, too
  }

  /** Runs the outputs among these nodes, or those that they feed. @param {Node[]} nodes */
  async queueSelection(nodes) {
    const { document, path, shell } = this.#editor;
    const targets = targetsOf(document, nodes, path);
    if (!targets.length) return void shell.note(this.#editor.text("run.no-outputs"));
    return this.queue({ targets, count: 1 });
  }

  /** Stops what runs; if nothing does, the newest job that waits. */
  async interrupt() {
    const job = this.jobs.running ?? this.jobs.active.at(-1);
    this.setMode("once");
    if (job) await this.cancel(job);
  }

  /** @param {Job} job */
  async cancel(job) {
    if (job.state === "sending") {
      this.sending.takeBack(job);
      this.jobs.setState(job, "cancelled");
      return;
    }
    await this.#editor.server.post("/jobs/cancel", { job_ids: [job.id] });
    if (job.state === "queued") this.jobs.setState(job, "cancelled"); // the server tells of running ones
  }

  /** Takes out all that waits, of every page, when the person has said so: nothing brings it back. */
  async clearQueue() {
    const { shell } = this.#editor;
    const { waiting_total: total } = await this.#editor.server.get("/heddle/queue?parts=waiting&limit=1").catch(() => ({ waiting_total: 0 })); // away: what is on its way to it can still be taken back
    const count = Math.max(total, this.jobs.active.filter((job) => job.state !== "running").length);
    if (count > 1) {
      const answer = await shell.ask(this.#editor.text("command.clear-queue"), this.#editor.text("run.clear-ask", { count }), [
        { id: "clear", text: this.#editor.text("command.clear-queue"), isDangerous: true },
        { id: "keep", text: this.#editor.text("shell.cancel"), isMain: true },
      ]);
      if (answer !== "clear") return;
    }
    for (const job of this.jobs.active) {
      if (job.state !== "sending") continue;
      this.sending.takeBack(job);
      this.jobs.setState(job, "cancelled");
    }
    await this.#editor.server.post("/queue", { clear: true });
    for (const job of this.jobs.active) if (job.state === "queued") this.jobs.setState(job, "cancelled");
  }

  /** @param {RunMode} mode */
  setMode(mode) {
    if (this.mode === mode) return;
    this.mode = mode;
    clearTimeout(this.#changeTimer);
    this.#editor.events.emit("run:mode", mode);
    if (mode !== "once" && !this.jobs.active.some((job) => job.document === this.#editor.document)) void this.queue({ count: 1 });
  }

  /** @param {Document} document */
  #follow(document) {
    this.#unfollow();
    const { events } = document.journal;
    const stops = [
      events.on("commit", (entry) => this.#changed(entry)),
      events.on("travel", ({ entry }) => this.#changed(entry)),
    ];
    this.#unfollow = () => stops.forEach((each) => each());
  }

  /** @param {Entry} entry */
  #changed(entry) {
    if (this.mode !== "change" || !entry.steps.some((step) => step.kind !== "set" || !LOOKS.has(step.key))) return;
    clearTimeout(this.#changeTimer);
    this.#changeTimer = setTimeout(() => {
      if (this.#asking || this.jobs.active.some((job) => job.document === this.#editor.document)) this.#isStale = true;
      else void this.queue({ count: 1 });
    }, CHANGE_PAUSE_MS);
  }

  /** @param {Job} job */
  #stateChanged(job) {
    const { events, server } = this.#editor;
    if (job.state === "running" && job.document) job.wanted ??= nodesBehind(job.document, job.targets);
    if (job.startedMs !== null && job.failure && (job.state === "failed" || job.state === "partial") && !this.#isOutdated(job)) events.emit("run:failed", job);
    events.emit("run:job", job);
    if (!job.hasEnded) return;
    if (job.document && job.nodes.size && this.jobs.active.length < 20) void this.#explain(job);
    const isOver = !this.jobs.active.some((each) => each.document === job.document);
    if (!isOver || job.document !== this.#editor.document || server.state !== "open") return;
    if (this.mode === "always" && job.state === "done") void this.queue({ count: 1 });
    else if (this.mode === "always") this.setMode("once");
    else if (this.mode === "change" && this.#isStale) {
      this.#isStale = false;
      void this.queue({ count: 1 });
    }
  }

  /** Whether its document was run once more since, before or after a reload. @param {Job} job */
  #isOutdated({ id, document, isRecalled }) {
    return isRecalled && document !== null && (document.lastJobs.at(-1) !== id || this.jobs.all.some((each) => each.document === document && !each.isRecalled));
  }

  /** The newest job of a document. @param {Document} document @returns {Job | undefined} */
  latestOf(document) {
    return this.jobs.all.findLast((job) => job.document === document && !this.#isOutdated(job));
  }

  /** Learns how long nodes ran. @param {Job} job */
  async #explain(job) {
    try {
      const { nodes } = await this.#editor.server.get(`/v1/jobs/${encodeURIComponent(job.id)}/explain`);
      for (const [id, { how, seconds }] of /** @type {[string, any][]} */ (Object.entries(nodes))) {
        const type = job.wanted?.get(id);
        if (type && how === "ran" && seconds !== null) this.pace.learn(type, seconds * 1000);
      }
      localStorage.setItem(PACE, this.pace.kept);
      const latest = this.jobs.all.findLast((each) => each.document === job.document && each.startedMs !== null);
      if (latest === job) this.showing.explain(job, nodes);
    } catch {
      // forgotten already, or the line broke: the page's own times stay
    }
  }

  /**
   * A job that was queued in another way, as by trying one again.
   * @param {string} id
   * @param {Document | null} document  whose nodes show what it brings
   * @param {string} name
   */
  adopt(id, document, name) {
    const known = this.jobs.get(id);
    if (known) {
      known.name ||= name;
      if (known.document || !document) return;
      known.document = document; // it was heard of before the answer came
      this.#remember(document, id);
      for (const node of known.nodes.keys()) this.jobs.events.emit("node", { job: known, id: node });
      for (const [node, output] of known.results) this.jobs.events.emit("result", { job: known, id: node, output });
      for (const failure of known.blocked) this.jobs.events.emit("blocked", { job: known, failure });
      if (known.state !== "queued") this.#stateChanged(known);
      return;
    }
    const job = new Job(id, document, name);
    job.state = "queued";
    this.jobs.add(job);
    if (document) this.#remember(document, id);
  }

  /** How far a job is. @param {Job} job @returns {{percent: number, secondsLeft: number | null}} */
  progressOf(job) {
    if (this.#editor.server.state !== "open" && !job.hasEnded) return { percent: this.#estimates.get(job)?.percent ?? 0, secondsLeft: null };
    const estimate = this.pace.estimate(job, this.jobs.now());
    const before = this.#estimates.get(job)?.percent ?? 0;
    if (before - estimate.percent < FAR_OFF) estimate.percent = Math.max(before, estimate.percent); // it does not tremble
    this.#estimates.set(job, estimate);
    return estimate;
  }

  /** The nodes on the canvas that stand for one of the server's. @param {Document | null} document @param {string} id */
  placesOf(document, id) {
    return this.showing.placesOf(document, id);
  }

  /** What an output is to look at. @param {any} output */
  readOutput(output) {
    return readOutput(output, (file) => this.#editor.server.fileAddress(file));
  }

  /** @param {string} type @param {any} data */
  hear(type, data) {
    if (type === "notification" && data?.value) this.#editor.shell.note(this.#editor.messages.said(String(data.value), data.said));
    this.jobs.hear(type, data);
  }

  /** @param {Blob} picture @param {any} about */
  hearPreview(picture, about) {
    const job = this.jobs.get(about?.prompt_id);
    if (!job || job.hasEnded) return;
    this.#editor.events.emit("run:preview", { job, id: String(about.display_node_id ?? about.node_id), picture });
    void this.showing.preview(job, String(about.display_node_id ?? about.node_id), picture);
  }

  /** @param {number} kind @param {DataView<ArrayBuffer>} data */
  hearBinary(kind, data) {
    if (kind === 3) this.jobs.hearText(data);
    const job = this.jobs.running;
    if (kind !== 1 || !job?.running) return; // a picture that does not say whose it is: of what runs
    const type = data.getUint32(0) === 2 ? "image/png" : "image/jpeg";
    this.hearPreview(new Blob([new Uint8Array(data.buffer, data.byteOffset + 4)], { type }), { prompt_id: job.id, node_id: job.running });
  }

  /** After the line was broken: where are the jobs that had not ended? */
  async catchUp() {
    await Promise.all(this.jobs.active.filter((job) => job.state !== "sending").map((job) => this.#look(job)));
  }

  /** @param {Job} job */
  async #look(job) {
    try {
      const record = await this.#editor.server.get(`/heddle/jobs/${encodeURIComponent(job.id)}`);
      if (!job.hasEnded) this.jobs.catchUp(job, record);
    } catch (error) {
      if (/** @type {any} */ (error)?.status === 404 && !job.hasEnded) this.jobs.setState(job, "cancelled");
    }
  }

  /**
   * After a reload: shows what the last jobs of a document brought, and goes on with those that run.
   * @param {Document} document  with its `lastJobs`
   */
  async recall(document) {
    for (const id of document.lastJobs) {
      if (this.jobs.get(id)?.document) continue;
      let record;
      try {
        record = await this.#editor.server.get(`/heddle/jobs/${encodeURIComponent(id)}`);
      } catch (error) {
        if (/** @type {any} */ (error)?.status === 404) document.lastJobs = document.lastJobs.filter((each) => each !== id); // the server has forgotten it
        continue;
      }
      const known = this.jobs.get(id); // it may have been heard of by now
      const job = known ?? new Job(id, document, this.nameOf(document));
      job.document = document;
      job.isRecalled = true;
      if (!known) this.jobs.add(job);
      this.jobs.catchUp(job, record);
      if (id === document.lastJobs.at(-1)) await this.#recallBlocked(job);
    }
  }

  /** What kept nodes of the newest job from running: its record speaks of its end alone. @param {Job} job */
  async #recallBlocked(job) {
    try {
      const { events } = await this.#editor.server.get(`/heddle/jobs/${encodeURIComponent(job.id)}/events?kind=node_blocked`);
      if (this.#isOutdated(job)) return; // run again meanwhile
      for (const { event } of events) this.jobs.block(job, { ...readFailure(event), kind: BLOCKED });
    } catch {
      // forgotten, or the line broke: the results stand there all the same
    }
  }
}

/** A list of functions that others add to. @template {Function} F */
class Hooks {
  /** @type {F[]} */
  all = [];
  /** @type {WeakMap<F, string>} */
  #names = new WeakMap();

  /**
   * @param {F} hook
   * @param {string} [name]  of the extension that it is of: people read it if the hook does not answer
   * @returns {() => void} takes it away
   */
  add(hook, name = "") {
    this.all = [...this.all, hook];
    this.#names.set(hook, name);
    return () => void (this.all = this.all.filter((each) => each !== hook));
  }

  /** @param {F} hook @returns {string} */
  nameOf(hook) {
    return this.#names.get(hook) ?? "";
  }
}

/** The server takes a line of at most 200 characters. @param {string} name */
function labelOf(name) {
  return name.replace(/[^\P{C}]/gu, " ").trim().slice(0, 200);
}
