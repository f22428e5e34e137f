/* Files that the page hands to its reader. */

import { make } from "./dom.js";

const KEPT_MS = 60000;

/* `parts` are texts or bytes. */
export function download(name, parts, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = make("a", { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/* True when the text is in the clipboard. Pages inside a frame, and some opened as a file, only know the older way. */
export async function copyText(text) {
  try {
    if (window.top !== window) return copyByField(text);
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByField(text);
  }
}

function copyByField(text) {
  const field = make("textarea", { class: "lists-unseen", readonly: true, "aria-hidden": "true", tabindex: "-1" });
  const active = document.activeElement;
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  active?.focus?.();
  return done;
}
