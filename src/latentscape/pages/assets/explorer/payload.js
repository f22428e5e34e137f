/* Reading the payload: a header of words, and arrays and texts behind it, each unpacked when it is asked for. */

const MAGIC = "latspace";
const VERSION = 1;
const HEAD_BYTES = 16;
const CHUNK = 3 << 18;

/* Bytes that lie in the page as base64: only what is read is decoded. Three bytes are four letters. */
class WrittenBytes {
  constructor(text) {
    this.text = text;
    this.length = Math.floor((3 * text.length) / 4);
  }

  read(start, end) {
    const first = Math.floor(start / 3);
    const letters = this.text.slice(4 * first, 4 * Math.ceil(end / 3));
    return decodeLetters(letters).subarray(start - 3 * first, end - 3 * first);
  }
}

/* Bytes that came from the server. */
class FetchedBytes {
  constructor(buffer) {
    this.bytes = new Uint8Array(buffer);
    this.length = this.bytes.length;
  }

  read(start, end) { return this.bytes.subarray(start, end); }
}

function decodeLetters(letters) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(letters);
  const ending = letters.endsWith("==") ? 2 : letters.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((letters.length / 4) * 3 - ending);
  /* In parts: `atob` makes a string of each. */
  for (let start = 0; start < bytes.length; start += CHUNK) {
    const part = atob(letters.slice((start / 3) * 4, ((start + CHUNK) / 3) * 4));
    for (let i = 0; i < part.length; i++) bytes[start + i] = part.charCodeAt(i);
  }
  return bytes;
}

async function inflate(packed, size) {
  const stream = new DecompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  const written = Promise.all([writer.write(packed), writer.close()]);
  /* What is wrong with the bytes is told by the reader below, too. */
  written.catch(() => null);
  const bytes = new Uint8Array(size ?? packed.length * 4);
  const reader = stream.readable.getReader();
  const parts = [];
  let filled = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (size !== undefined) bytes.set(next.value, filled);
    else parts.push(next.value);
    filled += next.value.length;
  }
  await written;
  if (size === undefined) return new Uint8Array(await new Blob(parts).arrayBuffer());
  if (filled !== size) throw new Error("This page is damaged: a part of its data is too short.");
  return bytes;
}

/* The parts of one payload. */
class Payload {
  constructor(bytes, header, start) {
    this.bytes = bytes;
    this.header = header;
    this.start = start;
  }

  /* Bytes from anywhere behind the header. */
  raw(start, end) { return this.bytes.read(this.start + start, this.start + end); }

  async #piece(described, index, size) {
    const [start, length] = described.places[index];
    const bytes = this.raw(start, start + length);
    return described.packed[index] ? inflate(bytes, size) : bytes;
  }

  /* An array: all lowest bytes of its numbers are one piece, all the next ones another. */
  async array(described) {
    const { kind, n } = described;
    const pieces = await Promise.all(described.places.map((_, index) => this.#piece(described, index, n)));
    if (kind === "u1") return pieces[0].byteOffset || pieces[0].length !== n ? pieces[0].slice() : pieces[0];
    return kind === "u2" ? joinTwo(pieces, n) : joinFour(pieces, kind, n);
  }

  /* Texts of one line each. */
  async texts(described) {
    const bytes = await this.#piece(described, 0, described.n);
    return new TextDecoder().decode(bytes).split("\n");
  }
}

/* Two bytes a number, by far the most frequent, in one quick pass. */
function joinTwo([low, high], n) {
  const values = new Uint16Array(n);
  for (let i = 0; i < n; i++) values[i] = low[i] | (high[i] << 8);
  return values;
}

function joinFour([a, b, c, d], kind, n) {
  const values = new Uint32Array(n);
  for (let i = 0; i < n; i++) values[i] = a[i] | (b[i] << 8) | (c[i] << 16) | (d[i] << 24);
  return kind === "f4" ? new Float32Array(values.buffer) : values;
}

/* The payload of this page: inside it, or, where that is empty, at the server it comes from. */
export async function openPayload() {
  const written = document.getElementById("payload")?.textContent.trim() ?? "";
  const bytes = written ? new WrittenBytes(written) : new FetchedBytes(await fetchPayload());
  const [version, length] = await readOrSay(() => readHead(bytes));
  if (version !== VERSION) throw new Error(`The data of this page are of version ${version}, its script reads version ${VERSION}.`);
  const start = HEAD_BYTES + length;
  const header = await readOrSay(async () => JSON.parse(new TextDecoder().decode(await inflate(bytes.read(HEAD_BYTES, start)))));
  if (bytes.length < start + header.bytes) throw new Error("This page is damaged: it is cut short.");
  return new Payload(bytes, header, start);
}

function readHead(bytes) {
  const head = bytes.read(0, HEAD_BYTES).slice();
  if (new TextDecoder().decode(head.subarray(0, MAGIC.length)) !== MAGIC) throw new Error();
  return new Uint32Array(head.buffer, MAGIC.length, 2);
}

/* What the browser says of a letter that is no base64 helps nobody. */
async function readOrSay(read) {
  try {
    return await read();
  } catch {
    throw new Error("This page is damaged: its data cannot be unpacked.");
  }
}

async function fetchPayload() {
  if (!location.protocol.startsWith("http")) throw new Error("This page is damaged: it holds no data.");
  const answer = await fetch("payload", { cache: "no-store" });
  if (!answer.ok) throw new Error(`The server does not give the data of this page (${answer.status}).`);
  return answer.arrayBuffer();
}
