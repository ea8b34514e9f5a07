"""The model card of a trained student."""
