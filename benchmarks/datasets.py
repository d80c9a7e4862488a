"""Data inside scikit-learn, and MNIST: functions that return (X, y), with y None without labels."""

import ast
import importlib.util
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_sample_images
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize


def digits():
    return load_digits(return_X_y=True)


def breast_cancer():
    return load_breast_cancer(return_X_y=True)


def patches(n_patches=4000, size=8):
    """Grey patches of scikit-learn's two sample images, half from each."""
    images = [image.mean(axis=2) for image in load_sample_images().images]
    half = n_patches // len(images)
    rows = [
        extract_patches_2d(i, (size, size), max_patches=half, random_state=s)
        for s, i in enumerate(images)
    ]
    return np.concatenate(rows).reshape(-1, size * size), None


def colour_patches(n_patches, size=6):
    """Patches of the same images in colour: a pixel's three values are three columns."""
    parts = [
        extract_patches_2d(image, (size, size), max_patches=n_patches // 2, random_state=2 + s)
        for s, image in enumerate(load_sample_images().images)
    ]
    X = np.concatenate(parts).reshape(n_patches, -1) / 255
    return np.random.default_rng(1).permutation(X), None


def whitened(image):
    """Flatten the spectrum of an image below 0.4 cycles per pixel.

    Source: Olshausen and Field (1996), whose images UFLDL uses.
    """
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in image.shape), indexing="ij"))
    spectrum = np.fft.fft2(image - image.mean()) * frequency * np.exp(-((frequency / 0.4) ** 4))
    return np.fft.ifft2(spectrum).real


def unit_patches():
    """Patches in [0.1, 0.9], normalised as in UFLDL.

    Each patch loses its own mean. All are then clipped at three standard deviations.
    """
    X = patches()[0]
    X = X - X.mean(axis=1, keepdims=True)
    limit = 3 * X.std()
    return np.clip(X, -limit, limit) / limit * 0.4 + 0.5, None


def mnist(path=None):
    """(X in 0..1, y) from an .npz with X (n, 784) in 0..255 and y.

    Without a path, 10,000 random rows of that shape and None.
    """
    if path is None:
        return np.random.default_rng(0).random((10_000, 784)), None
    with np.load(path) as file:
        return file["X"] / 255, file["y"]


def docstrings(packages=("numpy", "scipy", "sklearn"), n_columns=128):
    """An embedding of the paragraphs of the docstrings of installed packages, in random order.

    Latent semantic analysis: truncated SVD of their tf-idf. The rows depend on the versions of the
    packages.
    """
    X = TruncatedSVD(n_columns, n_iter=3, random_state=0).fit_transform(_term_counts(packages))
    return np.random.default_rng(0).permutation(X), None


def words(packages=("numpy", "scipy", "sklearn"), n_columns=128):
    """An embedding of the words of the same paragraphs, in random order.

    A word's row is made of the paragraphs that contain it: truncated SVD of the transpose.
    """
    counts = _term_counts(packages, min_df=3).T.tocsr()
    X = TruncatedSVD(n_columns, n_iter=3, random_state=0).fit_transform(normalize(counts))
    return np.random.default_rng(0).permutation(X), None


def _term_counts(packages, min_df=5):
    """Tf-idf (n_paragraphs, n_words) of the paragraphs of docstrings."""
    texts = sorted({text for package in packages for text in _paragraphs(package)})
    return TfidfVectorizer(min_df=min_df, sublinear_tf=True).fit_transform(texts)


def _paragraphs(package, n_characters=60):
    """The paragraphs of at least this length in the docstrings of a package, without its tests."""
    folder = Path(importlib.util.find_spec(package).origin).parent
    for path in sorted(folder.rglob("*.py")):
        if "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                paragraphs = (ast.get_docstring(node) or "").split("\n\n")
                yield from (text for text in paragraphs if len(text) >= n_characters)
