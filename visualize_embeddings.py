"""The original command: what did this text retriever learn? The same as `latentscape embeddings`."""

import sys

from latentscape.cli import main

if __name__ == "__main__":
    main(["embeddings", *sys.argv[1:]])
