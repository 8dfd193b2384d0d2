"""Receptive fields: which part of the input a unit sees, by arithmetic and by measuring."""

from lamina.insight.fields.box import Box as Box
from lamina.insight.fields.dense import DenseComparison as DenseComparison
from lamina.insight.fields.dense import LayerCounts as LayerCounts
from lamina.insight.fields.dense import dense_comparison as dense_comparison
from lamina.insight.fields.measuring import effective_field as effective_field
from lamina.insight.fields.measuring import measured_field as measured_field
from lamina.insight.fields.measuring import measured_fields as measured_fields
from lamina.insight.fields.pictures import draw_growth as draw_growth
from lamina.insight.fields.pictures import draw_receptive_field as draw_receptive_field
from lamina.insight.fields.table import LayerFields as LayerFields
from lamina.insight.fields.table import ReceptiveFields as ReceptiveFields
from lamina.insight.fields.table import receptive_field as receptive_field
