import { AppError } from "@/contracts/errors";
import type { FormatError } from "@/contracts/records/episode";

/** What the searcher decided in one turn. */
export interface TurnDecision {
  /** 1-based positions in the window, in the order given (`upstream`: ascending); null: none that can be read, the whole window is kept. */
  selection: number[] | null;
  /** The stop decision; null where there is none that can be read. */
  complete: boolean | null;
  /** Next query; null where there is none, or where the search is complete. */
  query: string | null;
  /** As JSON, a query that is no text: the released code sends it, and its retriever refuses the batch. */
  refusedQuery?: string;
  errors: FormatError[];
}

/**
 * Refuses a query that is no text. The released code sends it, its retriever refuses the batch, and every episode of the
 * batch reads "Error" for its documents: a failure, which is never a document here.
 *
 * @param label the question, for the message
 * @throws AppError "invalid-input"
 */
export function requireSendableQuery({ refusedQuery }: TurnDecision, label: string): void {
  if (refusedQuery !== undefined)
    throw new AppError(
      "invalid-input",
      `For question ${label} the searcher wrote the query ${refusedQuery}, which is no text: the released code's retriever refuses it with its whole batch. Set search.protocol to paper, which ends such an episode, or search.decoding to guided.`,
    );
}
