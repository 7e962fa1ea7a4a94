"""Results of statsmodels: refused with what to do, and as a pickle on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from syncnb.codecs import default_registry
from syncnb.errors import ModelError, UntrustedDataError

from .fitted import read, said, written

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RANDOM.normal(size=50), "kind": ["x", "y"] * 25})
FRAME["y"] = 2 * FRAME["a"] + RANDOM.normal(size=50)
FRAME["hit"] = (FRAME["y"] > 0).astype(int)
DESIGN = sm.add_constant(FRAME[["a"]])

RESULTS = [
    pytest.param(lambda: sm.OLS(FRAME["y"], DESIGN).fit(), DESIGN, id="ols"),
    pytest.param(
        lambda: sm.GLM(FRAME["hit"], DESIGN, family=sm.families.Binomial()).fit(), DESIGN, id="glm"
    ),
    pytest.param(lambda: smf.ols("y ~ a + C(kind)", FRAME).fit(), FRAME, id="formula"),
    pytest.param(lambda: sm.Logit(FRAME["hit"], DESIGN).fit(disp=0), DESIGN, id="logit"),
    pytest.param(lambda: sm.RLM(FRAME["y"], DESIGN).fit(), DESIGN, id="robust"),
]


@pytest.mark.parametrize(("fit", "rows"), RESULTS)
def test_results_are_refused_with_what_to_do(tmp_path: Path, fit: Any, rows: Any) -> None:
    """Their only file is a pickle, which nobody should get unasked."""
    with pytest.raises(ModelError, match=r"Give format='pickle' if .*params\.to_frame"):
        written(fit(), tmp_path)


@pytest.mark.parametrize(("fit", "rows"), RESULTS)
def test_results_predict_the_same_as_a_pickle(tmp_path: Path, fit: Any, rows: Any) -> None:
    """Bit for bit."""
    results = fit()
    name, path = written(results, tmp_path, "pickle")
    with pytest.raises(UntrustedDataError, match="which can run any code"):
        read(name, path)
    loaded = read(name, path, trusted=True)
    assert np.array_equal(said(name, loaded, rows), np.asarray(results.predict(rows)))


def test_advice_for_the_numbers_works(tmp_path: Path) -> None:
    """The parameters as a frame."""
    results = sm.OLS(FRAME["y"], DESIGN).fit()
    name, path = written(results.params.to_frame("value"), tmp_path)
    assert read(name, path)["value"].equals(results.params.rename("value"))


def test_model_without_results_is_told_to_be_fitted() -> None:
    """It would take the data along and predict nothing."""
    model = sm.OLS(FRAME["y"], DESIGN)
    codec = default_registry().for_object(model)
    with pytest.raises(ModelError, match=r"\.fit\(\)"):
        codec.check(model)
