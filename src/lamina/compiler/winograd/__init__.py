"""Winograd's convolution: 16 products for 36 with 3 × 3 filters, 36 for 100 with 5 × 5.

Two by two neighbouring outputs read four by four inputs (six by six). Outputs, filter and inputs
are each transformed by small matrices, and between the transforms nothing but a product of
matrices is left for each of the places of a tile: F(2×2, 3×3) and F(2×2, 5×5).

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A

Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4.1.
"""
