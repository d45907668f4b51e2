/**
 * What went wrong, where it went wrong: on the widget or socket that caused it, and in a list that leads there. Other
 * features find `editor.services.errors`; "errors:change" tells that the list is another one.
 */

import { addStyle } from "../../core/dom.js";
import { nameOfInput } from "../../core/words.js";
import { Card } from "./card.js";
import { holderOf, readProblems, withoutPlace } from "./problems.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Entry } from "../../core/journal.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Failure, Job } from "../run/jobs.js" */
/** @import { Problem } from "./problems.js" */

const LOOKS = new Set(["x", "y", "width", "height", "flags", "title", "color", "bgcolor", "rank", "label"]);

/** @type {Feature} */
export const errors = {
  name: "errors",
  needs: ["run"],
  async install(editor) {
    const removeStyle = await addStyle("./errors.css", import.meta.url);
    const service = new Errors(editor);
    const card = new Card(editor, service);
    const { events } = editor;
    const cleanups = [
      editor.offer("errors", service),
      editor.commands.addAll([
        { id: "errors.next", title: "command.next-error", keys: ["f8"], inText: true, when: () => service.list().length > 0, run: () => service.next(1) },
        { id: "errors.previous", title: "command.previous-error", keys: ["shift+f8"], inText: true, when: () => service.list().length > 0, run: () => service.next(-1) },
      ]),
      events.on("run:asked", (document) => service.clear(document)),
      events.on("run:refused", ({ job, answer, isPartial }) => job.document && service.refused(job.document, answer, isPartial)),
      events.on("run:blocked", ({ job, failure }) => service.blocked(job, failure)),
      events.on("run:failed", (job) => service.failed(job)),
      events.on("run:shown-again", () => service.mark()),
      events.on("document", () => events.emit("errors:change", null)),
      events.on("documents", () => service.follow()),
    ];
    service.follow();
    for (const document of editor.documents) { // run before this was here
      const last = editor.services.run.latestOf(document);
      if (last?.refusal) service.refused(document, last.refusal, false);
      else if (last?.failure && last.hasEnded) service.failed(last);
      else last?.blocked.forEach((failure) => service.blocked(last, failure));
    }
    return () => {
      cleanups.forEach((each) => each());
      service.dispose();
      card.dispose();
      removeStyle();
    };
  },
};

