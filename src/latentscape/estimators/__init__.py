"""`TSNE` and `UMAP` with scikit-learn's manners: our maps behind the names, defaults and methods that notebooks use.

What changes what the map shows is honored or refused; what tunes somebody else's optimizer is taken and has no effect,
as ours has its own. Nothing here needs scikit-learn.
"""

from latentscape.estimators.tsne import TSNE
from latentscape.estimators.umap import UMAP

__all__ = ["TSNE", "UMAP"]
