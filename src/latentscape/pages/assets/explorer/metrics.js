/* The numbers of the study that have a place on the page. What is said of all of them is said once. */

import { make } from "./dom.js";

export function mountMetrics(section, state) {
  const { metrics } = state.data;
  section.hidden = !metrics.length;
  if (!metrics.length) return;
  const common = commonDetail(metrics) || metrics[0].detail;
  const said = common && metrics.some(({ detail }) => detail !== common) ? `${common} where not said` : common;
  section.append(
    make("h2", {}, make("span", {}, "Metrics"), make("span", { class: "count" }, said)),
    make("table", {}, make("tbody", {}, ...metrics.map((metric) => makeRow(metric, common)))));
  if (metrics.some(({ value }) => value.includes(" ["))) section.append(make("p", { class: "about" }, "In brackets: the 95% interval."));
}

/* Name, value, interval, and of how many; what it means stands in its tooltip. */
function makeRow({ name, value, detail, about }, common) {
  const at = value.indexOf(" [");
  const [number, interval] = at < 0 ? [value, ""] : [value.slice(0, at), value.slice(at + 1)];
  const title = [about, detail].filter(Boolean).join("; ") || null;
  const isOdd = detail && detail !== common;
  return make("tr", { title },
    make("th", { scope: "row" }, name, ...(isOdd ? [make("span", { class: "detail" }, ` ${detail}`)] : [])),
    make("td", {}, make("b", {}, number)), make("td", { class: "count" }, interval));
}

/* What is said of more than half of them. */
function commonDetail(metrics) {
  const times = (wanted) => metrics.filter(({ detail }) => detail === wanted).length;
  return metrics.map(({ detail }) => detail).find((detail) => 2 * times(detail) > metrics.length) ?? "";
}
