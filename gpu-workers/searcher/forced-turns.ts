import type { Sampled } from "@/contracts/engine/dialect";
import type { DocumentRef } from "@/contracts/records/episode";
import type { SearchConfig } from "@/contracts/run-config/search";
import type { ForcedTurn } from "@/contracts/worker-protocol/tasks";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";

/**
 * Turns of which something is given before they are played: how a recorded episode is gone through again up to the turn
 * that is to go differently. Tokens that are given were not chosen by the policy. Pure.
 */

/** What is given of a turn's text; the searcher writes on behind it unless it is the whole. */
interface ForcedText {
  text: string;
  isWhole: boolean;
}

/** The given text of a turn in the form of the protocol; null: none is given. */
export function writeForcedText(
  forced: ForcedTurn | undefined,
  window: readonly DocumentRef[],
  { decoding }: Pick<SearchConfig, "decoding">,
  last: boolean,
): ForcedText | null {
  if (forced?.text !== undefined) {
    const { text, nextQuery } = forced;
    return { text: nextQuery === undefined ? text : replaceQuery(text, nextQuery), isWhole: true };
  }
  if (forced?.selected === undefined) return null;
  const positions = forced.selected
    .map((id) => window.findIndex((ref) => ref.id === id) + 1)
    .filter((position) => position > 0)
    .sort((a, b) => a - b);
  const text = `<important_info>[${positions.join(", ")}]</important_info>`;
  // In the last turn there is nothing but the selection to write.
  return { text: last || decoding === "free" ? text : `${text}\n`, isWhole: last };
}

/** The text with this query where its stop decision or query begins. */
export function replaceQuery(text: string, query: string): string {
  const ends = ["<search_complete>", "<query>"].map((tag) => text.indexOf(tag));
  const end = Math.min(...ends.map((at) => (at < 0 ? text.length : at)));
  return `${text.slice(0, end).trimEnd()}\n<search_complete>False</search_complete>\n<query>{"query": ${JSON.stringify(query)}}</query>`;
}

/** What was given and what was sampled behind it, as one text of the searcher. */
export function joinForced(
  tokenizer: Pick<Tokenizer, "encode">,
  given: string,
  sampled: Sampled | null,
): Sampled {
  if (sampled !== null && given === "") return sampled;
  const ids = tokenizer.encode(given);
  const zeros = ids.map(() => 0);
  return {
    ids: [...ids, ...(sampled?.ids ?? [])],
    logprobs: [...zeros, ...(sampled?.logprobs ?? [])],
    ...(sampled?.entropies && { entropies: [...zeros, ...sampled.entropies] }),
    forced: [...ids.map(() => true), ...(sampled?.forced ?? [])],
    finishReason: sampled?.finishReason ?? "stop",
    text: given + (sampled?.text ?? ""),
  };
}
