/* What is looked at, as an address that can be sent: it follows every choice, and is read when the page opens. */

import { make } from "./dom.js";
import { copyText } from "./download.js";
import { applyQuery } from "./find.js";
import { readLink, writeLink } from "./link_words.js";

const WRITE_MS = 400;
/* Safari allows a hundred changes of the address in half a minute. */
const REMARK_MS = 12000;

export function mountDeepLink(element, state) {
  const remark = make("span", { class: "lists-remark", role: "status", hidden: true });
  let current = "", waiting = 0, fading = 0;
  const say = (text) => {
    clearTimeout(fading);
    remark.textContent = text;
    remark.hidden = !text;
    fading = setTimeout(() => { remark.hidden = true; }, REMARK_MS);
  };
  const write = () => {
    clearTimeout(waiting);
    const { hash, isWhole } = writeLink(state);
    if (hash !== current) showHash(hash);
    current = hash;
    return isWhole;
  };
  const open = (hash) => {
    clearTimeout(waiting);
    const { choices, remarks } = readLink(state.data, hash);
    const { query = "", ...others } = choices;
    state.set(others);
    if (query || state.choice.query) applyQuery(state, query).catch(() => say("The search of this link failed."));
    if (remarks.length) say(`Of this link was left out: ${remarks.slice(0, 3).join("; ")}${remarks.length > 3 ? " …" : ""}.`);
  };
  const copy = async () => {
    const isWhole = write();
    const address = addressOf(current);
    const done = await copyText(address);
    const what = address.startsWith("#") ? "Copied; put it behind the address of explorer.html" : "Link copied";
    if (!done) say(`Copy this: ${address}`);
    else say(isWhole ? `${what}.` : `${what}, without the selection: it is too large.`);
  };
  const title = "Copy a link to exactly what is shown";
  element.replaceChildren(make("button", { type: "button", class: "lists-button", title, onclick: copy }, "Copy link"), remark);
  if (location.hash.length > 1) open(location.hash);
  addEventListener("hashchange", () => open(location.hash));
  state.listen(() => {
    clearTimeout(waiting);
    waiting = setTimeout(write, WRITE_MS);
  });
}

/* A page inside a notebook has no address of its own: its browser refuses, and the hash is kept for "Copy link" only. */
function showHash(hash) {
  try {
    history.replaceState(history.state, "", `#${hash}`);
  } catch {
    document.body.dataset.hash = hash;
  }
}

/* Without what stands between `?` and `#`: that is nobody else's business. */
function addressOf(hash) {
  return location.protocol === "about:" ? `#${hash}` : `${location.href.split(/[?#]/)[0]}#${hash}`;
}
