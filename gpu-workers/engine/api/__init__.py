"""What others see of the engine: the dialect over HTTP, its operations, and OpenAI's API."""
