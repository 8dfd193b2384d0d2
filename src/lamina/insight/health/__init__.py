"""Gradient health: what every layer's numbers look like, and what is wrong with them."""

from lamina.insight.health.callback import HealthCallback as HealthCallback
from lamina.insight.health.distribution import Distribution as Distribution
from lamina.insight.health.distribution import distribution as distribution
from lamina.insight.health.findings import Thresholds as Thresholds
from lamina.insight.health.history import HealthHistory as HealthHistory
from lamina.insight.health.measuring import gradient_health as gradient_health
from lamina.insight.health.pictures import draw_distributions as draw_distributions
from lamina.insight.health.pictures import draw_flow as draw_flow
from lamina.insight.health.pictures import draw_history as draw_history
from lamina.insight.health.pictures import draw_quantiles as draw_quantiles
from lamina.insight.health.report import Finding as Finding
from lamina.insight.health.report import HealthReport as HealthReport
from lamina.insight.health.report import LayerHealth as LayerHealth
