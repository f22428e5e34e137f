"""What a config may call the kinds of speech data sets; light enough to be asked before anything heavy is imported."""

from latentscape.errors import nearest

KINDS = ("ravdess", "crema-d", "folder", "csv")
_CLASS_NAMES = {"ravdessdataset": "ravdess", "cremadataset": "crema-d", "cremaddataset": "crema-d", "cremad": "crema-d"}
KNOWN = f"{', '.join(KINDS)}, RAVDESSDataset, CREMADataset, or your own `package.module:factory`"


def find_kind(class_path: str) -> str | None:
    """The kind that a class path means: its own name, or the dotted name of an original's class; None if unknown.

    >>> find_kind("data.ravdess_dataset.RAVDESSDataset"), find_kind("CREMA_D"), find_kind("ravdes")
    ('ravdess', 'crema-d', None)
    """
    last = class_path.rpartition(".")[2].strip().lower().replace("_", "-")
    kind = _CLASS_NAMES.get(last.replace("-", ""), last)
    return kind if kind in KINDS else None


def suggest_kind(class_path: str) -> str:
    """A hint with the known name that is closest."""
    last = class_path.rpartition(".")[2].strip().lower().replace("_", "-")
    return nearest(last, [*KINDS, "RAVDESSDataset", "CREMADataset"])
