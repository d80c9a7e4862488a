"""The sparse autoencoder."""
