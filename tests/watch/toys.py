"""Small models in training, and held-out samples whose right answers are known."""

import numpy as np
import torch
from torch import nn

N, WIDTH, CLASSES = 60, 6, 3
NAMES = ("low", "middle", "high")


class Dense(nn.Module):
    """Dropout and batch norm: what training and looking do differently."""

    def __init__(self, width=WIDTH, n_classes=CLASSES):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, 12), nn.BatchNorm1d(12), nn.ReLU(inplace=True), nn.Dropout(0.3))
        self.head = nn.Linear(12, n_classes)

    def forward(self, values):
        return self.head(self.body(values))


class Named(Dense):
    """Names a layer of its own, and takes and answers with records."""

    layers = {"body": "body", "logits": "head"}  # noqa: RUF012  never changed

    def forward(self, values, labels=None):
        assert labels is None
        return {"logits": super().forward(values)}


class Caching(nn.Module):
    """Keeps a tensor of its first pass and trains with it later, as rotary embeddings do."""

    def __init__(self):
        super().__init__()
        self.head, self.kept = nn.Linear(WIDTH, CLASSES), None

    def forward(self, values):
        if self.kept is None:
            self.kept = values.mean(dim=0)
        return self.head(values - self.kept)


def make_samples(n=N, seed=0):
    """(values, classes): three classes that a linear reader tells apart nearly always."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    values = random.normal(size=(n, WIDTH)) + 2.0 * np.eye(CLASSES, WIDTH)[labels]
    return torch.tensor(values, dtype=torch.float32), torch.tensor(labels)


def make_items(n=N, seed=0):
    """The same as a data set of pairs."""
    values, labels = make_samples(n, seed)
    return list(zip(values, labels, strict=True))


def make_model(kind=Dense, seed=0):
    torch.manual_seed(seed)
    return kind()


def train(model, *, steps, watch=None, every=5, seed=1):
    """Train on other samples than those watched, with batches drawn from torch's and NumPy's global streams."""
    values, labels = make_samples(200, seed=9)
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the stream that many trainings use
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    model.train()
    for step in range(1, steps + 1):
        rows = torch.randperm(len(values))[:32]
        noise = torch.tensor(np.random.normal(size=(32, WIDTH)), dtype=torch.float32)  # noqa: NPY002
        output = model(values[rows] + 0.1 * noise)
        logits = output["logits"] if isinstance(output, dict) else output
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, labels[rows]).backward()
        optimizer.step()
        if watch is not None and step % every == 0:
            watch.log(model, step)
    return model


def same_state(one, other):
    mine, theirs = one.state_dict(), other.state_dict()
    return list(mine) == list(theirs) and all(torch.equal(mine[name], theirs[name]) for name in mine)


def make_pairs(n=24):
    """Rows of a pair file: each query names its topic, and so does its right document."""
    topics = ["cat", "dog", "fish", "bird", "horse", "mouse"]
    return [
        {
            "query": f"who keeps a {topics[row % 6]} in house {row}",
            "pos": f"the {topics[row % 6]} of house {row} sleeps",
            "hard_neg": [
                {"text": f"the {topics[(row + 1) % 6]} of house {row} eats", "type": ["topic"], "weight": 1.0}
            ],
        }
        for row in range(n)
    ]


class Bag(nn.Module):
    """Texts -> the mean of the vectors of their words' hashes."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(97, 8)
        self.drop = nn.Dropout(0.5)

    def forward(self, texts):
        rows = [[sum(map(ord, word)) % 97 for word in text.split()] for text in texts]
        return torch.stack([self.drop(self.embed(torch.tensor(row))).mean(dim=0) for row in rows])
