"""Data inside scikit-learn, as the studies use it: functions that return (X, y); y is None without labels."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d


def digits():
    return load_digits(return_X_y=True)


def breast_cancer():
    return load_breast_cancer(return_X_y=True)


def patches(n_patches=4000, size=8, whiten=False):
    """Grey patches of scikit-learn's two sample images, half from each; of the whitened images if asked for."""
    images = [image.mean(axis=2) for image in load_sample_images().images]
    images = [whitened(image) for image in images] if whiten else images
    half = n_patches // len(images)
    rows = [
        extract_patches_2d(i, (size, size), max_patches=half, random_state=s)
        for s, i in enumerate(images)
    ]
    return np.concatenate(rows).reshape(-1, size * size), None


def whitened(image):
    """Flatten the image's spectrum below 0.4 cycles per pixel, as in Olshausen & Field (1996), whose images UFLDL uses."""
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in image.shape), indexing="ij"))
    spectrum = np.fft.fft2(image - image.mean()) * frequency * np.exp(-((frequency / 0.4) ** 4))
    return np.fft.ifft2(spectrum).real


def unit_patches():
    """Patches without their own mean, cut at three standard deviations and mapped to [0.1, 0.9]: UFLDL's normalisation."""
    return unit_range(patches()[0]), None


def unit_range(X):
    X = X - X.mean(axis=1, keepdims=True)
    limit = 3 * X.std()
    return np.clip(X, -limit, limit) / limit * 0.4 + 0.5


def mnist(path=None):
    """(X in 0..1, y) from an .npz with X (n, 784) in 0..255 and y; random rows of that shape, and no y, without a path."""
    if path is None:
        return np.random.default_rng(0).random((10_000, 784)), None
    with np.load(path) as file:
        return file["X"] / 255, file["y"]
