import {
  listEpisodeDocuments,
  type DocumentRef,
  type DocumentText,
  type EpisodeRecord,
} from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";

/**
 * The texts behind the references of episodes. Episodes name documents by content hash; a text is held and sent once.
 */
export class DocumentStore {
  private readonly held = new Map<string, { text: DocumentText; lastAdded: number }>();
  private readonly sent = new Set<string>();
  /** Batches that are being worked on, by the number that counts them up. */
  private readonly open = new Set<number>();
  private batches = 0;

  add({ id, hash, title, text, score }: RankedDocument): DocumentRef {
    const known = this.held.get(hash);
    if (known) known.lastAdded = this.batches;
    else this.held.set(hash, { text: { id, hash, title, text }, lastAdded: this.batches });
    return { id, hash, score };
  }

  /** Text of a reference that this book gave. */
  getText(ref: Pick<DocumentRef, "id" | "hash">): DocumentText {
    const text = this.held.get(ref.hash)?.text;
    if (!text) throw new AppError("internal", `No text is held for document ${ref.id}.`);
    return text;
  }

  /** The documents that these records name and no earlier call returned. */
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
   * Begins a batch; the returned function ends it and lets go of the texts that no batch has added since the oldest
   * that is still open began (what was sent stays known), so that a long run's memory stays bounded.
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
