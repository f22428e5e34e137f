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

class MediaFiles {
  constructor(payload, parts) {
    this.payload = payload;
    Object.assign(this, parts);
    this.clipOf = numberRows(parts.clipRows);
    this.peaksOf = numberRows(parts.peakRows);
    this.urls = new Map();
  }

  find(i) {
    const { kind } = this.payload.header.media;
    const url = this.#url(i);
    if (!url) return null;
    return { kind, url, seconds: this.seconds ? this.seconds[i] : NaN, peaks: this.#peaks(i), isInside: this.clipOf.has(i) };
  }

  #url(i) {
    if (this.isServed) return this.has?.[i] ? `media/${i}` : "";
    if (this.clipOf.has(i)) return this.#clip(i);
    return this.links?.[i] ?? "";
  }

  /* A clip becomes a file of the browser when it is first asked for. */
  #clip(i) {
    if (!this.urls.has(i)) {
      const { clips, mime } = this.payload.header.media;
      const at = this.clipOf.get(i);
      const bytes = this.payload.raw(clips + (at ? this.clipEnds[at - 1] : 0), clips + this.clipEnds[at]);
      this.urls.set(i, URL.createObjectURL(new Blob([bytes], { type: mime })));
    }
    return this.urls.get(i);
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