export class Errors {
  #editor;
  /** @type {Map<Document, {problems: Problem[], isPartial: boolean}>} */
  #all = new Map();
  /** @type {Set<Node>} those that carry marks */
  #marked = new Set();
  /** @type {Map<Document, (() => void)[]>} */
  #following = new Map();
  #at = -1;
  /** Whether the list lies over a part of the graph. @type {(box: Box) => boolean} */
  isCovered = () => false;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  dispose() {
    for (const stops of this.#following.values()) stops.forEach((each) => each());
    this.#all.clear();
    this.mark();
  }

  /** Hears of what is mended by hand. */
  follow() {
    const { documents } = this.#editor;
    for (const document of documents) {
      if (this.#following.has(document)) continue;
      this.#following.set(document, [
        document.journal.events.on("commit", (entry) => this.#changed(document, entry)),
        document.journal.events.on("travel", ({ entry }) => this.#changed(document, entry)),
      ]);
    }
    for (const [document, stops] of this.#following) {
      if (documents.includes(document)) continue;
      stops.forEach((each) => each());
      this.#following.delete(document);
      this.#all.delete(document);
    }
  }

  /** @param {Document} [document] @returns {Problem[]} */
  list(document = this.#editor.document) {
    return this.#all.get(document)?.problems ?? [];
  }

  /** Whether the rest of the workflow runs all the same. @param {Document} [document] */
  isPartial(document = this.#editor.document) {
    return this.#all.get(document)?.isPartial ?? false;
  }

  /** @param {Document} document */
  clear(document) {
    if (!this.#all.delete(document)) return;
    this.mark();
    this.#editor.events.emit("errors:change", null);
  }

  /** @param {Document} document @param {any} answer @param {boolean} isPartial */
  refused(document, answer, isPartial) {
    this.#tell(document, readProblems(this.#editor, document, answer), isPartial);
  }

  /** @param {Job} job  one that ended */
  failed(job) {
    const { document, failure, blocked } = job;
    if (!document || !failure) return;
    const problems = [this.#problemOf(document, job, failure, "run"), ...blocked.map((each) => this.#problemOf(document, job, each, "blocked"))];
    this.#tell(document, problems, job.results.size > 0);
  }

  /** A node was kept from running. The view stays where it is: the rest goes on. @param {Job} job @param {Failure} failure */
  blocked(job, failure) {
    const { document } = job;
    if (!document) return;
    const problem = this.#problemOf(document, job, failure, "blocked");
    const others = this.list(document).filter((each) => each.kind !== "blocked" || each.nodeId !== problem.nodeId || each.message !== problem.message);
    this.#set(document, [...others, problem], true);
    this.#editor.events.emit("errors:told", { document, problems: [problem], isPartial: true });
  }

  /** @param {Document} document @param {Job} job @param {Failure} failure @param {"run" | "blocked"} kind @returns {Problem} */
  #problemOf(document, job, failure, kind) {
    const { nodeId, type, traceback } = failure;
    const node = nodeId === null ? null : this.#editor.nodeOf(nodeId, document)?.node;
    const isMemory = /(^|\.)OutOfMemory(Error)?$/.test(failure.kind); // its sizes stand in the traceback
    const message = isMemory ? this.#editor.text("problem.memory") : this.#editor.messages.failure(withoutPlace(failure.message, nodeId ?? ""), failure.kind, failure.said);
    return { document, nodeId, title: node?.name ?? type, input: null, kind, message, original: failure.message, traceback, type: failure.kind, near: [], jobId: job.id };
  }

  /** @param {Document} document @param {Problem[]} problems @param {boolean} isPartial */
  #tell(document, problems, isPartial) {
    this.#at = 0;
    this.#set(document, problems, isPartial);
    this.#editor.events.emit("errors:told", { document, problems, isPartial });
    if (document === this.#editor.document) this.#bringIntoView(problems[0]);
  }

  /** @param {Document} document @param {Problem[]} problems @param {boolean} isPartial */
  #set(document, problems, isPartial) {
    if (problems.length) this.#all.set(document, { problems, isPartial });
    else this.#all.delete(document);
    this.mark();
    this.#editor.events.emit("errors:change", null);
  }

  /** Puts the marks on the nodes that can be seen. */
  mark() {
    const { content, run } = this.#editor.services;
    /** @type {Map<Node, {input?: string, label?: string, message: string, details?: string}[]>} */
    const wanted = new Map();
    /** @param {Node} node @param {{input?: string, label?: string, message: string, details?: string}} error */
    const put = (node, error) => wanted.set(node, [...(wanted.get(node) ?? []), error]);
    for (const [document, { problems }] of this.#all) {
      for (const problem of problems) {
        if (problem.nodeId === null) continue;
        const { node, instances } = run.placesOf(document, problem.nodeId);
        const error = { ...(problem.input ? { input: problem.input, label: node ? nameOfInput(node, problem.input) : problem.input } : {}), message: problem.message, ...(problem.traceback ? { details: problem.traceback } : {}) };
        if (node) put(node, error);
        for (const each of instances) put(each.node, { message: this.#editor.text("errors.inside", { node: problem.title, message: problem.message }) });
      }
    }
    for (const node of this.#marked) if (!wanted.has(node)) content.setErrors(node, []);
    for (const [node, list] of wanted) content.setErrors(node, list);
    this.#marked = new Set(wanted.keys());
  }

  /** What was changed is no longer wrong until the server says so again. @param {Document} document @param {Entry} entry */
  #changed(document, entry) {
    const problems = this.list(document);
    if (!problems.length || !entry.steps.some((step) => step.kind !== "set" || !LOOKS.has(step.key))) return;
    const left = problems.filter((problem) => !this.#isTouched(problem, entry));
    if (left.length !== problems.length) this.#set(document, left, this.isPartial(document));
  }

  /** @param {Problem} problem @param {Entry} entry @returns {boolean} */
  #isTouched(problem, entry) {
    const { document, nodeId, input } = problem;
    if (nodeId === null) return problem.kind !== "run";
    const found = this.#editor.nodeOf(nodeId, document);
    if (!found) return true;
    const { node, path } = found;
    const around = [node, ...path];
    const holder = input === null ? null : holderOf(this.#editor, document, nodeId, input);
    return entry.steps.some((step) => {
      if (step.kind !== "set") return around.some((each) => entry.owners.has(each));
      if (LOOKS.has(step.key)) return false;
      if (step.key === "mode") return around.includes(step.target);
      if (input === null) return around.some((each) => entry.owners.has(each));
      if (holder && step.target === holder.node.values) return step.key === holder.name;
      if (step.target === node.values) return step.key === input;
      return step.key === "link" && step.target === node.inputs.find((slot) => (slot.widget ?? slot.name) === input);
    });
  }

  /** @param {Problem} problem */
  goTo(problem) {
    if (problem.document !== this.#editor.document) this.#editor.show(problem.document);
    const found = problem.nodeId === null ? null : this.#editor.nodeOf(problem.nodeId, problem.document);
    if (found && !this.#editor.services.form?.reveal(String(problem.nodeId), problem.input ?? "")) this.#editor.goTo(found.node, found.path);
    this.#at = this.list().indexOf(problem);
  }

  /** @param {1 | -1} step */
  next(step) {
    const problems = this.list();
    if (!problems.length) return;
    this.#at = (this.#at + step + problems.length) % problems.length;
    this.goTo(problems[this.#at]);
  }

  /** Moves the view only if the node cannot be seen: the person may be typing. @param {Problem} problem */
  #bringIntoView(problem) {
    const found = problem.nodeId === null ? null : this.#editor.nodeOf(problem.nodeId, problem.document);
    if (!found) return;
    const { view, services } = this.#editor;
    if (services.form?.isShown) return; // it says itself what is wrong
    if (found.node.graph === this.#editor.graph) {
      const { left, top, right, bottom } = view.window;
      const box = view.layouts.boxOf(found.node);
      const isInside = box.left >= left && box.right <= right && box.top >= top && box.bottom <= bottom;
      if (isInside && view.scale >= 0.4 && !this.isCovered(box)) return;
    }
    this.#editor.goTo(found.node, found.path);
  }
}
