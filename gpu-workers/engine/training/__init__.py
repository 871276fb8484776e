"""What is trained: packed sequences, losses, gradients, optimiser steps, and their saved state."""
