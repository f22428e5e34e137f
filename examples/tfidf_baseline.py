"""The baseline that everybody should look at: words counted, no network. How good is it where an encoder costs more?

You learn: `latentscape.embeddings(encode, queries, documents, relevant)` with any function from texts to vectors.
Run: python examples/tfidf_baseline.py [OUTPUT_FOLDER]
"""

import re
import sys
from pathlib import Path

from beir_code_search import list_functions  # the data set of the example beside this one
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

import latentscape


def split_words(text: str) -> list[str]:
    """Words of English and of code: `copyTree` and `copy_tree` are two words each."""
    return re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower())


def main(output: Path) -> None:
    """Ask for functions of the standard library by the first sentence of their docstrings."""
    functions = list_functions()
    queries = {f"q:{name}": sentence for name, (sentence, _) in functions.items()}
    documents = {name: code for name, (_, code) in functions.items()}
    relevant = {f"q:{name}": name for name in functions}
    counts = TfidfVectorizer(tokenizer=split_words, token_pattern=None, sublinear_tf=True)
    encoder = make_pipeline(counts, TruncatedSVD(100, random_state=0)).fit([*documents.values(), *queries.values()])
    study = latentscape.embeddings(encoder.transform, queries, documents, relevant, output=output)
    ndcg, first = study.scores["ndcg_at_10"], study.scores["hit_at_1"]
    print(f"finding: counted words alone reach nDCG@10 {ndcg.value:.3f} [{ndcg.low:.3f}, {ndcg.high:.3f}]")
    print(f"         and rank {first.value:.0%} of {first.n} functions first: what an encoder must beat")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/tfidf_baseline"))
