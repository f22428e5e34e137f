"""The original command: what did this speech-emotion classifier learn? The same as `latentscape latents`."""

import sys

from latentscape.cli import main

if __name__ == "__main__":
    main(["latents", *sys.argv[1:]])
