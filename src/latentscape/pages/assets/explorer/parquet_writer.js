/* A small Parquet file: two required columns, plain, uncompressed. The footer is Thrift in its compact form. */

const PARQUET_MAGIC = [0x50, 0x41, 0x52, 0x31];
const [T_I32, T_I64, T_BINARY, T_LIST, T_STRUCT] = [5, 6, 8, 9, 12];
const [P_INT64, P_BYTES] = [2, 6];
const [PLAIN, RLE, UTF8, REQUIRED] = [0, 3, 0, 0];
const ROWS_A_GROUP = 100000;

const utf8 = new TextEncoder();

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

/* Values of Thrift, each `[type, bytes]`. None here is negative, so zigzag is doubling. */
const i32 = (value) => [T_I32, varint(2 * value)];
const i64 = (value) => [T_I64, varint(2n * BigInt(value))];
const binary = (text) => { const bytes = utf8.encode(text); return [T_BINARY, [...varint(bytes.length), ...bytes]]; };

function listOf(type, items) {
  const head = items.length < 15 ? [(items.length << 4) | type] : [0xf0 | type, ...varint(items.length)];
  return [T_LIST, [...head, ...items.flatMap(([, bytes]) => bytes)]];
}

/* `fields` by their numbers, in order: `struct({ 1: i32(0), 5: ... })`. */
function struct(fields) {
  const bytes = [];
  let last = 0;
  for (const [id, [type, value]] of Object.entries(fields)) {
    bytes.push(((id - last) << 4) | type, ...value);
    last = Number(id);
  }
  return [T_STRUCT, [...bytes, 0]];
}

function encodeTexts(texts) {
  const encoded = texts.map((text) => utf8.encode(text));
  const bytes = new Uint8Array(encoded.reduce((sum, one) => sum + 4 + one.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const one of encoded) {
    view.setUint32(at, one.length, true);
    bytes.set(one, at + 4);
    at += 4 + one.length;
  }
  return bytes;
}

function encodeNumbers(numbers) {
  const view = new DataView(new ArrayBuffer(8 * numbers.length));
  numbers.forEach((number, i) => view.setBigInt64(8 * i, BigInt(number), true));
  return new Uint8Array(view.buffer);
}

/* One page, the only one of its column chunk; `place` is where it begins in the file. */
function writeChunk({ name, type, bytes, count, place }) {
  const page = struct({ 1: i32(count), 2: i32(PLAIN), 3: i32(RLE), 4: i32(RLE) });
  const head = Uint8Array.from(struct({ 1: i32(0), 2: i32(bytes.length), 3: i32(bytes.length), 5: page })[1]);
  const size = head.length + bytes.length;
  const meta = struct({
    1: i32(type), 2: listOf(T_I32, [i32(PLAIN)]), 3: listOf(T_BINARY, [binary(name)]), 4: i32(0),
    5: i64(count), 6: i64(size), 7: i64(size), 9: i64(place),
  });
  return { parts: [head, bytes], size, chunk: struct({ 2: i64(place), 3: meta }) };
}

function writeFooter(count, groups) {
  const leaf = (name, type, more) => struct({ 1: i32(type), 3: i32(REQUIRED), 4: binary(name), ...more });
  const root = struct({ 4: binary("samples"), 5: i32(2) });
  const schema = listOf(T_STRUCT, [root, leaf("id", P_BYTES, { 6: i32(UTF8) }), leaf("row", P_INT64, {})]);
  const footer = struct({ 1: i32(1), 2: schema, 3: i64(count), 4: listOf(T_STRUCT, groups), 6: binary("latentscape") })[1];
  const bytes = new Uint8Array(footer.length + 8);
  bytes.set(footer);
  new DataView(bytes.buffer).setUint32(footer.length, footer.length, true);
  bytes.set(PARQUET_MAGIC, footer.length + 4);
  return bytes;
}

/* Parts of a file with the columns `id` and `row`, the samples in the order of `rows`. */
export function writeParquetIds(rows, idOf) {
  const parts = [Uint8Array.from(PARQUET_MAGIC)];
  const groups = [];
  let place = PARQUET_MAGIC.length;
  for (let start = 0; start < rows.length; start += ROWS_A_GROUP) {
    const some = Array.from(rows.slice(start, start + ROWS_A_GROUP));
    const columns = [["id", P_BYTES, encodeTexts(some.map(idOf))], ["row", P_INT64, encodeNumbers(some)]];
    const chunks = [];
    const first = place;
    for (const [name, type, bytes] of columns) {
      const { parts: more, size, chunk } = writeChunk({ name, type, bytes, count: some.length, place });
      parts.push(...more);
      chunks.push(chunk);
      place += size;
    }
    groups.push(struct({ 1: listOf(T_STRUCT, chunks), 2: i64(place - first), 3: i64(some.length) }));
  }
  return [...parts, writeFooter(rows.length, groups)];
}
