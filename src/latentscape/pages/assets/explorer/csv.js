/* A table as CSV text that a spreadsheet only ever reads: the same guard as that of the CSV files of a run folder. */

const FORMULA = /(^|[;\t\r\n])([ \u00a0"']*)(?=[=+\-@＝＋－＠﹢﹣﹦﹫])/g;
/* What begins a formula in a spreadsheet: a sign that begins the cell, or what may be taken for another cell. */
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;
const BYTE_ORDER_MARK = "\ufeff";
/* Without it some spreadsheets take Quận for Quáº­n. */
const ROWS_A_PART = 20000;

/* Text that is never a formula; numbers stay as they are. */
function guardCell(value) {
  if (typeof value !== "string") return value;
  const text = value.replace(CONTROLS, "").replace(FORMULA, "$1$2'");
  return /^[\t\r\n]/.test(text) ? `'${text}` : text;
}

function writeCell(value) {
  if (typeof value === "number") return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "";
  const text = guardCell(value);
  return /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/* Parts of a file: `columns` are `{ key, read(row) -> string|number }`. Waits between parts, so that the page lives on. */
export async function writeCsv(columns, rows) {
  const parts = [BYTE_ORDER_MARK + columns.map(({ key }) => writeCell(key)).join(",") + "\r\n"];
  for (let start = 0; start < rows.length; start += ROWS_A_PART) {
    const lines = Array.from(rows.slice(start, start + ROWS_A_PART), (row) => columns.map(({ read }) => writeCell(read(row))).join(","));
    parts.push(lines.join("\r\n") + "\r\n");
    if (rows.length > ROWS_A_PART) await new Promise((go) => setTimeout(go));
  }
  return parts;
}
