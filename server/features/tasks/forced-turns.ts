import type { EpisodeChange } from "@/contracts/api/tasks";
import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import type { SearchConfig } from "@/contracts/run-config/search";
import type { ForcedTurn } from "@/contracts/worker-protocol/tasks";
import { groupStepsByTurn, type Turn } from "@/core/episode/turns";

/**
 * What is given of an episode that is played again with a change: everything before the changed turn as it was, and of
 * the changed turn what a person wrote. Nothing is given where it is played from its beginning. Pure.
 *
 * @throws AppError "invalid-input" where the change names a turn or documents that the episode does not have
 */
export function buildForcedTurns(
  { method, steps }: Pick<Episode, "method" | "steps">,
  { turns: searches, protocol }: Pick<SearchConfig, "turns" | "protocol">,
  { turn, query, selected }: Pick<EpisodeChange, "turn" | "query" | "selected">,
): ForcedTurn[] {
  if (turn === 0 && query === undefined && selected === undefined) return [];
  if (method !== "s3")
    throw new AppError(
      "unsupported",
      "Only the search of s3 can go on from a turn; other methods are played from their beginning.",
    );
  const turns = groupStepsByTurn(steps);
  const kept = turns.slice(0, turn ?? turns.length).flatMap(listGenerations);
  if (turn === null) return kept;
  const changed = turns[turn];
  const last = protocol === "upstream" ? searches + 1 : searches;
  if (turn > turns.length || turn > last)
    throw new AppError("invalid-input", `There is no turn ${turn} to go on from.`);
  if (!changed && query === undefined)
    throw new AppError("invalid-input", `The search ended before turn ${turn}: give its query.`);
  if (query !== undefined) {
    if (turn === 0) return [{ query }];
    return [...kept.slice(0, -1), { ...kept[kept.length - 1], nextQuery: query }];
  }
  if (selected === undefined) return kept;
  const window = new Set(changed!.documents.map(({ id }) => id));
  const unknown = selected.find((id) => !window.has(id));
  if (unknown !== undefined)
    throw new AppError(
      "invalid-input",
      `Document ${unknown} is not in the window of turn ${turn}.`,
    );
  return [...kept, { documents: changed!.documents, selected }];
}

/** What is given of a turn: its window with the first text, then each further try, which shows nothing new (`upstream`). */
function listGenerations({
  documents,
  generated,
}: Pick<Turn, "documents" | "generated">): ForcedTurn[] {
  const [first, ...further] = generated.map(({ text }): ForcedTurn => ({ text }));
  return [{ documents, ...first }, ...further];
}
