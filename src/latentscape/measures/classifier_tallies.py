"""What a classifier gets right, sample by sample, so that two classifiers can be compared on the same samples."""

import math

import numpy as np
from jaxtyping import Float

from latentscape.errors import DataError
from latentscape.measures.classification import find_known
from latentscape.measures.tallies import Tally
from latentscape.shapes import Labels

LEAST_PROBABILITY = 1e-12
"""Where the logarithm is cut: a single sample given up for lost must not be worth infinitely much."""


def tally_classifier(
    labels: Labels, predictions: Labels, probabilities: Float[np.ndarray, "sample class"], *, n_classes: int
) -> dict[str, Tally]:
    """Accuracy, balanced accuracy and how probable the true class was, as sums over samples.

    With y_i the class of sample i, a_i its prediction and p_ic the probability of class c, over the n samples whose
    class and prediction are known:

    * `accuracy` = share of samples with a_i = y_i, in [0, 1], higher is better;
    * `balanced_accuracy` = mean over the classes that have samples of the share of these predicted as it, in [0, 1],
      higher is better;
    * `true_probability` = mean of p_i,y_i, in [0, 1], higher is better: it moves before a prediction flips;
    * `log_loss` = mean of -ln max(p_i,y_i, 1e-12), the cross-entropy that training lowers, in [0, 27.6], lower is
      better.

    Samples of an unknown class (-1) or without a prediction (-1) take no part. No value where none is left.

    Source: Brodersen, Ong, Stephan and Buhmann 2010, https://doi.org/10.1109/ICPR.2010.764 (balanced accuracy); Good
    1952, Journal of the Royal Statistical Society B 14 (the logarithmic score).

    Raises:
        DataError: a probability is not finite, or a class number is outside -1 .. n_classes - 1.
    """
    _refuse_bad(labels, predictions, probabilities, n_classes=n_classes)
    known = find_known(labels, predictions)
    ones, class_of = known.astype(np.float64)[:, None], np.where(known, labels, 0)
    right = (known & (labels == predictions)).astype(np.float64)[:, None]
    true = np.take_along_axis(probabilities.astype(np.float64), class_of[:, None], axis=1)
    loss = -np.log(np.clip(true, LEAST_PROBABILITY, 1.0))
    members = (labels[:, None] == np.unique(labels[known])) & known[:, None]
    one, n_present = np.ones(1), members.shape[1]
    tallies = (
        Tally(name="accuracy", above=right, below=ones, weights=one),
        Tally(
            name="balanced_accuracy",
            above=right * members,
            below=members.astype(np.float64),
            weights=np.full(n_present, 1 / max(1, n_present)),
        ),
        Tally(name="true_probability", above=true * ones, below=ones, weights=one),
        Tally(
            name="log_loss",
            above=loss * ones,
            below=ones,
            weights=one,
            better="lower",
            bounds=(0.0, -math.log(LEAST_PROBABILITY)),
        ),
    )
    return {tally.name: tally for tally in tallies}


def _refuse_bad(
    labels: Labels, predictions: Labels, probabilities: Float[np.ndarray, "sample class"], *, n_classes: int
) -> None:
    codes = np.concatenate([labels, predictions])
    if probabilities.shape[1] != n_classes or (codes.size and (codes.min() < -1 or codes.max() >= n_classes)):
        raise DataError(
            "a class number is out of range",
            got=f"numbers up to {codes.max(initial=-1)} and probabilities of {probabilities.shape[1]} classes",
            expected=f"-1 (unknown) or 0 to {n_classes - 1}",
            hint="check that the models and the data sets have the same classes",
        )
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if bad.size:
        raise DataError(
            "a probability is not a finite number",
            got=f"{probabilities[bad[0]].tolist()} for sample {bad[0]}",
            expected="numbers from 0 to 1",
            hint="look for NaN in the model's logits",
        )
