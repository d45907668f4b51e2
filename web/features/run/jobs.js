/**
 * The jobs that this page queued or hears of: where each stands, node by node. Filled from what the server says over
 * the websocket; knows no canvas and asks the server nothing.
 */

import { Emitter } from "../../core/emitter.js";

/** @import { Document } from "../../core/document.js" */

/**
 * `sending`: the server has not taken it yet; `partial`: a branch failed, the rest is there.
 * @typedef {"sending" | "queued" | "running" | "done" | "partial" | "failed" | "cancelled"} JobState
 * @typedef {"running" | "done" | "cached" | "error"} NodeState
 *
 * One node of a job. Times in ms, as `performance.now()` has them; `ms`: how long it took.
 * @typedef {{state: NodeState, value: number, max: number | null, since: number, ms?: number}} NodeRun
 *
 * @typedef {{nodeId: string | null, type: string, message: string, kind: string, traceback: string, said?: any}} Failure  `said`: what the server made the message of
 *
 * @typedef {object} JobEvents
 * @property {Job} state  of the job changed
 * @property {Job} progress
 * @property {{job: Job, id: string}} node  of the person's graph, by its id on the server
 * @property {{job: Job, id: string, output: any}} result
 * @property {{job: Job, id: string, text: string, said?: any}} text  `said`: what the server made it of
 * @property {{job: Job, failure: Failure}} blocked  a node was kept from running; the rest goes on
 */

const ENDED = new Set(["done", "partial", "failed", "cancelled"]);
export const BLOCKED = "ExecutionBlocked"; // the one kind of error after which a job goes on
const KEPT_ENDED = 200; // jobs that are remembered after their end

export class Job {
  /**
   * @param {string} id
   * @param {Document | null} document  that it was queued from; null: not known to this page
   * @param {string} name  of the workflow
   */
  constructor(id, document, name) {
    this.id = id;
    this.document = document;
    this.name = name;
    /** @type {JobState} */
    this.state = "sending";
    this.queuedMs = Date.now();
    /** @type {number | null} ms since 1970 */
    this.startedMs = null;
    /** @type {number | null} */
    this.endedMs = null;
    /** @type {Map<string, NodeRun>} */
    this.nodes = new Map();
    /** @type {string | null} the node that started last of those that run */
    this.running = null;
    /** @type {Map<string, any>} what nodes showed */
    this.results = new Map();
    /** @type {Failure | null} */
    this.failure = null;
    /** @type {Failure[]} what kept nodes from running */
    this.blocked = [];
    /** @type {any} what the server answered when it did not take it */
    this.refusal = null;
    /** @type {Map<string, string> | null} id -> type of the nodes that it runs; found when it starts */
    this.wanted = null;
    /** @type {string[] | null} */
    this.targets = null;
    /** It was run before the page was loaded: whatever else the page runs is newer. */
    this.isRecalled = false;
  }

  get hasEnded() {
    return ENDED.has(this.state);
  }
}

export class Jobs {
  /** @type {Map<string, Job>} in the order in which they were queued */
  #jobs = new Map();
  /** @type {Emitter<JobEvents>} */
  events = new Emitter();

  /** @param {() => number} [now]  ms */
  constructor(now = () => performance.now()) {
    this.now = now;
  }

