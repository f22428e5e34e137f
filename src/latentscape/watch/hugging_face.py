"""A watch for the Trainer of `transformers`: at each evaluation, and at the end."""

from typing import Any

from transformers import TrainerCallback

from latentscape.features.items import without_labels
from latentscape.watch.callback import WatchCallback
from latentscape.watch.study import name_step
from latentscape.watch.undisturbed import is_first_process


class LatentscapeCallback(WatchCallback, TrainerCallback):
    """Logs the evaluation data set with the Trainer's own collator, and compares all logs at the end.

    Of several evaluation data sets the one that is evaluated first is watched. `choices` are those of
    `ClassifierWatch`; the classes' names come from the model's config unless given.
    """

    def on_evaluate(self, args: Any, state: Any, control: Any, **shown: Any) -> None:
        """Log the model that was evaluated."""
        loader = shown.get("eval_dataloader")
        if not (state.is_world_process_zero and is_first_process()) or loader is None:
            return
        # Several data sets may be evaluated at one step: the watch has its own samples, those of the first.
        self._open(lambda: self._choose(loader, args, shown["model"]))
        if self.study is not None and self.study.last_step != state.global_step:
            self.study.log(shown["model"], state.global_step, state.epoch)

    def on_train_end(self, args: Any, state: Any, control: Any, **shown: Any) -> None:
        """Log the model that the training leaves, if it was not logged: the best one may have been loaded."""
        if self.study is None or not state.is_world_process_zero:
            return
        if not self.study.has_logged(shown["model"]):
            again = self.study.last_step == state.global_step
            self.study.log(shown["model"], state.global_step, None if again else state.epoch,
                           name=f"{name_step(state.global_step)}_end" if again else "")  # fmt: skip
        if self._compare:
            self.study.finish()

    def _choose(self, loader: Any, args: Any, model: Any) -> dict[str, Any]:
        """What the Trainer evaluates, as choices of a watch."""
        names = getattr(model.config, "id2label", None) or {}
        own = {} if "inputs" in self._choices else {"inputs": loader.dataset}
        return {
            **own,
            "collate": without_labels(loader.collate_fn),
            "class_names": [str(names[number]) for number in sorted(names)] or None,
            "batch_size": args.per_device_eval_batch_size,
            "seed": args.seed,
        }
