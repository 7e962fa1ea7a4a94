"""What skops' audit found, in words for whoever has to decide whether to trust it."""

from __future__ import annotations

from collections.abc import Iterable

_COMPILED = (
    "sklearn.tree._tree.",
    "sklearn.ensemble._hist_gradient_boosting.predictor.",
    "sklearn.neighbors._kd_tree.",
    "sklearn.neighbors._ball_tree.",
    "sklearn.metrics._dist_metrics.",
)
_LIBRARIES = ("sklearn", "numpy", "scipy", "pandas")
_POWERFUL = (
    "builtins", "code", "ctypes", "functools", "importlib", "io", "multiprocessing", "nt",
    "operator", "os", "pickle", "posix", "pty", "runpy", "shutil", "socket", "subprocess", "sys",
    "webbrowser",
)  # fmt: skip


def in_words(types: Iterable[str]) -> str:
    """What the types in a skops file are and what they could do.

    Parameters
    ----------
    types : iterable of str
        Full names of types and functions, as `skops.io.get_untrusted_types` gives them.

    Returns
    -------
    str
        A clause for each kind, the most dangerous first, with the names of that kind.

    Notes
    -----
    skops checks which types a file names, not what it holds of them. scikit-learn's compiled trees
    use the numbers in them as places in memory without looking, see the reasons in
    ``skops.io.exceptions``.

    Examples
    --------
    >>> print(in_words(["sklearn.tree._tree.Tree"]))
    sklearn.tree._tree.Tree (a compiled part of scikit-learn itself: loading it runs no code, ...)
    >>> print(in_words(["os.system"]))
    os.system (can run commands or read and write files: no model needs it)
    """
    kinds: dict[str, list[str]] = {}
    for name in sorted(types):
        kinds.setdefault(_kind(name), []).append(name)
    return "; ".join(
        f"{', '.join(kinds[kind])} ({words})" for kind, words in _WORDS.items() if kind in kinds
    )


_WORDS = {
    "powerful": "can run commands or read and write files: no model needs it",
    "notebook": "defined in the notebook or script itself: only a program with the same definition "
    "can load it, so put it into a module that the nodes have",
    "foreign": "from outside scikit-learn: loading imports that module here and calls it with what "
    "the file says",
    "library": "Python code of an installed library that skops has not reviewed: loading may call "
    "it with what the file says",
    "compiled": "a compiled part of scikit-learn itself: loading it runs no code, but a forged one "
    "can crash the program or reach outside its memory when the model predicts",
}


def _kind(name: str) -> str:
    if name.startswith(_COMPILED):
        return "compiled"
    root = name.partition(".")[0]
    if root == "__main__":
        return "notebook"
    if root in _POWERFUL:
        return "powerful"
    return "library" if root in _LIBRARIES else "foreign"
