import type { Tokenizer } from "@huggingface/tokenizers";
import { AppError } from "@/contracts/errors";
import { loadTokenizer, mendFor } from "@/gpu-workers/runtime/text-tokenizer";

/** Token ids of two texts with their special tokens, and the text that each id belongs to (BERT's token types). */
export interface TokenPair {
  ids: number[];
  types: number[];
}

type SpecialToken = { id: number; type: number };

/**
 * Tokenises a query and a passage together, as a cross-encoder reads them. The special tokens and their places are
 * those of the model's tokenizer.json, e.g. `[CLS] query [SEP] passage [SEP]` or `<s> query </s></s> passage </s>`.
 */
export class PairTokenizer {
  private constructor(
    private readonly tokenizer: Tokenizer,
    private readonly mend: (text: string) => string,
    private readonly before: readonly SpecialToken[],
    private readonly between: readonly SpecialToken[],
    private readonly after: readonly SpecialToken[],
    private readonly typeOfSecond: number,
    readonly padId: number,
    readonly maxTokens: number,
  ) {}

  static async load(
    tokenizerPath: string,
    configPath: string,
    maxTokens: number,
  ): Promise<PairTokenizer> {
    const { tokenizer, definition, padId } = await loadTokenizer(tokenizerPath, configPath);
    const [first, second] = ["a", "b"].map(
      (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    );
    const { ids, token_type_ids: types } = tokenizer.encode("a", {
      text_pair: "b",
      return_token_type_ids: true,
    });
    const all = ids.map((id, i) => ({ id, type: types[i] ?? 0 }));
    const start = findPart(first ?? [], ids, 0);
    const firstEnd = start + (first?.length ?? 0);
    const secondStart = findPart(second ?? [], ids, firstEnd);
    if (start < 0 || secondStart < 0)
      throw new AppError(
        "unsupported",
        `${tokenizerPath} does not say how two texts are put together`,
      );
    const secondEnd = secondStart + (second?.length ?? 0);
    return new PairTokenizer(
      tokenizer,
      mendFor(definition),
      all.slice(0, start),
      all.slice(firstEnd, secondStart),
      all.slice(secondEnd),
      types[secondStart] ?? 0,
      padId,
      maxTokens,
    );
  }

  /** Token ids of one text without special tokens; those of a query are computed once for all passages. */
  encodeText(text: string): number[] {
    return this.tokenizer.encode(this.mend(text), { add_special_tokens: false }).ids;
  }

  /** Joins two texts; a pair that is too long is truncated, the longer text first, as Python's tokenizers do. */
  joinPair(first: readonly number[], second: readonly number[]): TokenPair {
    const [a, b] = truncateLongestFirst(
      first.length,
      second.length,
      this.maxTokens - this.before.length - this.between.length - this.after.length,
    );
    const tokens = [
      ...this.before,
      ...first.slice(0, a).map((id) => ({ id, type: 0 })),
      ...this.between,
      ...second.slice(0, b).map((id) => ({ id, type: this.typeOfSecond })),
      ...this.after,
    ];
    return { ids: tokens.map(({ id }) => id), types: tokens.map(({ type }) => type) };
  }
}

/** Index of the first place, from `from` on, where `part` stands in `ids`; -1 where it does not. */
function findPart(part: readonly number[], ids: readonly number[], from: number): number {
  return ids.findIndex((_, i) => i >= from && part.every((id, k) => ids[i + k] === id));
}

/** Lengths that two texts are truncated to, by the rule "longest first" of Hugging Face's tokenizers. */
export function truncateLongestFirst(first: number, second: number, max: number): [number, number] {
  if (first + second <= max) return [first, second];
  const shorter = Math.min(first, second);
  let [small, large] = [shorter, Math.max(shorter, max - shorter)];
  if (small + large > max) [small, large] = [Math.floor(max / 2), Math.floor(max / 2) + (max % 2)];
  return first > second ? [large, small] : [small, large];
}
