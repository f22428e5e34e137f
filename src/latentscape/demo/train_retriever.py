"""The small trainer of retrievers: queries drawn to their documents and away from all others at hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latentscape.datasets.pairs import PairSamples, read_pairs, read_weights
from latentscape.demo.base_model import write_base_model
from latentscape.demo.pair_batches import (
    PairBatch,
    Weigher,
    make_weigher,
    plan_pair_batches,
    split_pairs,
)
from latentscape.demo.training import (
    Deadline,
    make_optimizer,
    make_schedule,
    save_checkpoint,
    seeded,
    suited_threads,
    take_step,
)
from latentscape.features import choose_device
from latentscape.models.loading import find_model_folder, load_body, read_config_values, read_folder_tensors
from latentscape.models.retriever import ProjectionHead, Retriever, mean_over_tokens
from latentscape.models.text_encoders import Tokenizer, build_text_encoder, open_tokenizer
from latentscape.progress import SILENT, Progress
from latentscape.settings import RetrieverConfig

BASE_FOLDER = "base_model"
"""Inside the output folder: the encoder and tokenizer made here when none was named."""
_CHUNK = 64


def train_retriever(config: RetrieverConfig, *, device: str = "auto", progress: Progress = SILENT) -> Path:
    """Train the retriever of `config` and return its best checkpoint, `output/best_model.pt`.

    The loss is InfoNCE over the batch's documents and the declared hard negatives (van den Oord et al., 2018, eq. 4,
    with in-batch documents after Karpukhin et al., 2020, section 3.2); a document that is right for a query is never
    held against it. Validation queries share no right document with training queries. The best epoch is the one with
    the lowest validation loss; `epoch_N.pt` are kept beside it as `training.save_epochs` says.

    Raises DataError, ModelError or UsageError as reading the pairs and opening the encoder do.
    """
    weights = read_weights(config.data.weights) if config.data.weights else None
    pairs = read_pairs(config.data.pairs, weights=weights)
    rows = split_pairs(pairs, val_split=config.data.val_split, seed=config.training.seed)
    training, validation = (pairs.take(part) for part in rows)
    device = choose_device(device)
    with seeded(config.training.seed):
        encoder, tokenizer, base = _open_encoder(config, training)
        head = ProjectionHead(encoder.config.hidden_size, config.model.d_out, use_layernorm=config.model.use_layernorm)  # pyright: ignore
        model = Retriever(encoder, head).to(device)
        embedder = _Embedder(model, tokenizer, frozen=config.model.freeze_encoder, device=device)
        if config.model.freeze_encoder:
            embedder.remember(
                [*training.queries, *training.documents, *validation.queries, *validation.documents], progress
            )
        trainer = _Trainer(config, embedder, base=base, progress=progress)
        with suited_threads(model):
            return trainer.run(training, validation, make_weigher(weights, use_weights=config.training.use_weights))


def _open_encoder(config: RetrieverConfig, training: PairSamples) -> tuple[nn.Module, Tokenizer, str]:
    """The encoder, its tokenizer, and the name under which a checkpoint refers to them."""
    wanted = config.model
    if wanted.base_model is None:
        folder, base = config.output / BASE_FOLDER, BASE_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        encoder = write_base_model(
            folder,
            [*training.queries, *training.documents],
            encoder_config=wanted.encoder_config or {},
            vocab_size=wanted.vocab_size,
            max_length=wanted.max_length,
        )
    else:
        folder, base = find_model_folder(wanted.base_model, option="`model.base_model`"), wanted.base_model
        encoder = build_text_encoder(read_config_values(folder), source=base)
        load_body(encoder, read_folder_tensors(folder)[0], source=str(folder))
    return encoder, open_tokenizer(folder, encoder, max_length=wanted.max_length), base


class _Embedder:
    """Texts -> vectors. A frozen encoder reads every text once; then only the head works."""

    def __init__(self, model: Retriever, tokenizer: Tokenizer, *, frozen: bool, device: str) -> None:
        self.model, self.tokenizer, self.device = model, tokenizer, device
        self.frozen, self._rows, self._pooled = frozen, {}, torch.empty(0)
        if frozen:
            model.encoder.requires_grad_(False)

    def remember(self, texts: Sequence[str], progress: Progress) -> None:
        """Read all texts with the frozen encoder."""
        self.model.eval()
        texts = sorted(set(texts), key=lambda text: (len(text), text))
        chunks = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
        with torch.no_grad():
            read = progress.track(chunks, label="reading texts", total=len(chunks))
            self._pooled = torch.cat([self._pool(chunk) for chunk in read])
        self._rows = {text: row for row, text in enumerate(texts)}

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Embeddings, [text, d_out], each of length 1."""
        if not self.frozen:
            return self.model(**self._tokenize(texts))
        pooled = self._pooled[[self._rows[text] for text in texts]]
        return F.normalize(self.model.head(pooled), dim=-1)

    def _tokenize(self, texts: Sequence[str]) -> dict[str, Tensor]:
        return {name: part.to(self.device) for name, part in self.tokenizer.encode(list(texts)).items()}

    def _pool(self, texts: Sequence[str]) -> Tensor:
        tokens = self._tokenize(texts)
        return mean_over_tokens(self.model.encoder(**tokens).last_hidden_state, tokens["attention_mask"])


