"""The engine: samples tokens and computes gradients; contracts/engine/dialect.ts is its dialect."""
