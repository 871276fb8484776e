import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { isCorpusKnown } from "./queries";

/** What is stored under the names that configurations give. Each name is looked up once, however many of them give it. */
export class KnownNames {
  private readonly corpora = new Map<string, Promise<boolean>>();
  private readonly golds = new Map<string, Promise<number | null>>();

  constructor(private readonly db: Queries) {}

  /** Whether a corpus is here, or on a worker. */
  hasCorpus(name: string): Promise<boolean> {
    return getOrAdd(this.corpora, name, () => isCorpusKnown(this.db, name));
  }

  /** Questions with gold documents in the newest version of a set; null where there is no such set. */
  countGoldQuestions(name: string): Promise<number | null> {
    return getOrAdd(this.golds, name, async () => {
      const set = await this.db.questionSet.findFirst({
        where: { projectId: DEFAULT_PROJECT, name },
        orderBy: { createdAt: "desc" },
        select: { withGold: true },
      });
      return set?.withGold ?? null;
    });
  }
}

function getOrAdd<T>(
  known: Map<string, Promise<T>>,
  name: string,
  read: () => Promise<T>,
): Promise<T> {
  let value = known.get(name);
  if (value === undefined) known.set(name, (value = read()));
  return value;
}
