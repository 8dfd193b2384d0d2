"""Convolution: step by step, as a matrix, with named filters, in a trained network."""

from __future__ import annotations

from typing import Any

from gallery_pictures._shared import photograph, trained_lenet
from lamina import insight

TITLE = "Convolution"
IMAGE = [[1, 1, 1, 1, 1], [-1, 0, -3, 0, 1], [2, 1, 1, -1, 0], [0, -1, 1, 2, 1], [1, 2, 1, 1, 1]]
KERNEL = [[1, 0, 0], [0, 0, 0], [0, 0, -1]]


def signal() -> Any:
    return insight.draw_sliding(insight.slide([1, 1, -1, 1, 1], [-1, 0, 1], padding="same"), 5)


def dilated_correlation() -> Any:
    options = {"padding": 2, "stride": 2, "dilation": 2, "flip": False}
    return insight.draw_sliding(insight.slide([1, 2, 3, 4, 5, 6, 7], [-1, 0, 1], **options), 4)


def image() -> Any:
    return insight.draw_sliding(insight.slide(IMAGE, KERNEL), 4)


def toeplitz() -> Any:
    return insight.draw_matrix(insight.convolution_matrix(8, [1, 2, 3], padding="narrow"))


def blocks() -> Any:
    kernel = [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]
    return insight.draw_matrix(insight.convolution_matrix((6, 6), kernel, padding="same"))


EDGES = ("∂", "Laplacian")


def smoothing() -> Any:
    rest = [each for each in insight.filter_bank() if not any(e in each.name for e in EDGES)]
    return insight.draw_filters(photograph(), rest)


def edges() -> Any:
    found = [each for each in insight.filter_bank() if any(e in each.name for e in EDGES)]
    return insight.draw_filters(photograph(), found)


def lenet_maps() -> Any:
    model, images = trained_lenet()
    fields = insight.receptive_field(model, (1, 32, 32))
    layer = next(row.name for row in fields if row.type == "Conv2d")
    return insight.draw_feature_maps(insight.feature_maps(model, images[3:4], layer), images[3])


def filtered_maps() -> Any:
    model, images = trained_lenet()
    fields = insight.receptive_field(model, (1, 32, 32))
    layer = next(row.name for row in fields if row.type == "Conv2d")
    maps = insight.feature_maps(model, images[3:4], layer).maps[0]
    return insight.draw_filters(maps[0], insight.filter_bank()[:5])


PICTURES = [
    (
        "convolution_signal.png",
        "A signal and a kernel: flipped, slid over the padded signal, multiplied and summed "
        "(`insight.slide`, `insight.draw_sliding`).",
        signal,
    ),
    (
        "cross_correlation_dilated.png",
        "Cross-correlation does not flip the kernel. Here with stride 2 and dilation 2: the "
        "kernel of three elements spans five.",
        dilated_correlation,
    ),
    (
        "convolution_image.png",
        "The same in two dimensions, narrow: the flipped kernel on four windows of an image.",
        image,
    ),
    (
        "convolution_matrix.png",
        "Narrow convolution of eight elements as a Toeplitz matrix C, and its transpose, the "
        "matrix of the transposed convolution (`insight.convolution_matrix`, "
        "`insight.draw_matrix`).",
        toeplitz,
    ),
    (
        "convolution_matrix_blocks.png",
        "In two dimensions the matrix is a Toeplitz matrix of Toeplitz blocks: a 3×3 kernel on a "
        "6×6 image, equal width.",
        blocks,
    ),
    (
        "filters_smoothing.png",
        "Filters by name: kernel, magnitude of its Fourier transform, and a photograph (china.jpg "
        "of scikit-learn, CC BY 2.0) convolved with it. Means and Gaussians keep the low "
        "frequencies; sharpening lifts the high ones (`insight.filter_bank`, "
        "`insight.draw_filters`).",
        smoothing,
    ),
    (
        "filters_edges.png",
        "Derivatives of Gaussians, Sobel's kernels and the Laplacian find edges: constant areas "
        "(frequency 0) become 0.",
        edges,
    ),
    (
        "feature_maps.png",
        "What the first layer of a trained LeNet makes of a digit (`insight.feature_maps`).",
        lenet_maps,
    ),
    (
        "filters_on_feature_map.png",
        "Filters by name on one of these feature maps.",
        filtered_maps,
    ),
]
