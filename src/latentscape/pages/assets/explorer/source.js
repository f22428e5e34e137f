/* The data of the page as its views read them: see `openData`. What is large is unpacked late, what colors the map first. */

import { openPayload } from "./payload.js";
import { readDetails, askDetails } from "./source_details.js";
import { fetchMedia, openMedia, openThumbnails } from "./source_media.js";
import { searchRows, askSearch } from "./source_search.js";

/* Up to here everything is there at once; with more, ids and texts come after the first picture. */
const FEW = 20000;

/* Everything about this run. `ready` is a promise that ids, texts and media are there too; until then ids are numbers. */
export async function openData() {
  const payload = await openPayload();
  const { header } = payload;
  const columns = await Promise.all(header.columns.map((column) => readColumn(payload, column)));
  const frames = await Promise.all(header.frames.map((frame) => readFrame(payload, frame)));
  const data = new RunData(payload, columns, frames);
  data.ready = data.n <= FEW ? data.readRest() : pause().then(() => data.readRest());
  if (data.n <= FEW) await data.ready;
  return data;
}

/* A moment for the browser to draw; a page in the background draws nothing, so it does not wait for that. */
function pause() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve, 0));
    setTimeout(resolve, 300);
  });
}

async function readColumn(payload, column) {
  const { key, title, about, kind } = column;
  const told = { key, title, about, kind };
  if (kind === "number") return { ...told, worst: column.worst, numbers: await payload.array(column.numbers) };
  if (kind === "text") return { ...told, isHere: column.texts !== null, isOwn: column.isOwn };
  const again = (list) => column.values.map((_, i) => list[i % list.length]);
  const codes = await payload.array(column.codes);
  return { ...told, values: column.values, absent: column.absent, codes, colors: again(column.colors), shapes: again(column.shapes) };
}

async function readFrame(payload, frame) {
  const [xy, trust] = await Promise.all([payload.array(frame.xy), payload.array(frame.trust)]);
  return { ...frame, xy, trust };
}

class RunData {
  constructor(payload, columns, frames) {
    const { header } = payload;
    for (const name of ["n", "study", "title", "headline", "facts", "stamps", "captions", "foot", "color", "shape", "layers", "answers",
      "ramp", "profile", "metrics", "hasRanks", "hasNeighbors", "isServed"]) this[name] = header[name];
    this.payload = payload;
    this.columns = columns;
    this.frames = frames;
    this.byKey = new Map(columns.map((column) => [column.key, column]));
    this.texts = new Map();
    this.ids = null;
    this.clips = null;
    this.thumbnails = null;
    this.hasMedia = header.media?.kind ?? (header.thumbnails ? "image" : "");
  }

  async readRest() {
    const { payload } = this;
    const { header } = payload;
    [this.clips, this.thumbnails] = await Promise.all([openMedia(payload), openThumbnails(payload)]);
    if (header.ids) this.ids = await payload.texts(header.ids);
    for (const { key, texts } of header.columns) if (texts) this.texts.set(key, await payload.texts(texts));
  }

  column(key) { return this.byKey.get(key); }

  idOf(i) { return this.ids ? this.ids[i] : String(i); }

  /* Nothing where texts don't travel in the page: `details` has them. */
  textOf(key, i) { return this.texts.get(key)?.[i] ?? ""; }

  /* What is known of one sample beyond its columns. */
  async details(i, { layer = "", checkpoint = 0 } = {}) {
    await this.ready;
    return this.isServed ? askDetails(i, { layer, checkpoint }) : readDetails(this, i, { layer, checkpoint });
  }

  /* The sound or picture of a sample; its thumbnail where there is no more of it. */
  media(i) {
    const found = this.clips?.find(i);
    if (found) return found;
    const url = this.thumbnails?.url(i);
    return url ? { kind: "image", url, isSmall: true } : null;
  }

  /* What a sample looks like in little room: empty where it is no picture. */
  pictureOf(i) {
    const small = this.thumbnails?.url(i);
    if (small) return small;
    const found = this.clips?.find(i);
    return found?.kind === "image" ? found.url : "";
  }

  /* The file itself, where it can be had: a page opened from the disk may not read the files beside it. */
  mediaBytes(i) { return this.isServed ? fetchMedia(this.media(i)) : Promise.resolve(null); }

  /* 1 for each sample in whose id, texts and values every word occurs. */
  async search(text) {
    await this.ready;
    return this.isServed ? askSearch(text, this.n) : searchRows(this, text);
  }
}
