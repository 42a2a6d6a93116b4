"""The list of all pre-training methods: the class of each section of `configs.methods`.

A new method is a file in this folder, a section in `configs.methods`, a line in METHODS, its paper in `citations` and
a test.
"""

from typing import get_args

from ...configs.methods import (
    BarlowTwinsSettings,
    BYOLSettings,
    ContrastSettings,
    DINOSettings,
    IBOTSettings,
    MAESettings,
    SimCLRSettings,
    SimSiamSettings,
    SupervisedSettings,
    VICRegSettings,
)
from .barlow import BarlowTwins
from .byol import BYOL
from .dino import DINO
from .ibot import IBOT
from .mae import MAE
from .simclr import SimCLR
from .simsiam import SimSiam
from .supervised import Supervised
from .vicreg import VICReg

METHODS = {
    SimSiamSettings: SimSiam,
    SimCLRSettings: SimCLR,
    ContrastSettings: SimCLR,
    VICRegSettings: VICReg,
    BarlowTwinsSettings: BarlowTwins,
    BYOLSettings: BYOL,
    DINOSettings: DINO,
    IBOTSettings: IBOT,
    MAESettings: MAE,
    SupervisedSettings: Supervised,
}


def names():
    """The values that the key `method` of an encoder takes: simsiam, lensiam, simclr, ..."""
    return [name for section in METHODS for name in get_args(section.model_fields["method"].annotation)]
