/* Which samples a few words are found in: ids, texts and values, whatever their capitals and diacritics. */

/* đ has no other form in Unicode, so it is told. */
export function foldText(text) {
  const bare = text.normalize("NFD").replace(/\p{M}+/gu, "").normalize("NFC");
  return bare.toLowerCase().replaceAll("đ", "d").replaceAll("ς", "σ");
}

/* The server answers with a bit a sample, the low one first. */
export async function askSearch(text, n) {
  const answer = await fetch(`search?${new URLSearchParams({ q: text })}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`The server does not answer (${answer.status}).`);
  const bits = new Uint8Array(await answer.arrayBuffer());
  const mask = new Uint8Array(n);
  for (let i = 0; i < n; i++) mask[i] = (bits[i >> 3] >> (i & 7)) & 1;
  return mask;
}

/* Each word may be found in another column. */
export async function searchRows(data, text) {
  const words = foldText(text).split(/\s+/).filter(Boolean);
  const mask = new Uint8Array(data.n).fill(1);
  for (const word of words) {
    const found = new Uint8Array(data.n);
    for (const column of data.columns) if (column.kind === "category") markCodes(found, column, word);
    for (const lines of foldedTexts(data)) {
      markLines(found, lines, word);
      await breathe();
    }
    if (!data.ids && /^\d+$/.test(word) && Number(word) < data.n) found[Number(word)] = 1;
    for (let i = 0; i < mask.length; i++) mask[i] &= found[i];
  }
  return mask;
}

/* Long searches let the page draw in between. */
const breathe = () => new Promise((resolve) => setTimeout(resolve, 0));

function markCodes(found, { values, codes }, word) {
  const table = new Uint8Array(values.length + 1);
  values.forEach((value, i) => { table[i + 1] = foldText(value).includes(word) ? 1 : 0; });
  if (table.includes(1)) for (let i = 0; i < found.length; i++) found[i] |= table[codes[i]];
}

function markLines(found, lines, word) {
  for (let i = 0; i < found.length; i++) if (!found[i] && lines[i].includes(word)) found[i] = 1;
}

/* Ids and the samples' own texts as they are searched, made when the first search comes: all at once, for each has one line. */
function foldedTexts(data) {
  const texts = data.columns.filter(({ isOwn }) => isOwn !== false).map(({ key }) => data.texts.get(key));
  data.folded ??= [data.ids, ...texts].filter(Boolean).map((lines) => foldText(lines.join("\n")).split("\n"));
  return data.folded;
}
