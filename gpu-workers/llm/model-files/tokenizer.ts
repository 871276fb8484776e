import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { AppError } from "@/contracts/errors";

/**
 * Encodes prompt text with the model's own tokenizer.json. Only text for a model's input is encoded; what a model sampled
 * stays the ids that it sampled.
 */
export interface Tokenizer {
  /** Token ids of `text`, without added tokens; special tokens that are written out become their ids. */
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
}

/**
 * Loads the tokenizer of a Hugging Face model folder.
 * @throws AppError "not-found" where its files are missing or broken
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const read = async (file: string): Promise<object> => {
    try {
      return JSON.parse(await readFile(join(directory, file), "utf8")) as object;
    } catch (cause) {
      throw new AppError(
        "not-found",
        `The model folder ${directory} has no readable ${file}; install the model anew.`,
        { cause },
      );
    }
  };
  const tokenizer = new HuggingFaceTokenizer(
    await read("tokenizer.json"),
    await read("tokenizer_config.json"),
  );
  return {
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    decode: (ids) => tokenizer.decode([...ids], { skip_special_tokens: false }),
  };
}
