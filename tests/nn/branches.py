"""A network that is no sequence."""

import lamina
from lamina import nn


class Branches(nn.Module):
    """Side by side along the channels, as in Inception."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.last = nn.Identity()

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return self.last(lamina.cat([branch(x) for branch in self.branches], 1))
