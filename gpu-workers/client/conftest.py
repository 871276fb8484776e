"""Puts this folder on the path, so that tests import the package as it lies here."""
