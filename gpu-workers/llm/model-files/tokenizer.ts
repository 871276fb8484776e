import { join } from "node:path";
import type { Thinking } from "@/contracts/run-config/model";
import { loadTokenizer as loadDefinition, mendFor } from "@/gpu-workers/runtime/text-tokenizer";
import { loadChatTemplate, type ChatTemplate } from "./chat-template";

/**
 * Encodes prompt text with the model's own tokenizer.json. Only text for a model's input is encoded; what a model sampled
 * stays the ids that it sampled.
 */
export interface Tokenizer {
  /** Token ids of `text`, without added tokens; special tokens that are written out become their ids. */
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
  /** How the model reads a conversation. */
  chat: ChatTemplate;
}

/**
 * Loads the tokenizer of a Hugging Face model folder.
 * @param thinking whether the chat template is told to have the model think
 * @throws AppError "not-found" without a tokenizer.json, "invalid-input" or "unsupported" where it is not read
 */
export async function loadTokenizer(
  directory: string,
  thinking: Thinking = "template",
): Promise<Tokenizer> {
  const { tokenizer, definition } = await loadDefinition(
    join(directory, "tokenizer.json"),
    join(directory, "tokenizer_config.json"),
  );
  const mend = mendFor(definition);
  return {
    encode: (text) => tokenizer.encode(mend(text), { add_special_tokens: false }).ids,
    decode: (ids) =>
      ids.length === 0
        ? ""
        : tokenizer.decode([...ids], {
            skip_special_tokens: false,
            clean_up_tokenization_spaces: false,
          }),
    chat: await loadChatTemplate(
      directory,
      (text) => tokenizer.token_to_id(text) !== undefined,
      thinking,
    ),
  };
}
