"""Universal approximation: what one hidden layer of squashing units can do, and why."""

from lamina.insight.approximation.blocks import Construction as Construction
from lamina.insight.approximation.blocks import OneHiddenLayer as OneHiddenLayer
from lamina.insight.approximation.blocks import bump as bump
from lamina.insight.approximation.blocks import construct as construct
from lamina.insight.approximation.blocks import modulus_of_continuity as modulus_of_continuity
from lamina.insight.approximation.blocks import step as step
from lamina.insight.approximation.blocks import together as together
from lamina.insight.approximation.fitting import WidthCurve as WidthCurve
from lamina.insight.approximation.fitting import errors as errors
from lamina.insight.approximation.fitting import fit_function as fit_function
from lamina.insight.approximation.fitting import width_curve as width_curve
from lamina.insight.approximation.pictures import draw_construction as draw_construction
from lamina.insight.approximation.pictures import draw_fit as draw_fit
from lamina.insight.approximation.pictures import draw_width_curve as draw_width_curve
