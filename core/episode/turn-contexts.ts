import type { DocumentRef, EpisodeStep } from "@/contracts/records/episode";
import { groupStepsByTurn } from "./turns";

/** The documents that the generator would have been handed if the search had ended with a turn. */
export interface TurnDocuments {
  turn: number;
  documents: DocumentRef[];
}

/** The union of the selections up to each turn, in the order they were made. */
export function listTurnDocuments(steps: readonly EpisodeStep[]): TurnDocuments[] {
  const handed = new Map<string, DocumentRef>();
  return groupStepsByTurn(steps).map((turn) => {
    const inWindow = new Map(turn.documents.map((document) => [document.id, document]));
    const selected =
      turn.implicit && turn.selected.size === 0 ? [...inWindow.keys()] : [...turn.selected];
    for (const id of selected) {
      const document = inWindow.get(id);
      if (document && !handed.has(id)) handed.set(id, document);
    }
    return { turn: turn.index, documents: [...handed.values()] };
  });
}
