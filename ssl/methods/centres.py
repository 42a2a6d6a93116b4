"""Centres of DINO and iBOT that move once a step, by the mean of the whole batch, however many parts it is cut into.

lightly's losses move theirs in every forward pass: a batch in two parts would move it twice, and the second part would
be compared with another centre than the first.
"""

import torch
from lightly.loss import DINOLoss
from lightly.models.modules.center import Center, center_mean, center_momentum


class Parts:
    """What the parts of a batch have said of a centre so far in a step, and where it was when the step began."""

    def __init__(self):
        self.start, self.means = None, []

    def rewind(self, center):
        """Put a centre, in place, where it was when the step began: every part is compared with that."""
        if self.means:
            center.copy_(self.start)
        else:
            self.start = center.clone()

    def move(self, center, mean, momentum):
        """Move a centre, in place, by the mean of the parts so far; `mean` is that of one more, over all ranks."""
        self.means.append(mean)
        center.copy_(center_momentum(self.start, torch.stack(self.means).mean(0), momentum))


class ViewLoss(DINOLoss):
    """lightly's loss of views, with a centre that waits for `end_step` before it goes on from where it is."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.end_step()

    def end_step(self):
        """The next part is the first of another batch."""
        self._parts = Parts()

    def forward(self, *args, **options):
        """As lightly's."""
        with torch.no_grad():
            self._parts.rewind(self.center)
        return super().forward(*args, **options)

    @torch.no_grad()
    def update_center(self, teacher_out):
        """Move the centre by the teacher's outputs for one more part of a batch, (views, n, prototypes)."""
        self._parts.move(self.center, center_mean(teacher_out, dim=(0, 1)), self.center_momentum)


class PatchCenter(Center):
    """lightly's centre of patches, which waits for `end_step` before it goes on from where it is."""

    def __init__(self, prototypes, momentum):
        super().__init__(size=(1, prototypes), momentum=momentum)
        self.end_step()

    def end_step(self):
        """The next part is the first of another batch."""
        self._parts = Parts()

    @torch.no_grad()
    def rewind(self):
        """To be called before the loss of a part."""
        self._parts.rewind(self.center)

    @torch.no_grad()
    def update(self, x):
        """Move the centre by the teacher's outputs for the patches of one more part of a batch, (m, prototypes)."""
        self._parts.move(self.center, center_mean(x, dim=self.dim), self.momentum)
