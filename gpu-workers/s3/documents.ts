import type { DocumentRef, DocumentText, EpisodeRecord } from "@/contracts/episode";
import { AppError } from "@/contracts/errors";
import type { RankedDocument } from "../retrieval/retriever";

/**
 * The texts behind the references of episodes. Episodes name documents by content hash; a text is held and sent once.
 */
export class DocumentBook {
  private readonly texts = new Map<string, DocumentText>();
  private readonly sent = new Set<string>();

  add({ id, hash, title, text, score }: RankedDocument): DocumentRef {
    if (!this.texts.has(hash)) this.texts.set(hash, { id, hash, title, text });
    return { id, hash, score };
  }

  /** Text of a reference that this book gave. */
  textOf(ref: Pick<DocumentRef, "id" | "hash">): DocumentText {
    const text = this.texts.get(ref.hash);
    if (!text) throw new AppError("internal", `No text is held for document ${ref.id}.`);
    return text;
  }

  /** The documents that these records name and no earlier call returned. */
  unsent(records: readonly Pick<EpisodeRecord, "episode" | "baseline">[]): DocumentText[] {
    const texts: DocumentText[] = [];
    for (const ref of records.flatMap(referencesOf)) {
      if (this.sent.has(ref.hash)) continue;
      this.sent.add(ref.hash);
      texts.push(this.textOf(ref));
    }
    return texts;
  }

  /** Lets go of the texts (what was sent stays known), so that a long run's memory stays bounded. */
  forgetTexts(): void {
    this.texts.clear();
  }
}

const referencesOf = ({ episode, baseline }: Pick<EpisodeRecord, "episode" | "baseline">): DocumentRef[] => [
  ...episode.steps.flatMap((step) => (step.kind === "retrieve" ? step.documents : [])),
  ...episode.context,
  ...(baseline?.context ?? []),
];
