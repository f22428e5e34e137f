/* What the inspector shows of one sample: read from the page, or asked of the server. */

const GRID_STEPS = 65535;

export async function askDetails(i, { layer, checkpoint }) {
  const answer = await fetch(`details/${i}?${new URLSearchParams({ layer, checkpoint })}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`The server does not answer (${answer.status}).`);
  return answer.json();
}

export async function readDetails(data, i, { layer, checkpoint }) {
  const { payload } = data;
  const { header } = payload;
  const [list, top, ranks] = await Promise.all([
    unpackOnce(payload, header.neighbors.find((one) => one.layer === layer && one.checkpoint === checkpoint)),
    unpackOnce(payload, header.probabilities.find((one) => one.checkpoint === checkpoint)),
    unpackOnce(payload, header.ranked),
  ]);
  const query = ranks ? ranks.queries.indexOf(i) : -1;
  return {
    texts: data.columns.map(({ key, title }) => [title, data.textOf(key, i)]).filter(([, text]) => text),
    probabilities: top ? listProbabilities(data, top, i, checkpoint) : [],
    neighbors: list ? { metric: list.metric, list: listNeighbors(list, i) } : null,
    ranked: query < 0 ? null : listRanked(ranks, query),
    hard: query < 0 ? null : listHard(ranks, query),
  };
}

const unpacked = new Map();

/* All arrays of a part of the header, unpacked when it is first asked for; null where there is no such part. */
function unpackOnce(payload, part) {
  if (!part) return null;
  if (!unpacked.has(part)) unpacked.set(part, unpackPart(payload, part));
  return unpacked.get(part);
}

async function unpackPart(payload, part) {
  const entries = Object.entries(part).map(async ([name, value]) => [name, value?.places ? await payload.array(value) : value]);
  return Object.fromEntries(await Promise.all(entries));
}

function listNeighbors({ rows, distances, k, low, step }, i) {
  const list = [];
  let steps = 0;
  for (let at = i * k; at < (i + 1) * k; at++) {
    steps = (steps + distances[at]) & GRID_STEPS;
    if (rows[at]) list.push([rows[at] - 1, low + step * steps]);
  }
  return list;
}

function listProbabilities(data, { codes, shares, top }, i, checkpoint) {
  const said = data.column(data.answers[checkpoint]?.said);
  const list = [];
  for (let at = i * top; at < (i + 1) * top; at++) {
    if (codes[at] && said) list.push([said.values[codes[at] - 1], shares[at] / GRID_STEPS]);
  }
  return list;
}

const cosineOf = (steps) => (2 * steps) / GRID_STEPS - 1;

function listRanked({ rows, similarities, marks, k }, query) {
  const list = [];
  for (let at = query * k; at < (query + 1) * k; at++) {
    if (rows[at]) list.push([rows[at] - 1, cosineOf(similarities[at]), marks[at]]);
  }
  return list;
}

function listHard({ hardEnds, hardRows, hardSimilarities, hardTypes, types }, query) {
  const list = [];
  for (let at = query ? hardEnds[query - 1] : 0; at < hardEnds[query]; at++) {
    if (hardRows[at]) list.push([hardRows[at] - 1, cosineOf(hardSimilarities[at]), types[hardTypes[at]]]);
  }
  return list;
}
