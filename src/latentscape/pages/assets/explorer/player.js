/* One sound at a time, for the whole page. */

import { make } from "./dom.js";

const SHAPES = { play: "M4 2.5v11l9.5-5.5z", pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z" };

class Player {
  constructor() {
    Object.assign(this, { row: -1, problem: "", listeners: new Set(), audio: null, wanted: 0 });
  }

  get isPlaying() { return Boolean(this.audio) && !this.audio.paused && !this.audio.ended; }

  get seconds() { return this.audio?.currentTime ?? 0; }

  get duration() { return Number.isFinite(this.audio?.duration) ? this.audio.duration : 0; }

  isPlayingRow(row) { return this.row === row && this.isPlaying; }

  toggle(row, media) {
    if (this.isPlayingRow(row)) this.pause();
    else this.play(row, media);
  }

  /* From where it was left; a share in [0, 1] begins there. */
  play(row, media, share = null) {
    if (!media) return;
    this.audio ??= this.#makeAudio();
    const { audio } = this;
    if (this.row !== row || this.problem) {
      Object.assign(this, { row, problem: "", wanted: share ?? 0 });
      audio.src = media.url;
    } else if (share !== null) {
      this.wanted = share;
      this.#seek();
    }
    audio.play().catch((error) => {
      if (error.name !== "AbortError" && !this.problem) this.#fail(error.name);
    });
    this.#tell();
  }

  pause() { this.audio?.pause(); }

  /* The listener is called until it is taken away by what this returns. */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  #makeAudio() {
    const audio = new Audio();
    audio.preload = "auto";
    audio.addEventListener("loadedmetadata", () => this.#seek());
    audio.addEventListener("error", () => audio.getAttribute("src") && this.#fail("NotSupportedError"));
    for (const name of ["pause", "ended", "seeked", "timeupdate"]) audio.addEventListener(name, () => this.#tell());
    audio.addEventListener("play", () => this.#watch());
    return audio;
  }

  #seek() {
    if (!this.duration) return;
    if (this.wanted) this.audio.currentTime = Math.min(this.wanted * this.duration, this.duration - 0.01);
    this.wanted = 0;
  }

  /* "timeupdate" comes four times a second: too seldom for a line that moves. */
  #watch() {
    this.#tell();
    if (this.isPlaying && !matchMedia("(prefers-reduced-motion: reduce)").matches) requestAnimationFrame(() => this.#watch());
  }

  #fail(name) {
    this.problem = name === "NotAllowedError"
      ? "The browser did not allow the sound to start: press play again."
      : "This sound can't be played: its file is not where it was when the page was written, or is of an unknown format.";
    this.#tell();
  }

  #tell() { for (const listener of this.listeners) listener(this); }
}

export const player = new Player();

/* A small round button; `showPlaying` keeps those of a view in step with the player. */
export function makePlayButton(state, row, name) {
  return make("button", {
    type: "button", class: "lists-play", "data-plays": row, "data-name": name, "aria-pressed": "false", "aria-label": `Play ${name}`,
    onclick: (event) => {
      event.stopPropagation();
      player.toggle(row, state.data.media(row));
    },
  }, make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, make("path", { d: SHAPES.play })));
}

export function showPlaying(element) {
  for (const button of element.querySelectorAll("[data-plays]")) {
    const isPlaying = player.isPlayingRow(Number(button.dataset.plays));
    if ((button.getAttribute("aria-pressed") === "true") === isPlaying) continue;
    button.setAttribute("aria-pressed", String(isPlaying));
    button.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${button.dataset.name}`);
    button.querySelector("path").setAttribute("d", isPlaying ? SHAPES.pause : SHAPES.play);
  }
}
