"""Certified removal by one Newton step (Guo, Goldstein, Hannun & van der Maaten 2020, arXiv:1911.03030).

Training minimised L(w) = Σ ℓ(w · x, y) + λ/2 ‖w‖² + b · w with secret b ~ N(0, σ² I) and ‖x‖ ≤ 1. To take out records F,

    Δ = Σ_F ∇ℓ(w),   H ← H - Σ_F ℓ'' x xᵀ,   H⁻¹ by Woodbury's identity,   w ← w + H⁻¹ Δ

where H is the Hessian at the anchor a, the weights of the last training. What is left of the gradient of the retained records'
objective is at most what was left before, and

    ‖H v - Δ‖ + γ · max(‖w - a‖, ‖w + v - a‖) · ‖X‖ · ‖X v‖,   v = H⁻¹ Δ

for a loss whose second derivative changes by at most γ with its score (γ = √3/18 of the logistic loss; 0 of the squared error,
where the step is exact); ‖X v‖² = vᵀ G v of the Gram matrix. For w = a that is the paper's corollary 1. By its theorem 3 the
result is (ε, δ)-indistinguishable from a training without F as long as this account is at most

    σ ε / √(2 ln(1.5 / δ)),

each of m weight vectors having a share ε/m, δ/m of the budget. Guarantee: certified (ε, δ), for requests that do not depend on
the published model. Assumes one shard and a learner in the role `Convex`, whose noise nobody knows who sees the model. The
account begins with what training left, and each version carries its own. Beyond the budget the method has failed: the next of
the ladder trains anew, with new noise and an empty account.

Ours beside the paper's: λ is not multiplied by the number of records, so that it stays when somebody leaves; the Hessian is
that of the anchor and not of each step, for which the maximum above pays; rounding is in the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.entities import Certified
from unlearning.domain.errors import MethodFailed
from unlearning.domain.protocols import Convex, Minimum, Records, State
from unlearning.methods.whole_model import Knob, whole_model

Values = NDArray[np.float64]

PROMISED = Certified(epsilon=1.0, delta=1e-4)


def spent(model: State, learner: Convex, params: Mapping[str, float]) -> float:
    """The account, as a share of the budget."""
    at = learner.minimum(model)
    return float(at.residual.max()) / allowed(at, params["epsilon"], params["delta"])


# ε at most 1: the bound is that of the Gaussian mechanism, which is proven there.
@whole_model(
    needs=Convex,
    guarantee=PROMISED,
    spent=spent,
    trains=False,
    knobs=(
        Knob("epsilon", PROMISED.epsilon, above=0, below=1, also=1),
        Knob("delta", PROMISED.delta, above=0, below=1),
    ),
)
def newton(model: State, forget: Records, retain: Records, learner: Convex, params: Mapping[str, float], seed: int) -> State:
    """Forget by a Newton step; raises MethodFailed when the budget is spent, or the model is not of exactly these records."""
    del seed  # nothing is drawn
    with learner.repeatable():
        at = step(learner, learner.minimum(model), forget)
    moved = learner.moved(model, at, forget)
    if not learner.made_of(moved, retain):
        raise MethodFailed("newton: the model was trained on other records than the retained and the forgotten; use retrain")
    if (share := spent(moved, learner, params)) > 1:
        raise MethodFailed(
            f"newton: the budget of ε={params['epsilon']:g}, δ={params['delta']:g} is spent: this removal would bring the"
            f" account to {share:.3g} times of it. The next method of policy.methods trains anew; end them in retrain, or"
            " declare more noise"
        )
    return moved


def allowed(at: Minimum, epsilon: float, delta: float) -> float:
    """How long the gradient may be that is left: theorem 3, with the budget shared by the weight vectors."""
    models = len(at.weights)
    return at.noise * epsilon / models / sqrt(2 * log(1.5 * models / delta))


def step(learner: Convex, at: Minimum, forget: Records) -> Minimum:
    """Where the weights go without these records, and what is left of the gradient at most."""
    inputs, wanted = learner.examples(forget)
    slopes, _ = learner.slopes(inputs @ at.weights.T, wanted)
    _, curved = learner.slopes(inputs @ at.anchor.T, wanted)
    gram = at.gram - inputs.T @ inputs
    made = [_one(at, one, inputs, slopes[:, one], np.sqrt(curved[:, one]), gram) for one in range(len(at.weights))]
    weights, hessian, inverse, residual = (np.stack([each[part] for each in made]) for part in range(4))
    return replace(at, weights=weights, hessian=hessian, inverse=inverse, gram=gram, residual=residual)


def _one(
    at: Minimum, model: int, inputs: Values, slopes: Values, roots: Values, gram: Values
) -> tuple[Values, Values, Values, Values]:
    weights, anchor, scaled = at.weights[model], at.anchor[model], inputs * roots[:, None]
    hessian = at.hessian[model] - scaled.T @ scaled
    inverse = _without(at.inverse[model], scaled) if len(scaled) < len(weights) else np.linalg.inv(hessian)
    change = inputs.T @ slopes
    move = inverse @ change
    rounding = np.linalg.norm(hessian @ move - change)
    far = max(np.linalg.norm(weights - anchor), np.linalg.norm(weights + move - anchor))
    seen = sqrt(max(0.0, float(move @ gram @ move)))
    left = at.residual[model] + rounding + at.steepest * far * sqrt(at.spectrum) * seen
    return weights + move, hessian, inverse, np.asarray(left)


def _without(inverse: Values, scaled: Values) -> Values:
    """(H - UᵀU)⁻¹ from H⁻¹, by Woodbury's identity. scaled: (k, d) U, with k < d."""
    solved = scaled @ inverse
    less: Values = inverse + solved.T @ np.linalg.solve(np.eye(len(scaled)) - solved @ scaled.T, solved)
    return less
