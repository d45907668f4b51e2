/** Players of videos and sounds: one for nodes, results, forms and dialogs. What this browser cannot play is said on it. */

import { h, icon } from "./dom.js";

/** @import { Editor } from "./editor.js" */

/** @typedef {{filename: string, subfolder?: string, type?: string, [more: string]: any}} NamedFile  as the server names it */

const LOUDNESS = "heddle.loudness"; // where the browser keeps how loud players are
const OWN_KEYS = new Set([" ", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);
const WARNING = "M12 4l9 16H3zM12 10v4M12 17v.01";

export class Player {
  /** @type {HTMLVideoElement | HTMLAudioElement} */
  media;
  #editor;
  #file;
  #src;
  #trouble = h("div", { class: "player-trouble", role: "alert", hidden: true });

  /**
   * @param {Editor} editor
   * @param {object} what
   * @param {"video" | "audio"} what.kind
   * @param {string} what.src
   * @param {string} what.name  for those who hear the page
   * @param {NamedFile} [what.file]  what the server can say more of
   * @param {string} [what.class]
   * @param {boolean} [what.isLoud]  as soon as it can
   */
  constructor(editor, { kind, src, name, file, class: more = "", isLoud = false }) {
    this.#editor = editor;
    this.#file = file;
    this.#src = src;
    const media = h(kind, {
      src, controls: true, preload: "metadata", loop: kind === "video", playsinline: true, autoplay: isLoud, "aria-label": name,
      poster: kind === "video" && file ? posterOf(editor, file) : null,
    });
    this.media = media;
    this.element = h("div", { class: `player player-${kind} ${more}` }, media, this.#trouble);
    takeLoudness(media);
    media.addEventListener("play", () => takeLoudness(media)); // another player may have been turned down meanwhile
    media.addEventListener("volumechange", () => keepLoudness(media));
    media.addEventListener("error", () => void this.#explain());
    media.addEventListener("loadedmetadata", () => {
      this.#trouble.hidden = true;
      if (!(media instanceof HTMLVideoElement)) return;
      if (media.videoWidth) media.style.aspectRatio = `${media.videoWidth} / ${media.videoHeight}`; // whatever size the frame before has
      else void this.#explain();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.target === media && OWN_KEYS.has(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); // it winds and pauses; nothing else moves
    });
  }

  get isPlaying() {
    return !this.media.paused && !this.media.ended;
  }

  /** Plays, or pauses. */
  async toggle() {
    if (this.isPlaying) return this.media.pause();
    try {
      await this.media.play();
    } catch {
      if (!this.media.error) return; // it was taken away or paused before it began
      await this.#explain();
    }
  }

  /** Silent, or heard again. */
  mute() {
    this.media.muted = !this.media.muted;
    keepLoudness(this.media); // at once: a player that is just starting asks for it
  }

  /** Says why there is nothing to be seen or heard. */
  async #explain() {
    const { media } = this;
    const t = this.#editor.text.bind(this.#editor);
    const name = this.#file?.filename ?? "";
    const isSilent = Boolean(media.error);
    if (!this.#file) return this.#say(t("player.cannot-play"), false);
    let known;
    try {
      const query = new URLSearchParams({ filename: name, subfolder: this.#file.subfolder ?? "", type: this.#file.type ?? "output" });
      known = await this.#editor.server.get(`/heddle/outputs/metadata?${query}`);
    } catch (error) {
      return this.#say(t(/** @type {any} */ (error)?.status === 404 ? "player.gone" : "player.no-answer", { name }), false);
    }
    const codec = (media instanceof HTMLVideoElement && known.video_codec) || known.audio_codec;
    if (!isSilent && !known.video_codec) return undefined; // a sound in a file of videos
    if (!codec) return this.#say(t("player.damaged", { name }), true);
    return this.#say(t(isSilent ? "player.no-codec" : "player.no-picture", { name, codec }), true);
  }

  /** @param {string} text @param {boolean} hasFile */
  #say(text, hasFile) {
    this.#trouble.replaceChildren(icon(WARNING), h("p", {}, text),
      ...(hasFile ? [h("a", { href: this.#src, download: this.#file?.filename ?? "" }, this.#editor.text("player.download"))] : []));
    this.#trouble.classList.toggle("has-sound", !this.media.error && this.media.readyState > 0);
    this.#trouble.hidden = false;
  }
}

/** A frame of a video. @param {Editor} editor @param {NamedFile} file */
function posterOf(editor, { filename, subfolder = "", type = "output" }) {
  const path = [...(subfolder ? subfolder.split("/") : []), filename].map(encodeURIComponent).join("/");
  return editor.server.address(`/heddle/thumbnails/${type}/${path}?px=512`);
}

/** @param {HTMLMediaElement} media */
function takeLoudness(media) {
  try {
    const { volume, muted } = JSON.parse(localStorage.getItem(LOUDNESS) ?? "{}");
    if (volume >= 0 && volume <= 1) media.volume = volume;
    if (typeof muted === "boolean") media.muted = muted;
  } catch {
    // as loud as the browser has it
  }
}

/** @param {HTMLMediaElement} media */
function keepLoudness({ volume, muted }) {
  try {
    localStorage.setItem(LOUDNESS, JSON.stringify({ volume, muted }));
  } catch {
    // this browser keeps nothing
  }
}
