"""The goals, next to what was measured; each met, or missed by how much."""

from statistics import median

from contestants import BEST, CLASSIC, DRAWERS, FAST, UNSEEDED
from results import Record, Result, Results, find_pair_seconds, latest

COLD = {500: 8, 2_000: 10, 10_000: 20, 70_000: 30}
WARM = {10_000: 15}
RECALL_LOSS, SHEPARD_LOSS, LOSS_SHARE = 0.01, 0.02, 0.01
FIRST_USE, MILLION_SECONDS, MILLION_BYTES = 20, 600, 6e9

Row = tuple[str, ...]


def compare_speed(results: Results) -> list[Row]:
    rows = []
    for kind, goals in (("cold", COLD), ("warm", WARM)):
        for n, goal in goals.items():
            part = find_part(results, n)
            ours = getattr(part[FAST], kind) if FAST in part else None
            for way, theirs in find_pair_seconds(part, warm=kind == "warm").items():
                name = f"{kind}, n = {n:,}, umap-learn {way}"
                rows.append((name, f"≥ {goal}x", *weigh(theirs / ours if ours and theirs else None, goal, unit="x")))
    return rows


def find_part(results: Results, n: int) -> dict[str, Result]:
    return results.get(f"fashion-{n}") or results.get(f"classes-{n}", {})


def weigh(value: float | None, goal: float, *, unit: str) -> Row:
    """What was measured, and whether it is enough."""
    if value is None:
        return "not measured", "–"
    return f"{value:.1f}{unit}", "met" if value >= goal else f"missed by {goal - value:.1f}{unit}"


def compare_faithfulness(results: Results) -> list[Row]:
    """A row a set and map, where all contestants were asked: the distance to the best peer, and the verdict."""
    rows = []
    for part, contestants in results.items():
        for method in ("tsne", "umap"):
            scores = {name: each.quality[method] for name, each in contestants.items() if method in each.quality}
            peers = [values for name, values in scores.items() if name not in (FAST, BEST)]
            if peers and FAST in scores and contestants.keys() >= DRAWERS.keys():
                row = [
                    cell
                    for key, loss in (("recall", RECALL_LOSS), ("shepard", SHEPARD_LOSS))
                    for cell in compare_score(scores, peers, key, loss=loss)
                ]
                rows.append((f"{part}, {'t-SNE' if method == 'tsne' else 'UMAP'}", *row, compare_loss(scores, method)))
    return rows


def compare_score(scores: dict[str, dict[str, float]], peers: list[dict[str, float]], key: str, *, loss: float) -> Row:
    top = max(each[key] for each in peers)
    return tuple(say(scores[name][key] - top, -loss) if name in scores else "–" for name in (FAST, BEST))


def say(distance: float, least: float) -> str:
    return f"{distance:+.3f} {'met' if distance >= least else f'**missed by {least - distance:.3f}**'}"


def compare_loss(scores: dict[str, dict[str, float]], method: str) -> str:
    """`best`: KL against openTSNE's; UMAP's objective against the better of umap-learn's two, within 1 %."""
    names = ("openTSNE",) if method == "tsne" else (CLASSIC, UNSEEDED)
    theirs = min((scores[name]["objective"] for name in names if name in scores), default=None)
    if theirs is None or BEST not in scores:
        return "–"
    ours, limit = scores[BEST]["objective"], theirs * (1 if method == "tsne" else 1 + LOSS_SHARE)
    verdict = "met" if ours <= limit else f"**missed by {ours - limit:.4f}**"
    return f"{ours:.4f} / {theirs:.4f} ({ours / theirs - 1:+.2%}) {verdict}"


def compare_limits(records: list[Record]) -> list[Row]:
    """First use on a machine, and a million rows."""
    first = [each["seconds"] for each in latest(records, "first-use")]
    million = [each for each in latest(records, "million", rows=1_000_000) if "seconds" in each]
    taken = sum(million[-1]["seconds"].values()) if million else None
    peak = million[-1]["peak_bytes"] / 1e9 if million else None
    return [
        (
            "first use: all kernels compiled",
            f"< {FIRST_USE} s",
            *limit(median(first) if first else None, FIRST_USE, "s"),
        ),
        ("1,000,000 x 64: graph and both maps", f"< {MILLION_SECONDS} s", *limit(taken, MILLION_SECONDS, "s")),
        ("1,000,000 x 64: peak memory", f"< {MILLION_BYTES / 1e9:.0f} GB", *limit(peak, MILLION_BYTES / 1e9, "GB")),
    ]


def limit(value: float | None, goal: float, unit: str) -> Row:
    if value is None:
        return "not measured", "–"
    return f"{value:.1f} {unit}", "met" if value < goal else f"missed by {value - goal:.1f} {unit}"
