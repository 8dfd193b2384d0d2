"""What others hide: every number of a network, and where it comes from."""

from lamina.insight.health import Distribution as Distribution
from lamina.insight.health import Finding as Finding
from lamina.insight.health import HealthCallback as HealthCallback
from lamina.insight.health import HealthHistory as HealthHistory
from lamina.insight.health import HealthReport as HealthReport
from lamina.insight.health import LayerHealth as LayerHealth
from lamina.insight.health import Thresholds as Thresholds
from lamina.insight.health import draw_distributions as draw_distributions
from lamina.insight.health import draw_flow as draw_flow
from lamina.insight.health import draw_history as draw_history
from lamina.insight.health import gradient_health as gradient_health
