/* A sound as a row of bars that shows where it plays, and seeks. */

import { make } from "./dom.js";
import { player } from "./player.js";

const BARS_WIDE = 288;
const BARS_HIGH = 44;
const N_DECODED = 96;

/* Bars 0..255, the loudest moment 255. */
function measurePeaks(samples, count) {
  const loudest = Array.from({ length: count }, (_, bar) => {
    const [from, to] = [bar, bar + 1].map((edge) => Math.floor((edge * samples.length) / count));
    let most = 0;
    for (let i = from; i < to; i++) most = Math.max(most, Math.abs(samples[i]));
    return most;
  });
  const top = Math.max(...loudest);
  return Uint8Array.from(loudest, (one) => (top ? Math.round((255 * one) / top) : 0));
}

/* The bars of a sound that came without them; null where its file can't be had. */
async function decodePeaks(bytes) {
  if (!bytes) return null;
  const sound = await new OfflineAudioContext(1, 1, 22050).decodeAudioData(bytes);
  return measurePeaks(sound.getChannelData(0), N_DECODED);
}

function drawWave(peaks, share) {
  const step = BARS_WIDE / peaks.length;
  let path = "";
  for (let bar = 0; bar < Math.round(peaks.length * share); bar++) {
    const half = Math.max(1, (peaks[bar] / 255) * (BARS_HIGH / 2 - 1));
    path += `M${(step * (bar + 0.5)).toFixed(1)} ${(BARS_HIGH / 2 - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
  }
  return path;
}

const saySeconds = (seconds) => `${seconds.toFixed(1)} s`;

/* The sound at a glance: its bars and its length; null where nothing is known of it. */
export function makeStrip({ peaks, seconds }) {
  const bars = peaks?.some((bar) => bar > 0)
    ? [make("svg", { viewBox: `0 0 ${BARS_WIDE} ${BARS_HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      make("path", { d: drawWave(peaks, 1) }))] : [];
  const words = seconds ? [make("span", {}, saySeconds(seconds))] : [];
  return bars.length || words.length ? make("div", { class: "map-card-sound" }, ...bars, ...words) : null;
}

/* `{ element, stop }`: call `stop` when it is taken off the page. */
export function makeWaveform(state, row, media) {
  let peaks = media.peaks?.some((bar) => bar > 0) ? media.peaks : null;
  const [rest, played] = ["lists-rest", "lists-played"].map((name) => make("path", { class: name, d: "" }));
  const time = make("span", { class: "lists-time" });
  const problem = make("p", { class: "lists-problem", role: "alert", hidden: true });
  const bars = make("svg", {
    viewBox: `0 0 ${BARS_WIDE} ${BARS_HIGH}`, preserveAspectRatio: "none", class: "lists-wave", role: "slider", tabindex: "0",
    "aria-label": "Place in the sound", "aria-valuemin": 0,
    onpointerdown: (event) => seekTo((event.clientX - bars.getBoundingClientRect().left) / bars.getBoundingClientRect().width),
    onkeydown: (event) => press(event),
  }, rest, played);
  const lengthOf = () => (player.row === row && player.duration) || media.seconds || 0;
  const shareNow = () => (player.row === row && lengthOf() ? Math.min(1, player.seconds / lengthOf()) : 0);
  const seekTo = (share) => player.play(row, media, Math.min(1, Math.max(0, share)));
  const press = (event) => {
    const step = { ArrowRight: 0.05, ArrowLeft: -0.05, Home: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    seekTo(shareNow() + step);
  };
  const draw = () => {
    const share = shareNow();
    const shape = peaks ?? new Uint8Array(N_DECODED);
    played.setAttribute("d", drawWave(shape, share));
    const [now, length] = [share * lengthOf(), lengthOf()];
    time.textContent = !length ? "" : share ? `${saySeconds(now)} of ${saySeconds(length)}` : saySeconds(length);
    for (const [name, value] of [["valuemax", length.toFixed(1)], ["valuenow", now.toFixed(1)], ["valuetext", saySeconds(now)]]) {
      bars.setAttribute(`aria-${name}`, value);
    }
    problem.textContent = player.row === row ? player.problem : "";
    problem.hidden = !problem.textContent;
  };
  const show = () => {
    rest.setAttribute("d", drawWave(peaks ?? new Uint8Array(N_DECODED), 1));
    draw();
  };
  show();
  if (!peaks) state.data.mediaBytes(row).then(decodePeaks).then((found) => { peaks = found; show(); }, () => null);
  return { element: make("div", { class: "lists-sound" }, bars, time, problem), stop: player.listen(draw) };
}
