"""The id of everything that can go wrong for a user: stable words that scripts and searches can hold on to."""

from collections.abc import Mapping

USAGE: Mapping[str, str] = {
    "usage": "a command, an option or an argument of the library that can't be used as it is",
    "option-missing": "an option without which the command can't start",
    "option-value": "an option whose value is out of range or can't be read",
    "option-conflict": "options that exclude each other",
    "config-missing": "a config file that is not there or can't be opened",
    "config-broken": "a config file that is no YAML 1.2, or too large or too deep to be one",
    "config-values": "unknown keys, missing keys or wrong values in a config file, all of them in one list with lines",
    "layer-unknown": "a layer that the model does not have",
    "extra-missing": "a library that this feature needs and that is not installed",
    "output-unusable": "an output folder that can't be one: a file, the root of the disk, no path",
    "output-foreign": "an output folder with files that are not ours to replace, or one that lies among the data",
    "run-differs": "`--resume` with other inputs than those of the unfinished run, or with nothing to go on with",
    "port-taken": "a port of this machine that another program has, or that may not be had",
}
DATA: Mapping[str, str] = {
    "data": "data that can't be studied",
    "data-missing": "a data file or folder that is not there or can't be opened",
    "data-special": "a pipe, device, socket or folder where a file is expected, or a link that leads out",
    "data-empty": "a data set in which nothing is left to look at",
    "data-format": "a data file that is broken, or of another format than it should be",
    "data-columns": "columns or arrays that are missing, or do not fit each other",
    "data-labels": "labels that can't be used",
    "data-split": "a data set that can't be split into training and validation",
    "audio-broken": "a clip that can't be read as sound",
    "audio-short": "a clip that holds less than it declares, or too little for the model",
    "audio-long": "a clip that is too long to be one sample",
    "audio-values": "a clip with values that are no numbers",
    "pairs-format": "a pair file that can't be read, or has no row that is a pair",
    "vectors-format": "a file of vectors whose arrays are missing or do not fit each other",
    "features-format": "a file of features that can't be read as a matrix of numbers",
    "features-values": "features that are not finite or not enough",
    "run-missing": "a path that is no run folder",
    "run-unfinished": "a run folder without a manifest: its study was not finished",
    "run-damaged": "a run folder whose files are broken, changed, or not as its manifest says",
    "run-newer": "a run folder that a newer version wrote",
    "run-mapless": "a run folder without maps, in which there is nothing to explore",
    "runs-unmatched": "runs that can't be compared: nothing in common, or of different studies",
}
MODEL: Mapping[str, str] = {
    "model": "a model that can't be used",
    "checkpoint-missing": "a checkpoint that is not there or can't be opened",
    "checkpoint-kind": "a file that is no checkpoint: empty, a web page, a Git LFS pointer, some other archive",
    "checkpoint-broken": "a checkpoint that is torn, damaged or packed again",
    "checkpoint-changed": "a checkpoint that was written to while it was read",
    "checkpoint-ambiguous": "a file in which several sets of weights could be meant",
    "checkpoint-other": "the checkpoint of another kind of model, or one that contradicts the config",
    "weights-misfit": "tensors that are missing, unexpected or of another shape",
    "weights-values": "weights that are not finite numbers",
    "weights-lost": "weights that did not arrive in the model as they are in the file",
    "adapter-misfit": "an adapter (LoRA) that does not belong to this base, or is of a kind we can't merge",
    "adapter-zero": "an adapter that changes nothing: it was never trained, or not saved",
    "model-missing": "a model folder or hub name that can't be had",
    "model-folder": "a model folder whose files are missing, broken or contradict each other",
    "model-classes": "a model and data with different classes",
    "layer-silent": "a layer that exists but was not called in a forward pass",
    "layer-repeated": "a layer that was called more than once in a forward pass",
    "layer-answer": "a layer whose answer is not one tensor of real numbers with a fixed number of features",
    "answers-vary": "a model that answers the same input differently each time, or won't leave training mode",
    "answers-values": "a model whose answers are not finite",
}
SAFETY: Mapping[str, str] = {
    "code": "a file that wants to run code",
    "code-pickle": "a checkpoint whose pickle names code",
    "code-program": "TorchScript, an exported model, or an old archive that can't be read without running code",
    "code-tensor": "tensors whose insides are not checked: sparse, nested, quantized, larger than their memory",
    "code-model": "a model folder that needs code of its own (`auto_map`, modules of somebody else's)",
    "code-switch": "a file that tries to switch code on (`trust_remote_code`)",
    "code-data": "a data file that holds Python objects or extension types",
}
RESOURCES: Mapping[str, str] = {
    "resources": "something of the machine ran out",
    "memory": "memory does not suffice",
    "disk-full": "the disk is full, or its quota or size limit is reached",
    "disk-forbidden": "a place that may not be written",
    "disk-broken": "the disk or the drive failed",
}
OTHERS: Mapping[str, str] = {
    "gate": "a condition on the numbers that does not hold",
    "installation": "libraries that are missing, or too old to be safe",
    "run-busy": "another process is writing this run folder",
    "too-many-failed": "more samples failed than `--max-failed` allows; the study was finished",
    "bug": "a bug in latentscape",
}
FAULTS: Mapping[str, str] = {**USAGE, **DATA, **MODEL, **SAFETY, **RESOURCES, **OTHERS}
"""Id -> what it means. The terminal shows it as `error[id]: ...`; the table in docs/errors.md is made from this one."""
