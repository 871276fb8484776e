import { AppError } from "@/contracts/errors";
import type { DocumentText, EpisodeStep } from "@/contracts/records/episode";
import { listTurnDocuments } from "@/core/episode/turn-contexts";

export interface TurnContext {
  turn: number;
  documents: DocumentText[];
}

/**
 * The generator's documents after each turn, with their texts.
 *
 * @param texts documents by content hash
 */
export const buildTurnContexts = (
  steps: readonly EpisodeStep[],
  texts: Readonly<Record<string, DocumentText>>,
): TurnContext[] =>
  listTurnDocuments(steps).map(({ turn, documents }) => ({
    turn,
    documents: documents.map(({ id, hash }) => {
      const text = texts[hash];
      if (!text) throw new AppError("internal", `The text of document ${id} is not stored.`);
      return { ...text, id };
    }),
  }));
