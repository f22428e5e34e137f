/* The sound or picture of each sample: inside the page, beside it, or at the server. */

export async function openMedia(payload) {
  const { media, isServed } = payload.header;
  if (!media) return null;
  const read = (part) => (part ? payload.array(part) : null);
  const [seconds, peakRows, peaks, has, clipRows, clipEnds] = await Promise.all(
    ["seconds", "peakRows", "peaks", "has", "clipRows", "clipEnds"].map((name) => read(media[name])),
  );
  const links = media.links ? await payload.texts(media.links) : null;
  return new MediaFiles(payload, { seconds, peakRows, peaks, has, clipRows, clipEnds, links, isServed });
}

const LONGEST_FETCHED = 30000000;
/* Bytes: larger files play without a picture of them. */

/* The bytes of what the server has of a sample; null where it is too much. */
export async function fetchMedia(media) {
  const answer = media ? await fetch(media.url) : null;
  if (!answer?.ok || Number(answer.headers.get("content-length")) > LONGEST_FETCHED) return null;
  const bytes = await answer.arrayBuffer();
  return bytes.byteLength && bytes.byteLength <= LONGEST_FETCHED ? bytes : null;
}

/* The small picture of each sample; null where the run has none. */
export async function openThumbnails(payload) {
  const { thumbnails, isServed } = payload.header;
  if (!thumbnails) return null;
  const read = (part) => (part ? payload.array(part) : null);
  const [has, clipRows, clipEnds] = await Promise.all(["has", "clipRows", "clipEnds"].map((name) => read(thumbnails[name])));
  return new Thumbnails(payload, { has, clipRows, clipEnds, isServed });
}

/* Files that lie one after the other in the page: each becomes one of the browser's when it is first asked for. */
class InsideFiles {
  constructor(payload, { clips, mime }, rows, ends) {
    Object.assign(this, { payload, clips, mime, ends, places: numberRows(rows), urls: new Map() });
  }

  has(i) { return this.places.has(i); }

  url(i) {
    if (!this.urls.has(i)) {
      const { clips, ends } = this;
      const at = this.places.get(i);
      const bytes = this.payload.raw(clips + (at ? ends[at - 1] : 0), clips + ends[at]);
      this.urls.set(i, URL.createObjectURL(new Blob([bytes], { type: this.mime })));
    }
    return this.urls.get(i);
  }
}

class Thumbnails {
  constructor(payload, { has, clipRows, clipEnds, isServed }) {
    Object.assign(this, { has, isServed, inside: new InsideFiles(payload, payload.header.thumbnails, clipRows, clipEnds) });
  }

  /* Its address; empty where the sample has none. */
  url(i) {
    if (this.isServed) return this.has?.[i] ? `thumbnails/${i}` : "";
    return this.inside.has(i) ? this.inside.url(i) : "";
  }
}

class MediaFiles {
  constructor(payload, parts) {
    this.payload = payload;
    Object.assign(this, parts);
    this.inside = new InsideFiles(payload, payload.header.media, parts.clipRows, parts.clipEnds);
    this.peaksOf = numberRows(parts.peakRows);
  }

  find(i) {
    const { kind } = this.payload.header.media;
    const url = this.#url(i);
    if (!url) return null;
    return { kind, url, seconds: this.seconds ? this.seconds[i] : NaN, peaks: this.#peaks(i), isInside: this.inside.has(i) };
  }

  #url(i) {
    if (this.isServed) return this.has?.[i] ? `media/${i}` : "";
    return this.inside.has(i) ? this.inside.url(i) : this.links?.[i] ?? "";
  }

  #peaks(i) {
    const { bars } = this.payload.header.media;
    const at = this.peaksOf.get(i);
    return at === undefined ? null : this.peaks.subarray(at * bars, (at + 1) * bars);
  }
}

/* Where each row stands in a list of rows. */
function numberRows(rows) {
  const places = new Map();
  rows?.forEach((row, place) => places.set(row, place));
  return places;
}
