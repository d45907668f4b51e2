/**
 * The way of jobs to the server, one after another. What cannot be taken now, because the server is away or has no
 * worker yet, waits and goes out later: each job carries its own id, so that sending it twice queues it once.
 */

import { Refusal } from "../../core/server.js";

/** @import { Server } from "../../core/server.js" */
/** @import { Job } from "./jobs.js" */

const PATIENCE_MS = 2000; // between two tries
const LATER = new Set(["not_ready", "store_busy"]); // what the server says when it will take it soon

/** @typedef {"" | "away" | "starting"} Trouble  why jobs wait here; "": they do not */
/** @typedef {{job: Job, body: string, taken: (answer: any) => void, refused: (error: unknown) => void}} Letter */

export class Sending {
  /** @type {Letter[]} */
  #letters = [];
  #isBusy = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;
  #server;
  /** Told when it changes. @type {Trouble} */
  trouble = "";
  /** @type {(trouble: Trouble) => void} */
  onTrouble = () => {};

  /** @param {Server} server */
  constructor(server) {
    this.#server = server;
    this.stop = server.events.on("state", (state) => {
      if (state === "open") void this.#go();
    });
  }

  get waiting() {
    return this.#letters.length;
  }

  /**
   * @param {Job} job
   * @param {string} body  JSON
   * @returns {Promise<any>} the server's answer, when it has the job
   * @throws {Refusal} it does not take it
   */
  send(job, body) {
    return new Promise((taken, refused) => {
      this.#letters.push({ job, body, taken, refused });
      void this.#go();
    });
  }

  /** Takes back a job that has not gone out. @param {Job} job */
  takeBack(job) {
    const at = this.#letters.findIndex((each) => each.job === job);
    if (at >= 0 && !(at === 0 && this.#isBusy)) this.#letters.splice(at, 1)[0].refused(new DOMException("taken back", "AbortError"));
  }

  async #go() {
    clearTimeout(this.#later);
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#letters.length) {
      const letter = this.#letters[0];
      try {
        const answer = await this.#server.ask("POST", "/prompt", letter.body);
        this.#letters.shift();
        this.#say("");
        letter.taken(answer);
      } catch (error) {
        const isAway = !(error instanceof Refusal) || error.status === 502 || error.status === 504;
        if (isAway || LATER.has(error.body?.error?.type)) {
          this.#say(isAway ? "away" : "starting");
          this.#later = setTimeout(() => void this.#go(), PATIENCE_MS);
          break;
        }
        this.#letters.shift();
        this.#say("");
        letter.refused(error);
      }
    }
    this.#isBusy = false;
  }

  /** @param {Trouble} trouble */
  #say(trouble) {
    if (this.trouble === trouble) return;
    this.trouble = trouble;
    this.onTrouble(trouble);
  }
}
