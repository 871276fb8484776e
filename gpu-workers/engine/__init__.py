"""The engine: samples tokens and takes gradients behind the dialect of contracts/engine.ts."""
