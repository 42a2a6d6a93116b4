"""The posterior of some targets given an image: a Gaussian with all covariances, or a normalising flow.

A density of what is left of the targets beside a linear estimate, given that estimate and a few directions of the
features. The Gaussian has its mean and the Cholesky factor of its covariance from a small network; the flow is a neural
spline flow (Durkan+ 2019, arXiv:1906.04032) with coupling, by zuko. Bounds of targets are left to the flow to learn, so
a few samples may lie beyond.
"""

import math

import torch
from torch import nn

from ...extras import need
from .base import Method
from .labelled import add_units, loss_on_labels

KINDS = GAUSSIAN, FLOW = "gaussian", "flow"
HIDDEN = 32  # width of the hidden layers
TRANSFORMS, BINS = 2, 8  # of the flow
DIRECTIONS = 4  # of the features, beside the linear estimate
FARTHEST = 4.0  # standard deviations of a direction, beyond which it tells nothing more
FOR_MEAN = 65  # pairs of opposite samples, whose mean is that of a posterior: 13 of each of 5 members


class Density(nn.Module):
    """The density of standardised targets (n, t) given features (n, d): that of several networks with equal weights.

    Args: kind: GAUSSIAN or FLOW. width: d. targets: t. members: how many networks.
    """

    def __init__(self, kind, width, targets, members):
        super().__init__()
        k = min(DIRECTIONS, width)
        make = Gaussian if kind == GAUSSIAN else Flow
        self.register_buffer("feature_mean", torch.zeros(width))
        self.register_buffer("feature_std", torch.ones(width))
        self.centre, self.directions = nn.Linear(width, targets), nn.Linear(width, k)
        self.members = nn.ModuleList(make(targets, targets + k) for _ in range(members))
        self.register_buffer("factor", torch.eye(targets))  # Cholesky's, of the covariance of what is left

    def given(self, features):
        """The linear estimate (n, t), and what the members are conditional on (n, t + k)."""
        x = (features - self.feature_mean) / self.feature_std
        centre = self.centre(x).float()
        return centre, torch.cat([centre, self.directions(x).float()], 1).clamp(-FARTHEST, FARTHEST)

    def log_prob(self, features, values):
        """The logarithm of the density of standardised values (n, t), (n,)."""
        centre, given = self.given(features)
        left = torch.linalg.solve_triangular(self.factor, (values - centre).T, upper=False).T
        each = torch.stack([member.log_prob(left, given) for member in self.members])
        return each.logsumexp(0) - math.log(len(self.members)) - self.factor.diagonal().log().sum()

    def samples(self, features, noise):
        """Samples of standardised targets, (n, s, t), from normal noise of that shape, or (1, s, t) for all."""
        centre, given = self.given(features)
        noise = noise.expand(len(features), -1, -1)
        left, n = torch.empty_like(noise, memory_format=torch.contiguous_format), len(self.members)
        for k, member in enumerate(self.members):
            left[:, k::n] = member.samples(given, noise[:, k::n])
        return centre[:, None] + left @ self.factor.T


class Gaussian(nn.Module):
    """A normal distribution of (n, t) given (n, c), with all covariances; it starts as the standard one."""

    def __init__(self, targets, given):
        super().__init__()
        self.rows = targets
        self.net = nn.Sequential(nn.Linear(given, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, targets * (targets + 3) // 2))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def moments(self, given):
        """Mean (n, t) and Cholesky factor of the covariance (n, t, t)."""
        t = self.rows
        mean, diagonal, below = self.net(given).split([t, t, t * (t - 1) // 2], 1)
        factor = torch.diag_embed(diagonal.clamp(-10, 10).exp())
        rows, columns = torch.tril_indices(t, t, -1)
        factor[:, rows, columns] = below
        return mean, factor

    def log_prob(self, values, given):
        mean, factor = self.moments(given)
        return torch.distributions.MultivariateNormal(mean, scale_tril=factor, validate_args=False).log_prob(values)

    def samples(self, given, noise):
        mean, factor = self.moments(given)
        return mean[:, None] + noise @ factor.mT


class Flow(nn.Module):
    """A neural spline flow of (n, t) given (n, c)."""

    def __init__(self, targets, given):
        super().__init__()
        need("npe", "a posterior by a flow")
        from zuko.flows import NSF

        settings = {"hidden_features": (HIDDEN, HIDDEN), "bins": BINS, "transforms": TRANSFORMS}
        self.flow = NSF(targets, given, passes=min(targets, 2), **settings)

    def log_prob(self, values, given):
        return self.flow(given).log_prob(values)

    def samples(self, given, noise):
        return self.flow(given[:, None].expand(-1, noise.shape[1], -1)).transform.inv(noise)


class TargetPosterior(Method):
    """The loss is the negative log-likelihood of the standardised targets, `step.labels` (n, t) in their own units.

    Args: mean, std: (t,), by which targets are standardised. kind: GAUSSIAN or FLOW. members: networks whose densities
    count as one.
    """

    n_views, needs_labels, behind = 1, True, "head"

    def __init__(self, network, mean, std, kind, members=1):
        super().__init__(network)
        self.head = Density(kind, network.num_features, len(mean), members)
        add_units(self, mean, std)

    def forward(self, views, step):
        return loss_on_labels(self, views, step)

    def loss_of(self, features, labels):
        """The loss of features (n, d) with labels as in `Step`."""
        return -self.head.log_prob(features, (labels - self.mean) / self.std).mean()

    def predict(self, images):
        """The mean of the posterior in the targets' units, float32 (n, t), for images (n, bands, h, w)."""
        noise = torch.randn(1, FOR_MEAN, len(self.mean), generator=torch.Generator().manual_seed(0))
        noise = torch.cat([noise, -noise], 1).to(images.device)
        return self.samples_of(self.network(images), noise).mean(1)

    def samples_of(self, features, noise):
        """Samples in the targets' units, (n, s, t), of features (n, d); noise: as for `Density.samples`."""
        return self.head.samples(features, noise) * self.std + self.mean

    def log_prob_of(self, features, values):
        """The logarithm of the density of values (n, t), in the targets' units, given features (n, d)."""
        return self.head.log_prob(features, (values - self.mean) / self.std) - self.std.log().sum()