class _Trainer:
    """The loop and what it remembers from epoch to epoch."""

    def __init__(self, config: RetrieverConfig, embedder: _Embedder, *, base: str, progress: Progress) -> None:
        self.config, self.settings, self.progress = config, config.training, progress
        self.embedder, self.model, self.base = embedder, embedder.model, base
        self.best_loss, self.best_epoch = float("inf"), 0

    def run(self, training: PairSamples, validation: PairSamples, weigh: Weigher) -> Path:
        """Train to the end, or until patience or time run out."""
        settings, deadline = self.settings, Deadline(self.settings.max_seconds)
        self._prepare(training, validation)
        for epoch in self.progress.track(range(1, settings.epochs + 1), label="training", total=settings.epochs):
            loss = self._run_epoch(training, weigh, epoch)
            self._judge(validation, weigh, epoch=epoch, loss=loss)
            if deadline.passed or (settings.patience and epoch - self.best_epoch >= settings.patience):
                break
        return self.config.output / "best_model.pt"

    def _prepare(self, training: PairSamples, validation: PairSamples) -> None:
        settings = self.settings
        self.optimizer = make_optimizer(self.model, lr=settings.lr, weight_decay=settings.weight_decay)
        self.schedule = make_schedule(
            self.optimizer,
            settings.scheduler,
            steps=settings.epochs * -(-len(training) // settings.batch_size),
            warmup_ratio=settings.warmup_ratio,
            min_lr=settings.min_lr,
        )
        self.progress.say(f"{len(training):,} queries to train on, {len(validation):,} to judge by")

    def _plan(self, pairs: PairSamples, weigh: Weigher, numbers: Sequence[int]) -> list[PairBatch]:
        return plan_pair_batches(
            pairs,
            batch_size=self.settings.batch_size,
            hard_negatives=self.settings.hard_negatives,
            weigh=weigh,
            rng=np.random.default_rng(numbers),
        )

    def _run_epoch(self, training: PairSamples, weigh: Weigher, epoch: int) -> float:
        """One pass over the training queries; the mean loss."""
        self.model.train()
        losses = []
        for batch in self._plan(training, weigh, [self.settings.seed, epoch]):
            loss = self._measure_loss(training, batch)
            losses.append(take_step(loss, self.model, self.optimizer, gradient_clip=self.settings.gradient_clip))
            self.schedule.step()
        return float(np.mean(losses))

    def _measure_loss(self, pairs: PairSamples, batch: PairBatch) -> Tensor:
        device = self.embedder.device
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.settings.mixed_precision):
            queries = self.embedder([pairs.queries[row] for row in batch.queries])
            documents = self.embedder([pairs.documents[row] for row in batch.documents])
        logits = queries.float() @ documents.float().T / self.settings.temperature + batch.offsets.to(device)
        return F.cross_entropy(logits, batch.targets.to(device))

    def _judge(self, validation: PairSamples, weigh: Weigher, *, epoch: int, loss: float) -> None:
        """Measure, say from time to time, and write what is due."""
        self.model.eval()
        with torch.no_grad():
            batches = self._plan(validation, weigh, [self.settings.seed])
            val_loss = float(np.mean([float(self._measure_loss(validation, batch)) for batch in batches]))
            hits = _count_hits(self.embedder, validation)
        if epoch % self.settings.log_every == 0 or epoch in (1, self.settings.epochs):
            self.progress.say(f"epoch {epoch}: loss {loss:.3f}, validation loss {val_loss:.3f}, right first {hits:.1%}")
        values = self._pack(epoch=epoch, loss=loss, val_loss=val_loss, val_hit_at_1=hits)
        if epoch in self.settings.save_epochs:
            save_checkpoint(self.config.output / f"epoch_{epoch}.pt", values)
        if val_loss < self.best_loss:
            self.best_loss, self.best_epoch = val_loss, epoch
            save_checkpoint(self.config.output / "best_model.pt", values)

    def _pack(self, **facts: float) -> dict[str, Any]:
        """The checkpoint: without the encoder if that is frozen, since `base_model` already holds it."""
        state = {name: tensor.detach().cpu() for name, tensor in self.model.state_dict().items()}
        if self.embedder.frozen:
            state = {name: tensor for name, tensor in state.items() if name.startswith("head.")}
        wanted = self.config.model
        d_out, d_in = self.model.head.state_dict()["linear.weight"].shape
        sizes = {"d_in": d_in, "d_out": d_out, "max_length": wanted.max_length}
        config = {**sizes, "use_layernorm": wanted.use_layernorm, "freeze_encoder": wanted.freeze_encoder}
        return {"model_state_dict": state, **facts, "base_model": self.base, "config": config}


def _count_hits(embedder: _Embedder, pairs: PairSamples) -> float:
    """Share of queries whose nearest document is a right one, among all documents of `pairs`."""
    queries, documents = _embed_all(embedder, pairs.queries), _embed_all(embedder, pairs.documents)
    nearest = (queries @ documents.T).argmax(dim=1).tolist()
    return sum(best in right for best, right in zip(nearest, pairs.relevant, strict=True)) / len(pairs)


def _embed_all(embedder: _Embedder, texts: Sequence[str]) -> Tensor:
    return torch.cat([embedder(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)])