  /** @returns {Job[]} */
  get all() {
    return [...this.#jobs.values()];
  }

  /** @returns {Job[]} */
  get active() {
    return this.all.filter((job) => !job.hasEnded);
  }

  /** The one that started last of those that run. @returns {Job | null} */
  get running() {
    return this.all.filter((job) => job.state === "running").at(-1) ?? null;
  }

  /** @param {string} id */
  get(id) {
    return this.#jobs.get(id);
  }

  /** @param {Job} job */
  add(job) {
    this.#jobs.set(job.id, job);
    const ended = this.all.filter((each) => each.hasEnded);
    for (const each of ended.slice(0, Math.max(0, ended.length - KEPT_ENDED))) this.#jobs.delete(each.id);
    this.events.emit("state", job);
  }

  /** @param {Job} job @param {JobState} state */
  setState(job, state) {
    if (job.state === state) return;
    job.state = state;
    if (state === "running" && job.startedMs === null) job.startedMs = Date.now();
    if (job.hasEnded) {
      job.endedMs ??= Date.now();
      job.running = null;
    }
    this.events.emit("state", job);
  }

  /**
   * Takes in what the server said.
   * @param {string} type
   * @param {any} data
   */
  hear(type, data) {
    const id = data?.prompt_id;
    if (typeof id !== "string" || !HEARD[type]) return;
    let job = this.#jobs.get(id);
    if (!job) {
      job = new Job(id, null, "");
      job.state = "queued";
      this.add(job);
    }
    if (job.hasEnded) return; // what came late, or was told twice
    HEARD[type](this, job, data);
  }

  /**
   * A line under a node.
   * @param {DataView} view  behind the number of its kind: the job's id, the node's, the text
   */
  hearText(view) {
    const decoder = new TextDecoder();
    let at = 0;
    const read = () => {
      const length = view.getUint32(at);
      const text = decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at + 4, length));
      at += 4 + length;
      return text;
    };
    const job = this.#jobs.get(read());
    const id = read();
    if (job) this.events.emit("text", { job, id, text: decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at)) });
  }

  /**
   * Brings a job to where the server has it, after a reload or when the line was broken.
   * @param {Job} job
   * @param {any} record  of `/heddle/jobs/{id}`
   */
  catchUp(job, record) {
    for (const [id, output] of Object.entries({ ...record.outputs, ...Object.fromEntries(job.results) })) {
      job.results.set(id, output);
      this.events.emit("result", { job, id, output });
    }
    if (job.hasEnded && !ENDED.has(stateOf(record, job))) return; // its end was heard before this answer, which is from before it
    job.queuedMs = record.create_time ?? job.queuedMs;
    job.startedMs = record.execution_start_time ?? job.startedMs;
    job.endedMs = record.execution_end_time ?? null;
    if (record.execution_error) job.failure = readFailure(record.execution_error);
    const state = stateOf(record, job);
    if (state !== "running") stopNodes(this, job); // what ran when the line broke runs no more
    this.setState(job, state);
  }

  /** A node was kept from running. What is told twice counts once. @param {Job} job @param {Failure} failure */
  block(job, failure) {
    if (job.blocked.some((each) => each.nodeId === failure.nodeId && each.message === failure.message)) return;
    job.blocked.push(failure);
    this.events.emit("blocked", { job, failure });
  }

  /**
   * @param {Job} job
   * @param {string} id
   * @param {NodeState} state
   * @param {{value?: number, max?: number | null}} [more]
   */
  setNode(job, id, state, { value = 0, max = null } = {}) {
    const before = job.nodes.get(id);
    if (before?.state === state && before.value === value && before.max === max) return;
    if (state === "running" && before && before.state !== "running" && before.state !== "cached") return; // told late
    const since = before?.since ?? this.now();
    /** @type {NodeRun} */
    const node = { state, value, max, since };
    if (state === "done") node.ms = this.now() - since;
    job.nodes.set(id, node);
    if (state === "running") job.running = id;
    else if (job.running === id) job.running = [...job.nodes].findLast(([, each]) => each.state === "running")?.[0] ?? null;
    this.events.emit("node", { job, id });
  }
}

