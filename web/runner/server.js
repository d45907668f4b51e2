/** The server as this page sees it: requests that answer or explain themselves, and a websocket that comes back. */

/**
 * @typedef {Record<string, {class_type: string, inputs: Record<string, any>, _meta?: {title?: string}}>} Graph
 * @typedef {{filename: string, subfolder: string, type: string}} Picture
 * @typedef {{type: string, data: any}} Message
 */

const MOST_TRIES = 30;

/** A request that the server refused, in its own words. */
export class Refusal extends Error {}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<any>} The JSON of the answer, or null if it is empty.
 */
export async function ask(path, options) {
  let response;
  for (let tries = 1; ; tries += 1) {
    try {
      response = await fetch(path, options);
    } catch {
      throw new Refusal("The server does not answer. Is it still running?");
    }
    const pause = Number(response.headers.get("Retry-After")); // s; set while the first worker is loading
    if (response.status !== 503 || !pause || tries === MOST_TRIES) break;
    await new Promise((resolve) => setTimeout(resolve, 1000 * pause));
  }
  const text = await response.text();
  const body = readJson(text);
  if (!response.ok) throw new Refusal(wordsOf(body) || `The server answered ${response.status}.`);
  return body;
}

/**
 * @param {string} path
 * @param {any} body
 */
export function send(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/**
 * Stores a file among the input pictures.
 * @param {File} file
 * @returns {Promise<string>} The name under which a workflow finds it.
 */
export async function upload(file) {
  const form = new FormData();
  form.append("image", file, file.name);
  const stored = await ask("/upload/image", { method: "POST", body: form });
  return stored.subfolder ? `${stored.subfolder}/${stored.name}` : stored.name;
}

/**
 * @param {Picture} picture
 * @param {string} [preview] such as `webp;85`; without it, the file itself
 */
export function addressOf(picture, preview) {
  const query = new URLSearchParams({ ...picture });
  if (preview) query.set("preview", preview);
  return `/view?${query}`;
}

/**
 * Keeps a websocket open for as long as the page is.
 * @param {{message: (message: Message) => void, preview: (picture: Blob, about: any) => void,
 *          open: () => void, lost: () => void}} listener
 * @returns {string} The id under which to queue jobs, so that their messages come here.
 */
export function listen(listener) {
  const clientId = sessionStorage.getItem("client-id") ?? randomId();
  sessionStorage.setItem("client-id", clientId);
  let pause = 300; // ms until the next try; grows while the server is away

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws?clientId=${encodeURIComponent(clientId)}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      pause = 300;
      const flags = { supports_preview_metadata: true, supports_progress_text_metadata: true };
      socket.send(JSON.stringify({ type: "feature_flags", data: flags }));
      listener.open();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") {
        const message = readJson(data);
        if (message) listener.message(message);
      } else {
        readFrame(data, listener.preview);
      }
    };
    socket.onclose = () => {
      listener.lost();
      setTimeout(connect, pause);
      pause = Math.min(2 * pause, 5000);
    };
  };
  connect();
  return clientId;
}

/**
 * A binary frame: kind 4 is a preview with what it belongs to.
 * @param {ArrayBuffer} frame
 * @param {(picture: Blob, about: any) => void} take
 */
function readFrame(frame, take) {
  const view = new DataView(frame);
  if (frame.byteLength < 8 || view.getUint32(0) !== 4) return;
  const length = view.getUint32(4);
  const about = readJson(new TextDecoder().decode(new Uint8Array(frame, 8, length)));
  if (about) take(new Blob([new Uint8Array(frame, 8 + length)], { type: about.image_type }), about);
}

/** @param {any} body */
function wordsOf(body) {
  const nodes = Object.values(body?.node_errors ?? {}).flatMap((/** @type {any} */ node) => node.errors ?? []);
  const lines = nodes.map((/** @type {any} */ each) => each.details || each.message);
  return [...new Set(lines.length ? lines : [body?.error?.details || body?.error?.message || ""])].join("\n");
}

/** @param {string} text */
function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function randomId() {
  // `crypto.randomUUID` exists on localhost and https only; a server in the house network has neither.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
