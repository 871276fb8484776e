import type { Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { StepOfKind } from "@/contracts/records/episode";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { buildGenerateStep, type EncodedPrompt } from "@/gpu-workers/searcher/episode-steps";

/** What a call of the model adds to the step that records it. */
type CallTokens = Pick<StepOfKind<"generate">, "fed" | "ids" | "mask" | "logprobs" | "entropies">;

/** A call of the model: what it read in addition to the calls before, and what it wrote. */
interface Call {
  /** All text that it had read. */
  read: string;
  prompt: EncodedPrompt;
  sampled: Sampled;
}

/**
 * The tokens of one episode of a method that works on texts. What the policy sampled stays the ids that it sampled, and
 * only what others wrote is encoded. Where a method goes on from a part of what was written, the tokens behind that part
 * are dropped: the policy does not read them, so nothing is learned from them.
 */
export class TokenRecord {
  private readonly calls: Call[] = [];

  constructor(private readonly tokenizer: Pick<Tokenizer, "encode" | "decode">) {}

  /**
   * The ids of what the model reads next, and which of them it has not read before.
   *
   * @param text all that it reads, earlier calls included
   * @throws AppError "unsupported" where it does not go on from what was read before
   */
  continueWith(text: string): { prompt: EncodedPrompt; ids: number[] } {
    const last = this.calls.at(-1);
    let known = "";
    if (last) {
      if (!text.startsWith(last.read))
        throw new AppError(
          "unsupported",
          "The model's chat template changes what stands before a continued reply, so what was sampled is not what is learned from. Choose another model, or set searcher.thinking.",
        );
      const kept = text.slice(last.read.length);
      const count = this.countKeptTokens(last.sampled.ids, kept);
      last.sampled = cutSampled(last.sampled, count);
      known = last.read + this.tokenizer.decode(last.sampled.ids);
    }
    const added = text.slice(known.length);
    const prompt = { text: added, ids: this.tokenizer.encode(added) };
    const before = this.calls.flatMap((call) => [...call.prompt.ids, ...call.sampled.ids]);
    return { prompt, ids: [...before, ...prompt.ids] };
  }

  /** Records what was sampled after it had read `text`. */
  add(text: string, prompt: EncodedPrompt, sampled: Sampled): void {
    this.calls.push({ read: text, prompt, sampled });
  }

  /** Tokens of each call, in order. */
  listTokens(): CallTokens[] {
    return this.calls.map(({ prompt, sampled }) => {
      const { fed, ids, mask, logprobs, entropies } = buildGenerateStep(prompt, sampled, 0, 0);
      return { fed, ids, mask, logprobs, ...(entropies && { entropies }) };
    });
  }

  /** How many tokens write the longest beginning of `kept` that tokens end at; none that adds no text. */
  private countKeptTokens(ids: readonly number[], kept: string): number {
    const decode = (count: number): string => this.tokenizer.decode(ids.slice(0, count));
    let count = ids.length;
    while (count > 0 && !kept.startsWith(decode(count))) count -= 1;
    while (count > 0 && decode(count - 1) === decode(count)) count -= 1;
    return count;
  }
}

const cutSampled = (
  { ids, logprobs, entropies, forced, ...rest }: Sampled,
  count: number,
): Sampled => ({
  ...rest,
  ids: ids.slice(0, count),
  logprobs: logprobs.slice(0, count),
  ...(entropies && { entropies: entropies.slice(0, count) }),
  forced: forced.slice(0, count),
});
