"""What the data view says of a scaling is what the network is given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cvcore import data_views, datasets, inference
from cvcore.networks import NETWORKS
from cvcore.spec import SCALINGS, RunSpec


@pytest.mark.parametrize("how", SCALINGS)
def test_the_view_and_the_training_scale_alike(how: str) -> None:
    spec = RunSpec(dataset="digits", network=NETWORKS["cnn"].layers, training_size=300)
    spec = RunSpec(**{**vars(spec), "scaling": how})
    training, validation, _ = spec.sizes()
    told = data_views.shift_and_scale(
        how, data_views.summary("", "digits", 128, training, validation)
    )
    assert_allclose(np.array(told), inference.scaling(spec, datasets.load("digits")), rtol=1e-12)
