"""Take the references anew: `python -m tests.pages.screenshots [NAME ...]`."""

import sys
import tempfile
from pathlib import Path

from tests.browser import start_browser

from .scenes import SCENES, save, show, take

with tempfile.TemporaryDirectory() as folder, start_browser() as browser:
    for name in sys.argv[1:] or SCENES:
        with show(browser, Path(folder), name) as opened:
            path = save(take(opened), name)
        sys.stdout.write(f"{path} {path.stat().st_size:,} bytes\n")
