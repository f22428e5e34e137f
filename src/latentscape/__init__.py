"""latentscape: see what a trained model learned."""
