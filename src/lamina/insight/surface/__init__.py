"""Loss surfaces: lines and planes through the space of weights, and an optimiser's path there."""

from lamina.insight.surface.directions import filter_normalised as filter_normalised
from lamina.insight.surface.directions import random_direction as random_direction
from lamina.insight.surface.landscape import loss_between as loss_between
from lamina.insight.surface.landscape import loss_slice as loss_slice
from lamina.insight.surface.landscape import loss_surface as loss_surface
from lamina.insight.surface.landscape import path_surface as path_surface
from lamina.insight.surface.pictures import draw_slice as draw_slice
from lamina.insight.surface.pictures import draw_surface as draw_surface
from lamina.insight.surface.slices import Chord as Chord
from lamina.insight.surface.slices import Slice as Slice
from lamina.insight.surface.slices import Surface as Surface
from lamina.insight.surface.slices import find_chord as find_chord
from lamina.insight.surface.toy import toy_loss as toy_loss
from lamina.insight.surface.toy import toy_surface as toy_surface
from lamina.insight.surface.trajectory import PathCallback as PathCallback
from lamina.insight.surface.trajectory import WeightPath as WeightPath
