/** A request: for chat completions where it has messages, else for completions of its prompt. */
export type CompletionBody = {
  model: string;
  max_tokens: number;
  temperature?: number;
  top_p?: number;
  top_k?: number;
  repetition_penalty?: number;
  seed?: number;
  stop?: readonly string[];
  continue_final_message?: boolean;
  add_generation_prompt?: boolean;
} & (
  | {
      messages: readonly { role: string; content: string }[];
      logprobs?: boolean;
      top_logprobs?: number;
    }
  // The number of alternatives: of a prompt OpenAI's interface has no `top_logprobs`, and LiteLLM fails at it with status 500.
  | { prompt: string; logprobs?: number }
);
