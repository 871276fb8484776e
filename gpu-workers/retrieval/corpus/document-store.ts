import {
  listEpisodeDocuments,
  type DocumentRef,
  type DocumentText,
  type EpisodeRecord,
} from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";

/** The texts of the documents that episodes name by content hash; each text is held and sent once. */
export class DocumentStore {
  private readonly held = new Map<string, { text: DocumentText; lastAdded: number }>();
  private readonly sent = new Set<string>();
  /** Numbers of the batches that have not ended. */
  private readonly open = new Set<number>();
  private batches = 0;

  /** Holds a document's text. @returns the reference that episodes store */
  add({ id, hash, title, text, score }: RankedDocument): DocumentRef {
    const known = this.held.get(hash);
    if (known) known.lastAdded = this.batches;
    else this.held.set(hash, { text: { id, hash, title, text }, lastAdded: this.batches });
    return { id, hash, score };
  }

  /** Text of a reference that `add` returned. @throws AppError `internal` for any other */
  getText(ref: Pick<DocumentRef, "id" | "hash">): DocumentText {
    const text = this.held.get(ref.hash)?.text;
    if (!text) throw new AppError("internal", `No text is held for document ${ref.id}.`);
    return text;
  }

  /** Takes the documents that these records name and that no earlier call has returned. */
  takeUnsent(records: readonly Pick<EpisodeRecord, "episode" | "baseline">[]): DocumentText[] {
    const texts: DocumentText[] = [];
    for (const ref of records.flatMap(collectReferences)) {
      if (this.sent.has(ref.hash)) continue;
      this.sent.add(ref.hash);
      texts.push(this.getText(ref));
    }
    return texts;
  }

  /**
   * Begins a batch; the returned function ends it and forgets the texts that were last added before the oldest open
   * batch began, so that the memory of a long run stays bounded. Which texts were sent is not forgotten.
   */
  openBatch(): () => void {
    const number = ++this.batches;
    this.open.add(number);
    return () => {
      this.open.delete(number);
      const oldest = Math.min(...this.open, Infinity);
      for (const [hash, { lastAdded }] of this.held) if (lastAdded < oldest) this.held.delete(hash);
    };
  }
}

const collectReferences = ({
  episode,
  baseline,
}: Pick<EpisodeRecord, "episode" | "baseline">): DocumentRef[] => [
  ...listEpisodeDocuments(episode),
  ...(baseline?.context ?? []),
];