/** @type {Record<string, (jobs: Jobs, job: Job, data: any) => void>} */
const HEARD = {
  heddle_note(jobs, job, { node_id: id, text, said }) {
    jobs.events.emit("text", { job, id: String(id), text: String(text), said });
  },
  execution_start(jobs, job, data) {
    job.nodes.clear();
    job.blocked = [];
    job.running = null;
    job.startedMs = data.timestamp ?? Date.now();
    if (job.state === "running") jobs.events.emit("state", job); // once more: its worker died
    else jobs.setState(job, "running");
  },
  execution_cached(jobs, job, data) {
    for (const id of data.nodes ?? []) jobs.setNode(job, String(id), "cached");
    jobs.events.emit("progress", job);
  },
  executing(jobs, job, data) {
    jobs.setState(job, "running");
    if (data.node === null || data.node === undefined) return;
    const id = String(data.display_node ?? data.node);
    // While another one seems to run, the state that follows shortly says which of them has ended: that is told first.
    const isAlone = [...job.nodes.values()].every((each) => each.state !== "running");
    if (isAlone) jobs.setNode(job, id, "running");
    jobs.events.emit("progress", job);
  },
  progress_state(jobs, job, data) {
    jobs.setState(job, "running");
    const told = /** @type {any[]} */ (Object.values(data.nodes ?? {}));
    for (const each of [...told.filter(({ state }) => state !== "running"), ...told.filter(({ state }) => state === "running")]) {
      const id = String(each.display_node_id ?? each.node_id);
      const isItself = String(each.node_id) === id; // others are what it unfolded into
      const { value, max } = each;
      if (each.state === "running") jobs.setNode(job, id, "running", { value, max: max > 1 ? max : null });
      else if (each.state === "error") jobs.setNode(job, id, "error");
      else if (each.state === "finished" && isItself && job.nodes.get(id)?.state !== "cached") jobs.setNode(job, id, "done", { value, max });
    }
    jobs.events.emit("progress", job);
  },
  executed(jobs, job, data) {
    const id = String(data.display_node ?? data.node);
    job.results.set(id, data.output);
    jobs.events.emit("result", { job, id, output: data.output });
  },
  execution_success(jobs, job, data) {
    finish(jobs, job, data);
    jobs.setState(job, "done");
  },
  execution_error(jobs, job, data) {
    const failure = readFailure(data);
    if (failure.kind === BLOCKED) {
      jobs.block(job, { ...failure, message: failure.message.replace(/^Execution Blocked: /, "") });
      return;
    }
    job.failure = failure;
    if (job.failure.nodeId) jobs.setNode(job, job.failure.nodeId, "error");
    finish(jobs, job, data);
    jobs.setState(job, job.results.size ? "partial" : "failed");
  },
  execution_interrupted(jobs, job, data) {
    finish(jobs, job, data);
    jobs.setState(job, "cancelled");
  },
};

/** @param {Jobs} jobs @param {Job} job @param {any} data */
function finish(jobs, job, data) {
  job.endedMs = data.timestamp ?? Date.now();
  stopNodes(jobs, job);
}

/** Nothing of it runs any more. @param {Jobs} jobs @param {Job} job */
function stopNodes(jobs, job) {
  job.running = null;
  for (const [id, node] of job.nodes) {
    if (node.state !== "running") continue;
    job.nodes.delete(id);
    jobs.events.emit("node", { job, id });
  }
}

/** @param {any} told  in a message, or as the job's record keeps it @returns {Failure} */
export function readFailure(told) {
  const traceback = told.traceback ?? "";
  const said = told.extra_info?.said ?? told.said;
  return {
    nodeId: told.node_id === null || told.node_id === undefined ? null : String(told.node_id),
    type: String(told.node_type ?? told.class_type ?? ""),
    message: String(told.exception_message ?? told.message ?? ""),
    kind: String(told.exception_type ?? ""),
    ...(said ? { said } : {}),
    traceback: Array.isArray(traceback) ? traceback.join("") : String(traceback),
  };
}

/** @param {any} record @param {Job} job @returns {JobState} */
function stateOf(record, job) {
  switch (record.status) {
    case "completed":
      return "done";
    case "failed":
      return job.results.size ? "partial" : "failed";
    case "cancelled":
      return "cancelled";
    case "in_progress":
      return "running";
    default:
      return "queued";
  }
}
