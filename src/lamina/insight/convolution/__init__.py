"""Convolution to look at: its steps, its matrix, named filters, and what networks make of it."""

from lamina.insight.convolution.feature_maps import FeatureMaps as FeatureMaps
from lamina.insight.convolution.feature_maps import feature_maps as feature_maps
from lamina.insight.convolution.filters import Filter as Filter
from lamina.insight.convolution.filters import FrequencyResponse as FrequencyResponse
from lamina.insight.convolution.filters import apply_filter as apply_filter
from lamina.insight.convolution.filters import filter_bank as filter_bank
from lamina.insight.convolution.filters import frequency_response as frequency_response
from lamina.insight.convolution.matrix import ConvolutionMatrix as ConvolutionMatrix
from lamina.insight.convolution.matrix import convolution_matrix as convolution_matrix
from lamina.insight.convolution.pictures import draw_feature_maps as draw_feature_maps
from lamina.insight.convolution.pictures import draw_filters as draw_filters
from lamina.insight.convolution.pictures import draw_matrix as draw_matrix
from lamina.insight.convolution.pictures import draw_sliding as draw_sliding
from lamina.insight.convolution.sliding import Sliding as Sliding
from lamina.insight.convolution.sliding import Step as Step
from lamina.insight.convolution.sliding import slide as slide
