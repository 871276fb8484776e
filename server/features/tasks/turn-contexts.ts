import { AppError } from "@/contracts/errors";
import type { DocumentText, EpisodeStep } from "@/contracts/records/episode";
import { groupStepsByTurn } from "@/core/episode/turns";

export interface TurnContext {
  turn: number;
  documents: DocumentText[];
}

/**
 * The union of the selections up to each turn, in the order they were made: the generator's documents if the search
 * had stopped there.
 *
 * @param texts documents by content hash
 */
export function buildTurnContexts(
  steps: readonly EpisodeStep[],
  texts: Readonly<Record<string, DocumentText>>,
): TurnContext[] {
  const handed = new Map<string, DocumentText>();
  return groupStepsByTurn(steps).map((turn) => {
    const inWindow = new Map(turn.documents.map((document) => [document.id, document]));
    const selected =
      turn.implicit && turn.selected.size === 0 ? [...inWindow.keys()] : [...turn.selected];
    for (const id of selected) {
      const document = inWindow.get(id);
      const text = document && texts[document.hash];
      if (document && !text)
        throw new AppError("internal", `The text of document ${id} is not stored.`);
      if (text && !handed.has(id)) handed.set(id, { ...text, id });
    }
    return { turn: turn.index, documents: [...handed.values()] };
  });
}
