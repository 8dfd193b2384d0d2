"""Winograd's convolution with 3 × 3 filters: 16 products where there were 36.

Two by two neighbouring outputs read four by four inputs. Outputs, filter and inputs are each
transformed by small matrices, and between the transforms nothing but a product of matrices is
left for each of the sixteen places of a tile: F(2×2, 3×3).

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A

Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4.1.
"""
