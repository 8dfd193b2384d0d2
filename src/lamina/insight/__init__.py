"""What others hide: every number of a network, and where it comes from."""

from lamina.insight.fields import Box as Box
from lamina.insight.fields import DenseComparison as DenseComparison
from lamina.insight.fields import LayerCounts as LayerCounts
from lamina.insight.fields import LayerFields as LayerFields
from lamina.insight.fields import ReceptiveFields as ReceptiveFields
from lamina.insight.fields import dense_comparison as dense_comparison
from lamina.insight.fields import draw_growth as draw_growth
from lamina.insight.fields import draw_receptive_field as draw_receptive_field
from lamina.insight.fields import effective_field as effective_field
from lamina.insight.fields import measured_field as measured_field
from lamina.insight.fields import measured_fields as measured_fields
from lamina.insight.fields import receptive_field as receptive_field
