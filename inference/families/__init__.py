"""Families: all that a model family needs besides its weights, as data. One YAML file each, beside this module or anywhere on disk."""

from inference.families.catalogue import FAMILIES, family_names, family_of_model, load_family
from inference.families.fitting import WrongFamily, check_model_fits
from inference.families.spec import Coordinates, Family, History, ImageSpec, Prompt, Sampling, Server, Verified
from inference.families.strict import FamilyError
from inference.families.vllm import vllm_arguments

__all__ = [
    "FAMILIES",
    "Coordinates",
    "Family",
    "FamilyError",
    "History",
    "ImageSpec",
    "Prompt",
    "Sampling",
    "Server",
    "Verified",
    "WrongFamily",
    "check_model_fits",
    "family_names",
    "family_of_model",
    "load_family",
    "vllm_arguments",
]
