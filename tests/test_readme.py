"""The code of the README does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
FIT = "from sklearn.svm import SVC\nmodel = SVC().fit([[0.0], [1.0]], [0, 1])\n"
SHOW = "\nprint(pub.version, len(df), sorted(df['node']), set(df['version']))\n"


def test_code_that_a_user_writes_runs_as_printed(tmp_path: Path) -> None:
    """Publish from one program, receive and report in another, collect."""
    cloud, edge = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[:2]
    (tmp_path / "edge.py").write_text(edge)
    done = subprocess.run(
        [sys.executable, "-c", FIT + cloud + SHOW],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1.2.0 3 ['node1', 'node2', 'node3'] {'1.2.0'}\n"
