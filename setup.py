"""Builds the compiled span finder; everything else is declared in setup.cfg."""

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

# Where there is no compiler the package installs without it, and matches in plain Python.
finder = Extension(
    "spacy_catalog_ner.matching._span_finder",
    ["spacy_catalog_ner/matching/_span_finder.pyx"],
    include_dirs=[numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
    language="c++",
)
extensions = cythonize([finder])
for extension in extensions:
    extension.optional = True

setup(ext_modules=extensions)
